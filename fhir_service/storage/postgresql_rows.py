"""Index rows on PostgreSQL: all that are there come in one statement, all that go in another, and all that are new in a
third, columns as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from fhir_service.storage.index_writing import Place, Placed, RowChanges
from fhir_service.storage.postgresql_columns import INDEX_COLUMNS, WHOSE
from fhir_service.storage.sessions import Row, Session

_AS_WORDS = "array_to_tsvector(string_to_array({}, ' '))"
_KNOWN_BY = INDEX_COLUMNS | {"full_text": WHOSE}
_STORED = "SELECT " + ", ".join(
    f"(SELECT array_agg(ROW({', '.join(columns)})) FROM {table} WHERE resource_key = ANY($1::bigint[]))"
    for table, columns in _KNOWN_BY.items()
)


def _arrays(columns: Mapping[str, str], first: int = 1) -> str:
    """Arrays given as numbered parameters, as rows."""
    given = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(columns.values(), first))
    return f"unnest({given}) AS k({', '.join(columns)})"


def _insert() -> str:
    """One round trip for the rows of all tables."""
    parts, taken = [], 1
    for table, columns in INDEX_COLUMNS.items():
        names = ", ".join(columns)
        values = names.replace("narrative, content", ", ".join(map(_AS_WORDS.format, ("narrative", "content"))))
        source = f"SELECT {values} FROM {_arrays(columns, taken)}"
        parts.append(f"INSERT INTO {table} ({names}) {source} ON CONFLICT DO NOTHING")  # fixed words
        taken += len(columns)
    return _together(parts)


@cache
def _delete(*tables: str) -> str:
    parts, taken = [], 1
    for table in tables:
        columns = _KNOWN_BY[table]
        same = " AND ".join(f"t.{column} = k.{column}" for column in columns)
        parts.append(f"DELETE FROM {table} t USING {_arrays(columns, taken)} WHERE {same}")  # fixed words
        taken += len(columns)
    return _together(parts)


def _together(parts: Sequence[str]) -> str:
    """One statement of several that have nothing to do with each other."""
    *others, last = parts
    before = ", ".join(f"t{number} AS ({part})" for number, part in enumerate(others))
    return f"WITH {before} {last}" if others else last


_INSERT = _insert()


def place(resource_key: int, partition_key: str) -> Place:
    return Place(resource_key, partition_key)


async def stored_rows(session: Session, keys: Sequence[int]) -> Mapping[str, Sequence[Row]]:
    (found,) = await session.fetch(_STORED, list(keys))
    return {table: rows or () for table, rows in zip(_KNOWN_BY, found, strict=True)}


async def write(session: Session, changes: RowChanges) -> None:
    gone = {table: _rows(placed) for table, placed in changes.gone.items() if placed}
    if changes.wordless:
        gone["full_text"] = [_whose(place) for place in changes.wordless]
    if gone:
        await session.fetch(_delete(*gone), *(column for table in gone for column in _columns(table, gone[table])))
    rows = {table: _rows(new) for table, new in changes.new.items()}
    rows["full_text"] = [(*_whose(place), *words) for place, *words in changes.words]
    if any(rows.values()):
        await session.fetch(_INSERT, *(column for table in INDEX_COLUMNS for column in _columns(table, rows[table])))


def _rows(placed: Sequence[Placed]) -> list[Row]:
    return [(*value, *_whose(place)) for value, place in placed]


def _whose(place: Place) -> tuple[int, str]:
    return place.resource_key, place.partition_key


def _columns(table: str, rows: Sequence[Row]) -> list[list[object]]:
    """The rows as columns."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in INDEX_COLUMNS[table]]
