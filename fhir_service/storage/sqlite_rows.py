"""Index rows on SQLite: one statement for each kind, run for each row."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from fhir_service.storage.index_writing import Place, Placed, RowChanges
from fhir_service.storage.sessions import Row, Session, Step

_SOME = "resource_key IN (SELECT value FROM json_each($1))"
_COLUMNS = {
    "date_value": ("scope", "low", "high"),
    "number_value": ("scope", "low", "high"),
    "text_value": ("scope", "head", "digest", "rest"),
    "link": ("scope", "target_type", "target_id"),
}
_STORED = {
    table: f"SELECT {', '.join(columns)}, resource_key, '' FROM {table} WHERE {_SOME}"
    for table, columns in _COLUMNS.items()
} | {"full_text": "SELECT rowid, '' FROM full_text WHERE rowid IN (SELECT value FROM json_each($1))"}
_INSERT = {
    table: f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}, resource_key) "
    f"VALUES ({', '.join(f'${number}' for number in range(1, len(columns) + 2))})"
    for table, columns in _COLUMNS.items()
}
_DELETE = {
    table: f"DELETE FROM {table} WHERE "
    + " AND ".join(f"{column} = ${number}" for number, column in enumerate((*columns, "resource_key"), 1))
    for table, columns in _COLUMNS.items()
}
_INSERT_WORDS = "INSERT INTO full_text (rowid, narrative, content) VALUES ($1, $2, $3)"
_DELETE_WORDS = "DELETE FROM full_text WHERE rowid = $1"


def place(resource_key: int, _partition_key: str) -> Place:
    """There are no partitions here."""
    return Place(resource_key, "")


async def stored_rows(session: Session, keys: Sequence[int]) -> Mapping[str, Sequence[Row]]:
    wanted = json.dumps(keys)
    return {table: await session.fetch(statement, wanted) for table, statement in _STORED.items()}


async def write(session: Session, changes: RowChanges) -> None:
    steps: list[Step] = [(_DELETE[table], _rows(gone)) for table, gone in changes.gone.items()]
    # In order of the index, which is how a tree likes to grow.
    steps += [(_INSERT[table], sorted(_rows(new))) for table, new in changes.new.items()]
    steps.append((_DELETE_WORDS, [(place.resource_key,) for place in changes.wordless]))
    steps.append((_INSERT_WORDS, [(place.resource_key, *words) for place, *words in changes.words]))
    await session.run_all([step for step in steps if step[1]])


def _rows(placed: Sequence[Placed]) -> list[tuple[Any, ...]]:
    return [(*value, place.resource_key) for value, place in placed]
