"""The accesses to patient data that are remembered: added in groups, found again, and never changed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from fhir_service.fhir.audit_events import EVERYBODY, AccessRecord
from fhir_service.search.audit_query import AuditQuery
from fhir_service.search.dates import Range
from fhir_service.storage.changes import OF_NOBODY, Key, PlacedKey
from fhir_service.storage.database import Database
from fhir_service.storage.dialects import Dialect
from fhir_service.storage.group_commit import Commit, Group
from fhir_service.storage.sessions import Session, Step
from fhir_service.storage.writer import Writer

_COLUMNS = (
    "place, recorded, request, client, address, interaction, about, query, status, resources, patients, more, "
    "action, outcome"
)
_INSERT = f"INSERT INTO audit_event ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
_INSERT_ENTITIES = "INSERT INTO audit_entity (type, id, place) {placed_keys}"
_WHOSE = (
    "SELECT c.type, c.id, c.partition_key FROM {keys} CROSS JOIN resource_current c "
    "WHERE c.type = k.type AND c.id = k.id"
)
_ANY = f"'{EVERYBODY}'"
_OLDEST = f"SELECT {_COLUMNS} FROM audit_event WHERE recorded < $1 ORDER BY recorded LIMIT $2"
_FORGET = "DELETE FROM audit_event WHERE place = $1"
_FORGET_ENTITY = "DELETE FROM audit_entity WHERE type = $1 AND id = $2 AND place = $3"
_AT_ONCE = 500
"""Events that are removed in one transaction, in which nobody else writes."""
_TOGETHER = 500
"""Entities that one statement adds."""
_PATIENT = "Patient"


@dataclass(slots=True)
class Attempt:
    """To write some records: the `place` of the first of them, which they were given at the last try."""

    place: int = 0


class AccessRecords:
    """Those of one store."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database = database
        self._writer = writer

    async def add(self, records: Sequence[AccessRecord], attempt: Attempt | None = None) -> None:
        """Durable when this returns; whose data it was is looked up. Raises StoreUnavailable. Who gives the same
        records again gives the `attempt` too: where the last one came to its end and nobody saw it, nothing is written.
        """
        whose = await self._whose(set().union(*map(_unknown, records)))
        patients = [_patients(record, whose) for record in records]
        entities = [_entities(record, of) for record, of in zip(records, patients, strict=True)]
        last = attempt or Attempt()

        async def write(group: Group) -> None:
            if records and await _is_there(group.session, last.place, records[0]):
                return
            first = last.place = group.plan.next_place
            await group.reserve(len(records))
            group.plan.next_place += len(records)
            rows = [_row(first + number, record, patients[number]) for number, record in enumerate(records)]
            found_by = sorted((*key, first + number) for number, keys in enumerate(entities) for key in keys)
            await group.session.run_all([(_INSERT, rows), *_entity_steps(group.dialect, found_by)])

        await self._writer.commit(Commit(work=write))

    async def page(self, query: AuditQuery) -> tuple[list[AccessRecord], int | None]:
        """The next matches, newest first, and the place after which the page behind them begins; None on the last."""
        condition, values = _condition(query)
        ordered = f"ORDER BY place DESC LIMIT {query.count + 1}"
        statement = f"SELECT {_COLUMNS} FROM audit_event e WHERE {condition} {ordered}"
        async with self._database.searching() as session:
            rows = await session.fetch(statement, *values)
        found = [_record(row) for row in rows[: query.count]]
        return found, found[-1].place if len(rows) > query.count else None

    async def count(self, query: AuditQuery) -> int:
        """How many match on all pages."""
        condition, values = _condition(query)
        async with self._database.searching() as session:
            rows = await session.fetch(f"SELECT count(*) FROM audit_event e WHERE {condition}", *values)
        return int(rows[0][0])

    async def prune(self, before: int) -> int:
        """Remove for good what was recorded before that instant (milliseconds since 1970), and tell how many there
        were. Broken off, what it has done stays done. Raises StoreUnavailable."""
        removed = 0
        while number := await self._writer.commit(Commit(work=lambda group: _remove(group, before))):
            removed += number
        return removed

    async def _whose(self, keys: set[Key]) -> dict[Key, str]:
        """The patient of each resource that has one; of a patient it is known."""
        keys = {key for key in keys if key[0] != _PATIENT}
        if not keys:
            return {}
        dialect = self._database.dialect
        async with self._database.reading() as session:
            rows = await session.fetch(_WHOSE.format(keys=dialect.keys), *dialect.key_values(sorted(keys)))
        return {(kind, resource_id): key for kind, resource_id, key in rows if not key.startswith(OF_NOBODY)}


