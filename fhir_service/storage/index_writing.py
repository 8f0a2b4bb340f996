"""Index rows on their way into the tables: on an update only those that differ from what is stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from fhir_service.storage.changes import Key
from fhir_service.storage.index_rows import NO_ROWS, VALUE_TABLES, IndexRows, Value
from fhir_service.storage.sessions import Row, Session


@dataclass(frozen=True, slots=True)
class Place:
    """Whose rows they are."""

    resource_key: int
    partition_key: str


Placed = tuple[Value, Place]
"""A row and whose it is."""


@dataclass(slots=True)
class RowChanges:
    """What a group does to the index rows: by table rows that go and rows that come. `words` are those of resources
    that come, `wordless` are resources whose words go."""

    gone: dict[str, list[Placed]] = field(default_factory=lambda: {table: [] for table in VALUE_TABLES})
    new: dict[str, list[Placed]] = field(default_factory=lambda: {table: [] for table in VALUE_TABLES})
    wordless: list[Place] = field(default_factory=list)
    words: list[tuple[Place, str, str]] = field(default_factory=list)


class RowStore(Protocol):
    """The index rows of one database."""

    def place(self, resource_key: int, partition_key: str) -> Place: ...
    async def stored_rows(self, session: Session, keys: Sequence[int]) -> Mapping[str, Sequence[Row]]:
        """By table the rows of these resources: the value, then the keys of resource and partition."""

    async def write(self, session: Session, changes: RowChanges) -> None: ...


class Held(Protocol):
    """The state of a resource, as far as its rows are concerned."""

    @property
    def resource_key(self) -> int: ...
    @property
    def partition_key(self) -> str: ...
    @property
    def deleted(self) -> bool: ...
    @property
    def rows(self) -> IndexRows: ...


async def write_index_rows(
    session: Session, store: RowStore, before: Mapping[Key, Held], after: Mapping[Key, Held]
) -> None:
    """Bring the rows of these resources in line with the states after a group."""
    known = {state.resource_key for key, state in before.items() if key in after and not state.deleted}
    changes = await _differences(session, store, known, after.values())
    await store.write(session, changes)


async def erase_index_rows(session: Session, store: RowStore, states: Iterable[Held]) -> None:
    """Remove all rows of these resources."""
    known = {state.resource_key for state in states}
    if known:
        await store.write(session, await _differences(session, store, known, ()))


async def _differences(session: Session, store: RowStore, known: set[int], after: Iterable[Held]) -> RowChanges:
    old: dict[str, dict[int, set[Placed]]] = {table: {} for table in VALUE_TABLES}
    if known:
        stored = await store.stored_rows(session, sorted(known))
        for table, rows in stored.items():
            for *value, resource_key, partition_key in rows:
                placed = (tuple(value), store.place(resource_key, partition_key))
                old.setdefault(table, {}).setdefault(resource_key, set()).add(placed)
    changes = RowChanges()
    for _, place in (placed for words in old.pop("full_text", {}).values() for placed in words):
        changes.wordless.append(place)
    for state in after:
        place = store.place(state.resource_key, state.partition_key)
        wanted_rows = NO_ROWS if state.deleted else state.rows
        for table in VALUE_TABLES:
            here = old[table].pop(state.resource_key, set())
            wanted = {(value, place) for value in wanted_rows.of(table)}
            changes.gone[table] += here - wanted
            changes.new[table] += wanted - here
        if wanted_rows.content or wanted_rows.narrative:
            changes.words.append((place, wanted_rows.narrative, wanted_rows.content))
    for table, left in old.items():
        changes.gone[table] += (placed for rows in left.values() for placed in rows)
    return changes
