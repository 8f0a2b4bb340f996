"""Searches on PostgreSQL: an array of hashes on the row with a GIN index, rows for the rest, partitions by patient."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fhir_service.fhir.access import OPEN, Access
from fhir_service.search.criteria import AllOf, AnyCriterion, AnyOf, HasText, Not, PointedAtBy, PointsAt, SortKey
from fhir_service.search.cursor import Cursor
from fhir_service.search.query import TypeSearch
from fhir_service.search.terms import hash_of
from fhir_service.storage.criteria_sql import Conditions, Subject, flattened
from fhir_service.storage.date_bounds import date_bounds
from fhir_service.storage.postgresql_chains import Chains
from fhir_service.storage.repeated_searches import RepeatedSearches
from fhir_service.storage.sessions import Row, Session
from fhir_service.storage.sorting import Order, order_of
from fhir_service.storage.sql_text import Values, all_of

_COLUMNS = (
    "c.type, c.id, c.version, c.last_updated, c.deleted, convert_to(c.text, 'UTF8'), c.resource_key, c.partition_key"
)
_FOUND = "c.type, c.id, c.version, c.last_updated, c.deleted, c.text, c.resource_key, c.partition_key"
_SHOWN = (
    "m.type, m.id, m.version, m.last_updated, m.deleted, convert_to(m.text, 'UTF8'), m.resource_key, m.partition_key"
)
"""Of what was found: else every match would be made bytes before the first are taken."""
_LINKED = (
    f"SELECT {_COLUMNS} FROM (SELECT DISTINCT s.type, l.resource_key, l.partition_key "
    "FROM link l JOIN unnest($2::bigint[], $3::text[]) AS s(scope, type) ON s.scope = l.scope "
    "WHERE l.target_type = 'Patient' AND l.target_id = $1) l JOIN resource_current c ON c.type = l.type "
    "AND c.resource_key = l.resource_key AND c.partition_key = l.partition_key WHERE NOT c.deleted"
)
_repeated = RepeatedSearches()
_FEW = 500
"""Resources with a text that are looked at one by one."""
_COUNTED = 10_000
"""Up to so many matches are counted where an estimate would do."""


async def find(
    session: Session, search: TypeSearch, access: Access, after: Cursor | None, limit: int
) -> tuple[Sequence[Row], Order]:
    """At most `limit` rows behind a place, each with the values it is sorted by, and the order they are in."""
    search = await _without_chains(session, search, access)
    values = Values()
    order = order_of(search, values, sort_value)
    conditions = _conditions(search, access, values) + order.after(after, values)
    if order.columns:
        conditions += date_bounds(search, "c", values)
    sorted_by = "".join(f", m.sort_{number}" for number, _ in enumerate(order.columns))
    named = "".join(f", {column.expression} AS sort_{number}" for number, column in enumerate(order.columns))
    words = (
        *("SELECT", _SHOWN + sorted_by, "FROM (SELECT", _FOUND + named, "FROM resource_current c"),
        *("WHERE", all_of(conditions), "ORDER BY", order.words(), "LIMIT", values(limit), ") m"),
    )
    return await _asked(session, " ".join(words), values), order


async def count(session: Session, search: TypeSearch, access: Access) -> int:
    """How many rows there are."""
    search = await _without_chains(session, search, access)
    values = Values()
    words = ("SELECT count(*) FROM resource_current c WHERE", all_of(_conditions(search, access, values)))
    return int((await _asked(session, " ".join(words), values))[0][0])


async def estimate(session: Session, search: TypeSearch, access: Access) -> int:
    """About how many rows there are: counted where they are few, else what the planner thinks."""
    search = await _without_chains(session, search, access)
    values = Values()
    matches = f"SELECT 1 FROM resource_current c WHERE {all_of(_conditions(search, access, values))}"
    limit = values(_COUNTED)
    counted = f"SELECT count(*) FROM (SELECT 1 FROM ({matches}) m LIMIT {limit}::int) n"
    found = int((await session.fetch(counted, *values.taken))[0][0])
    if found < _COUNTED:
        return found
    plan = await session.fetch(f"EXPLAIN (FORMAT JSON) {matches}", *values.taken[:-1])
    return max(found, int(json.loads(plan[0][0])[0]["Plan"]["Plan Rows"]))


def probe(search: TypeSearch) -> tuple[str, list[Any]] | None:
    """A statement by key that gives a row where a search may have a plan of its own: many have the text it asks for.
    None for a search that should have one in any case: where few have the text, and only there, any plan begins with
    it, and to make another would take longer than to find them."""
    texts = [one for one in flattened(search.criteria) if isinstance(one, HasText)]
    if len(texts) != 1 or texts[0].match not in ("starts", "is") or len(texts[0].texts) != 1:
        return None
    values = Values()
    scope = values(hash_of(texts[0].scope))
    condition = Conditions(WORDS, values, OPEN).texts(texts[0], "v")
    return f"SELECT 1 FROM text_value v WHERE v.scope = {scope} AND ({condition}) OFFSET {_FEW} LIMIT 1", values.taken


async def about_patient(session: Session, patient_id: str, scopes: Mapping[int, str]) -> Sequence[Row]:
    """What is linked to a patient under one of these scopes, each with the type it is of."""
    return await session.fetch(_LINKED, patient_id, list(scopes), list(scopes.values()))


def sort_value(key: SortKey, row: str, values: Values) -> str:
    if key.kind == "id":
        return f'({row}.id COLLATE "C")'
    value = f"({row}.sort_values -> {values(key.parameter)}::text ->> {int(key.descending)})"
    return f"{value}::float8" if key.kind == "number" else f'({value} COLLATE "C")'


async def _asked(session: Session, statement: str, values: Values) -> Sequence[Row]:
    if session.keeps_plans and (known := _repeated.statement(statement, values.taken)):
        return await session.fetch(known)
    return await session.fetch(statement, *values.taken)


async def _without_chains(session: Session, search: TypeSearch, access: Access) -> TypeSearch:
    async def far_end(resource_type: str, criteria: tuple[AnyCriterion, ...], limit: int) -> Sequence[Row]:
        values = Values()
        conditions = all_of(_conditions(TypeSearch(resource_type, criteria), access, values))
        words = ("SELECT c.id, c.resource_key, c.partition_key FROM resource_current c WHERE", conditions)
        return await session.fetch(" ".join((*words, "LIMIT", values(limit))), *values.taken)

    if not any(isinstance(one, PointsAt | PointedAtBy | AllOf | AnyOf | Not) for one in search.criteria):
        return search
    return replace(search, criteria=await Chains(session, access, far_end).without(search.criteria))


def _conditions(search: TypeSearch, access: Access, values: Values) -> list[str]:
    conditions = Conditions(WORDS, values, access)
    subject = Subject(search.resource_type, "c.resource_key", "c")
    return [*conditions.live(search.resource_type, "c"), *conditions.all(search.criteria, subject)]


class _Words:
    """See `criteria_sql.Words`."""

    def has_terms(self, hashes: Sequence[int], subject: Subject, values: Values) -> str:
        return f"{subject.row}.hashes && {values(list(hashes))}::bigint[]"

    def has_all_terms(self, hashes: Sequence[int], subject: Subject, values: Values) -> list[str]:
        return [f"{subject.row}.hashes @> {values(list(hashes))}::bigint[]"]

    def has_words(self, where: str, alternatives: Sequence[Sequence[str]], subject: Subject, values: Values) -> str:
        wanted = " | ".join("(" + " & ".join(f"'{word}'" for word in words) + ")" for words in alternatives)
        column = "narrative" if where == "narrative" else "content"
        same = self.of_subject("f", subject)
        held = f"f.{column} @@ {values(wanted)}::text::tsquery"
        return f"EXISTS (SELECT 1 FROM full_text f WHERE {same} AND {held})"

    def contains(self, text: str, part: str) -> str:
        return f"strpos({text}, {part}) > 0"

    def of_subject(self, alias: str, subject: Subject) -> str:
        return f"{alias}.resource_key = {subject.key} AND {alias}.partition_key = {subject.row}.partition_key"

    def in_partition(self, patient: str, subject: Subject, values: Values) -> list[str]:
        return [f"{subject.row}.partition_key = {values(patient)}"]

    def of_source(self, row: str, link: str) -> str:
        return f"{row}.resource_key = {link}.resource_key AND {row}.partition_key = {link}.partition_key"

    def of_target(self, row: str, link: str, target_type: str) -> str:
        same = f"{row}.type = {link}.target_type AND {row}.id = {link}.target_id"
        # A patient lies in the partition of its own name.
        return f"{same} AND {row}.partition_key = {link}.target_id" if target_type == "Patient" else same


WORDS = _Words()