def _entity_steps(dialect: Dialect, found_by: Sequence[PlacedKey]) -> list[Step]:
    """Many rows in a statement, between which others have their turn."""
    statement = _INSERT_ENTITIES.format(placed_keys=dialect.placed_keys)
    portions = (found_by[start : start + _TOGETHER] for start in range(0, len(found_by), _TOGETHER))
    return [(statement, [dialect.placed_key_values(portion)]) for portion in portions]


def _unknown(record: AccessRecord) -> Collection[Key]:
    """The resources of which it has to be found out whose they are."""
    return record.resources.keys() if record.unknown is None else record.unknown


def _patients(record: AccessRecord, whose: Mapping[Key, str]) -> list[str]:
    """The ids of those whose data it was."""
    found = set(record.patients)
    for key in _unknown(record):
        if key[0] == _PATIENT:
            found.add(key[1])
        elif key in whose:
            found.add(whose[key])
    return sorted(found)


async def _is_there(session: Session, place: int, record: AccessRecord) -> bool:
    """Whether that place has this record; then all that were to be written with it are there, in one transaction."""
    rows = await session.fetch(f"SELECT {_COLUMNS} FROM audit_event WHERE place = $1", place) if place else ()
    return bool(rows) and tuple(rows[0])[1:9] == _row(place, record, [])[1:9]


async def _remove(group: Group, before: int) -> int:
    records = [_record(row) for row in await group.session.fetch(_OLDEST, before, _AT_ONCE)]
    entities = [(*key, one.place) for one in records for key in {*_entities(one, one.patients), *one.resources}]
    if records:
        places = [(one.place,) for one in records]
        await group.session.run_all([(_FORGET_ENTITY, sorted(entities)), (_FORGET, places)])
    return len(records)


def _entities(record: AccessRecord, patients: Sequence[str]) -> set[Key]:
    """What the AuditEvent names, and can be found by."""
    found = {(kind, resource_id) for kind, resource_id, _ in record.named_resources}
    kind, _, resource_id = record.about.partition("/")
    if resource_id:
        found.add((kind, resource_id))
    return found | {(_PATIENT, patient) for patient in patients}


def _row(place: int, record: AccessRecord, patients: list[str]) -> tuple[Any, ...]:
    return (
        *(place, record.recorded, record.request, record.client, record.address, record.interaction),
        *(record.about, record.query, record.status, msgspec.json.encode(record.named_resources).decode()),
        *(msgspec.json.encode(patients).decode(), record.more, record.action, record.outcome),
    )


_resources = msgspec.json.Decoder(tuple[tuple[str, str, int], ...])
_ids = msgspec.json.Decoder(tuple[str, ...])


def _record(row: Sequence[Any]) -> AccessRecord:
    place, recorded, request, client, address, interaction, about, query, status, resources, patients, more = row[:12]
    return AccessRecord(
        recorded=recorded,
        request=request,
        client=client,
        address=address,
        interaction=interaction,
        about=about,
        query=query,
        status=status,
        resources={(kind, resource_id): version for kind, resource_id, version in _resources.decode(resources)},
        patients=_ids.decode(patients),
        more=bool(more),
        place=place,
    )


Add = Callable[[Any], str]
"""Takes a value and returns its parameter."""


def _condition(query: AuditQuery) -> tuple[str, list[Any]]:
    values: list[Any] = []

    def add(value: Any) -> str:
        values.append(value)
        return f"${len(values)}"

    conditions = ["TRUE"] if query.after is None else [f"place < {add(query.after)}"]
    for name, alternatives in query.criteria:
        made = [_MADE[name](value, add) for value in alternatives]
        conditions.append(f"({' OR '.join(made)})" if made else "FALSE")
    return " AND ".join(conditions), values


def _is(column: str) -> Callable[[Any, Add], str]:
    return lambda value, add: f"{column} = {add(value)}"


def _in_time(value: Range, add: Add) -> str:
    return f"(recorded >= {add(value.low)} AND recorded < {add(value.high)})"


def _names(value: Key, add: Add) -> str:
    kind, resource_id = add(value[0]), add(value[1])
    return f"place IN (SELECT n.place FROM audit_entity n WHERE n.type = {kind} AND n.id IN ({resource_id}, {_ANY}))"


_MADE: dict[str, Callable[[Any, Add], str]] = {
    "_id": _is("place"),
    "action": _is("action"),
    "address": _is("address"),
    "altid": _is("client"),
    "date": _in_time,
    "entity": _names,
    "outcome": _is("outcome"),
    "patient": _names,
    "subtype": _is("interaction"),
}
