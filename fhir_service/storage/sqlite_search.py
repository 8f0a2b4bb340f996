"""Searches on SQLite, whose planner knows little of what is in the tables: the way to the rows is chosen here.

A walk begins with the rows of the criterion that the fewest resources meet, and asks each whether it meets the others;
where all are common it goes along the order that is wanted, and ends when the page is full.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fhir_service.fhir.access import Access
from fhir_service.search.criteria import AnyCriterion, HasInterval, HasTerm, SortKey
from fhir_service.search.cursor import Cursor
from fhir_service.search.parameters import sort_date_parameter
from fhir_service.search.query import TypeSearch
from fhir_service.search.terms import hash_of, interval_scope, parameter_of
from fhir_service.storage.criteria_sql import Conditions, Subject, flattened
from fhir_service.storage.date_bounds import date_bounds
from fhir_service.storage.index_rows import IN_TIME
from fhir_service.storage.sessions import Row, Session
from fhir_service.storage.sorting import Order, order_of
from fhir_service.storage.sql_text import Values, all_of
from fhir_service.storage.sqlite_sources import WORDS, is_cheap, source

_COLUMNS = "c.type, c.id, c.version, c.last_updated, c.deleted, CAST(c.text AS BLOB), c.resource_key, c.partition_key"
_LINKED = (
    f"SELECT {_COLUMNS}, l.scope FROM link l CROSS JOIN resource_current c "
    "WHERE l.target_type = 'Patient' AND l.target_id = $1 AND c.resource_key = l.resource_key AND NOT c.deleted"
)
_ENOUGH = 2000
"""From so many rows on a criterion counts as common, and nobody counts on."""
_COUNTED = 12
"""Criteria that are weighed against each other; a search with more begins with one of these all the same."""


@dataclass(frozen=True, slots=True)
class _Start:
    """The criterion a walk begins with; `common` if so many resources meet it that an order is worth keeping to."""

    criterion: AnyCriterion
    common: bool


async def find(
    session: Session, search: TypeSearch, access: Access, after: Cursor | None, limit: int
) -> tuple[Sequence[Row], Order]:
    """At most `limit` rows behind a place, each with the values it is sorted by, and the order they are in."""
    if _in_time(search) and _is_open_ended(search):
        return await _walk_in_time(session, search, Conditions(WORDS, Values(), access), after, limit)
    start = await _start(session, search, access)
    if (start is None or start.common) and _in_time(search):
        return await _walk_in_time(session, search, Conditions(WORDS, Values(), access), after, limit)
    in_order = start is None or (start.common and (bool(search.sort) or not _is_one_term(start.criterion)))
    if start is None or (in_order and _walkable(search)):
        return await _walk(session, search, access, after, limit)
    if not search.sort and not _is_one_term(start.criterion):
        conditions = Conditions(WORDS, Values(), access)
        return await _listed(session, search, start.criterion, conditions, after=after, limit=limit)
    values = Values()
    conditions = Conditions(WORDS, values, access)
    criterion = start.criterion
    others = _without(search, criterion)
    key = "p.resource_key" if _is_one_term(criterion) and not search.sort else "c.resource_key"
    order = order_of(search, values, sort_value, key=key)
    subject = Subject(search.resource_type, "p.resource_key", "c")
    wanted = [
        *conditions.live(search.resource_type, "c"),
        *conditions.all(others, subject),
        *order.after(after, values),
    ]
    if _is_one_term(criterion):
        walked, first = "posting p", [f"p.hash = {_hash(criterion, values)}"]
    else:
        rows = source(criterion, search.resource_type, conditions, values)
        walked, first = f"(SELECT DISTINCT resource_key FROM ({rows})) p", []
    words = (
        *("SELECT", _COLUMNS + order.expressions, "FROM", walked),
        *("CROSS JOIN resource_current c ON c.resource_key = p.resource_key WHERE", all_of([*first, *wanted])),
        *("ORDER BY", order.words(), "LIMIT", values(limit)),
    )
    return await session.fetch(" ".join(words), *values.taken), order


async def count(session: Session, search: TypeSearch, access: Access) -> int:
    """How many rows there are."""
    start = await _start(session, search, access)
    values = Values()
    conditions = Conditions(WORDS, values, access)
    if start is None:
        subject = Subject(search.resource_type, "c.resource_key", "c")
        wanted = [*conditions.live(search.resource_type, "c"), *conditions.all(search.criteria, subject)]
        words = f"SELECT count(*) FROM resource_current c WHERE {all_of(wanted)}"
        return int((await session.fetch(words, *values.taken))[0][0])
    rows = source(start.criterion, search.resource_type, conditions, values)
    wanted = conditions.all(_without(search, start.criterion), Subject(search.resource_type, "p.resource_key", "c"))
    # Rows that nobody asks for are not joined: a deleted resource has no index rows.
    joined = "CROSS JOIN resource_current c ON c.resource_key = p.resource_key"
    words = f"SELECT count(*) FROM (SELECT DISTINCT resource_key FROM ({rows})) p"
    needed = f" {joined}" if any("c." in condition for condition in wanted) else ""
    return int((await session.fetch(f"{words}{needed} WHERE {all_of(wanted)}", *values.taken))[0][0])


async def estimate(session: Session, search: TypeSearch, access: Access) -> int:
    """How many rows there are: nobody here knows it roughly."""
    return await count(session, search, access)


def probe(_search: TypeSearch) -> None:
    """A statement is planned anew for each connection only, whatever its values."""


async def about_patient(session: Session, patient_id: str, scopes: Mapping[int, str]) -> Sequence[Row]:
    """What is linked to a patient under one of these scopes, each with the type it is of."""
    found = {row[6]: row for row in await session.fetch(_LINKED, patient_id) if row[-1] in scopes}
    return list(found.values())


def sort_value(key: SortKey, row: str, values: Values) -> str:
    if key.kind == "id":
        return f"{row}.id"
    path = f"""'$."' || {values(key.parameter)} || '"[{int(key.descending)}]'"""
    return f"json_extract({row}.sort_values, {path})"


async def _walk(
    session: Session, search: TypeSearch, access: Access, after: Cursor | None, limit: int
) -> tuple[Sequence[Row], Order]:
    """Along the rows of the type, in the order that is wanted."""
    values = Values()
    conditions = Conditions(WORDS, values, access)
    order = order_of(search, values, sort_value)
    wanted = [
        *conditions.live(search.resource_type, "c"),
        *conditions.all(search.criteria, Subject(search.resource_type, "c.resource_key", "c")),
        *(date_bounds(search, "c", values) if search.sort else ()),
        *order.after(after, values),
    ]
    words = (
        *("SELECT", _COLUMNS + order.expressions, "FROM resource_current c WHERE", all_of(wanted)),
        *("ORDER BY", order.words(), "LIMIT", values(limit)),
    )
    return await session.fetch(" ".join(words), *values.taken), order


async def _listed(
    session: Session,
    search: TypeSearch,
    criterion: AnyCriterion,
    conditions: Conditions,
    *,
    after: Cursor | None,
    limit: int,
) -> tuple[Sequence[Row], Order]:
    """The rows of a criterion in the order of their keys: their keys are listed, and the list is gone along as far as
    it is wanted. Joined, whole rows would have to be sorted."""
    values = conditions.values
    order = order_of(search, values, sort_value)
    behind = order_of(search, values, sort_value, key="+c.resource_key")  # the list is the way, not the range of keys
    wanted = [
        *conditions.live(search.resource_type, "c"),
        f"c.resource_key IN ({source(criterion, search.resource_type, conditions, values)})",
        *conditions.all(_without(search, criterion), Subject(search.resource_type, "c.resource_key", "c")),
        *behind.after(after, values),
    ]
    words = (
        *("SELECT", _COLUMNS, "FROM resource_current c INDEXED BY resource_current_in_order WHERE", all_of(wanted)),
        *("ORDER BY", order.words(), "LIMIT", values(limit)),
    )
    return await session.fetch(" ".join(words), *values.taken), order


async def _walk_in_time(
    session: Session, search: TypeSearch, conditions: Conditions, after: Cursor | None, limit: int
) -> tuple[Sequence[Row], Order]:
    """Along the postings of a term, the newest first. Only for what is `_in_time`."""
    values = conditions.values
    criterion = _in_time(search)
    assert criterion is not None  # noqa: S101  # as its caller has asked
    order = order_of(search, values, sort_value, row="p")
    wanted = [
        f"p.hash = {_hash(criterion, values)}",
        "p.sort_high IS NOT NULL",
        *conditions.live(search.resource_type, "c"),
        *conditions.all(_without(search, criterion), Subject(search.resource_type, "p.resource_key", "c")),
        *(bound for bound in date_bounds(search, "p", values, ("high",))),
        *date_bounds(search, "c", values, ("low",)),
        *order.after(after, values),
    ]
    words = (
        *("SELECT", _COLUMNS + order.expressions, "FROM posting p INDEXED BY posting_in_time"),
        *("CROSS JOIN resource_current c ON c.resource_key = p.resource_key WHERE", all_of(wanted)),
        *("ORDER BY", order.words(), "LIMIT", values(limit)),
    )
    return await session.fetch(" ".join(words), *values.taken), order


def _in_time(search: TypeSearch) -> HasTerm | None:
    """A criterion whose postings are in the order that is wanted: newest first."""
    if len(search.sort) != 1 or not search.sort[0].descending or not order_of(search, Values(), sort_value).indexed:
        return None
    if search.sort[0].parameter != sort_date_parameter(search.resource_type):
        return None
    for criterion in flattened(search.criteria):
        if isinstance(criterion, HasTerm) and _is_one_term(criterion) and parameter_of(criterion.terms[0]) in IN_TIME:
            return criterion
    return None


def _is_open_ended(search: TypeSearch) -> bool:
    """Whether a walk from the newest passes nothing that is too new: one term, and dates from some day on."""
    others = _without(search, _in_time(search)) if _in_time(search) else ()
    own = interval_scope(search.resource_type, sort_date_parameter(search.resource_type) or "")
    return all(
        isinstance(one, HasInterval)
        and one.scope == own
        and len(one.alternatives) == 1
        and all(comparison.end == "high" and comparison.operator in (">", ">=") for comparison in one.alternatives[0])
        for one in others
    )


async def _start(session: Session, search: TypeSearch, access: Access) -> _Start | None:
    """The rarest criterion that rows can be had from; None where there is none."""
    known = [one for one in flattened(search.criteria) if is_cheap(one)][:_COUNTED]
    if not known:
        costly = [one for one in flattened(search.criteria) if is_cheap(one, costly=True)]
        return _Start(costly[0], common=False) if costly else None
    if len(known) == 1 and _is_one_term(known[0]) and not search.sort:
        return _Start(known[0], common=True)
    values = Values()
    conditions = Conditions(WORDS, values, access)
    counts = []
    for one in known:
        rows = source(one, search.resource_type, conditions, values)
        counts.append(f"(SELECT count(*) FROM (SELECT 1 FROM ({rows}) LIMIT {_ENOUGH}))")
    found = (await session.fetch(f"SELECT {', '.join(counts)}", *values.taken))[0]
    ranked = sorted(zip(found, known, strict=True), key=lambda pair: (pair[0], not _is_one_term(pair[1])))
    return _Start(ranked[0][1], common=ranked[0][0] >= _ENOUGH)


def _walkable(search: TypeSearch) -> bool:
    """Whether there is an index in the order that is wanted."""
    return order_of(search, Values(), sort_value).indexed


def _is_one_term(criterion: AnyCriterion) -> bool:
    return isinstance(criterion, HasTerm) and len(criterion.terms) == 1


def _hash(criterion: AnyCriterion, values: Values) -> str:
    assert isinstance(criterion, HasTerm)  # noqa: S101  # as its caller has asked
    return values(hash_of(criterion.terms[0]))


def _without(search: TypeSearch, criterion: AnyCriterion | None) -> list[AnyCriterion]:
    """The criteria beside one, which is met already."""
    return [one for one in flattened(search.criteria) if one is not criterion]
