"""Index rows on PostgreSQL: all that come in one statement, columns as arrays; all that go of one table in another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fhir_service.storage.index_writing import Place, Placed, RowChanges
from fhir_service.storage.sessions import Row, Session

_WHOSE = {"resource_key": "bigint", "partition_key": "text"}
_COLUMNS = {
    "date_value": {"scope": "bigint", "low": "bigint", "high": "bigint"} | _WHOSE,
    "number_value": {"scope": "bigint", "low": "float8", "high": "float8"} | _WHOSE,
    "text_value": {"scope": "bigint", "head": "text", "digest": "bigint", "rest": "text"} | _WHOSE,
    "link": {"scope": "bigint", "target_type": "text", "target_id": "text"} | _WHOSE,
    "full_text": _WHOSE | {"narrative": "text", "content": "text"},
}
_AS_WORDS = "array_to_tsvector(string_to_array({}, ' '))"
_STORED = {
    table: f"SELECT {', '.join(columns)} FROM {table} WHERE resource_key = ANY($1::bigint[])"
    for table, columns in (_COLUMNS | {"full_text": _WHOSE}).items()
}


def _arrays(columns: Mapping[str, str], first: int = 1) -> str:
    """Arrays given as numbered parameters, as rows."""
    given = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(columns.values(), first))
    return f"unnest({given}) AS k({', '.join(columns)})"


def _insert() -> str:
    """One round trip for the rows of all tables."""
    parts, taken = [], 1
    for table, columns in _COLUMNS.items():
        names = ", ".join(columns)
        values = names.replace("narrative, content", ", ".join(map(_AS_WORDS.format, ("narrative", "content"))))
        source = f"SELECT {values} FROM {_arrays(columns, taken)}"
        parts.append(f"INSERT INTO {table} ({names}) {source} ON CONFLICT DO NOTHING")  # fixed words
        taken += len(columns)
    *others, last = parts
    return f"WITH {', '.join(f't{number} AS ({part})' for number, part in enumerate(others))} {last}"


_INSERT = _insert()
_DELETE = {
    table: f"DELETE FROM {table} t USING {_arrays(columns)} WHERE "
    + " AND ".join(f"t.{column} = k.{column}" for column in columns)
    for table, columns in (_COLUMNS | {"full_text": _WHOSE}).items()
}


def place(resource_key: int, partition_key: str) -> Place:
    return Place(resource_key, partition_key)


async def stored_rows(session: Session, keys: Sequence[int]) -> Mapping[str, Sequence[Row]]:
    return {table: await session.fetch(statement, list(keys)) for table, statement in _STORED.items()}


async def write(session: Session, changes: RowChanges) -> None:
    for table, gone in changes.gone.items():
        if gone:
            await session.fetch(_DELETE[table], *_columns(table, _rows(gone)))
    if changes.wordless:
        whose = [_whose(place) for place in changes.wordless]
        await session.fetch(_DELETE["full_text"], *map(list, zip(*whose, strict=True)))
    rows = {table: _rows(new) for table, new in changes.new.items()}
    rows["full_text"] = [(*_whose(place), *words) for place, *words in changes.words]
    if any(rows.values()):
        await session.fetch(_INSERT, *(column for table in _COLUMNS for column in _columns(table, rows[table])))


def _rows(placed: Sequence[Placed]) -> list[Row]:
    return [(*value, *_whose(place)) for value, place in placed]


def _whose(place: Place) -> tuple[int, str]:
    return place.resource_key, place.partition_key


def _columns(table: str, rows: Sequence[Row]) -> list[list[object]]:
    """The rows as columns."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in _COLUMNS[table]]
