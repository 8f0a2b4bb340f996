"""Some fresh resources into PostgreSQL: one statement, whatever tables their rows go to.

asyncpg looks at each element of an array that it sends, which takes longer than everything else about a write. So a
column is one text here, that the server takes apart: numbers as an array is written, texts with a character between
them that none of them has (`fresh_rows.can_be_in_block`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fhir_service.fhir.json_text import instant
from fhir_service.storage.fresh_rows import FreshRow
from fhir_service.storage.index_rows import VALUE_TABLES
from fhir_service.storage.postgresql_columns import INDEX_COLUMNS
from fhir_service.storage.sessions import Session

_BETWEEN = "\x01"
_RESOURCE = {
    **dict.fromkeys(("type", "id", "partition_key"), "text"),
    **dict.fromkeys(("place", "sort_low", "sort_high"), "bigint"),
    **dict.fromkeys(("action", "text", "sort_values", "hashes"), "text"),
}
_WORDS = "array_to_tsvector(string_to_array(coalesce(k.{}, ''), ' '))"
_FORMS = {
    "full_text": {name: _WORDS.format(name) for name in ("narrative", "content")},
    # An array of one empty text is written as one of none; the row has nothing there then.
    "text_value": {name: f"coalesce(k.{name}, '')" for name in ("head", "rest")},
}


def _given(columns: Mapping[str, str], first: int) -> str:
    """Columns given as numbered parameters, as rows."""
    arrays = [
        f"string_to_array(${number}::text, chr({ord(_BETWEEN)}))" if kind == "text" else f"${number}::text::{kind}[]"
        for number, kind in enumerate(columns.values(), first)
    ]
    return f"unnest({', '.join(arrays)}) AS k({', '.join(columns)})"


def _statement() -> str:
    """`$1` is the time; then come the columns of the resources and of what they are found by."""
    taken = 2
    parts = [f"fresh AS MATERIALIZED (SELECT * FROM {_given(_RESOURCE, taken)})"]
    taken += len(_RESOURCE)
    for table, columns in INDEX_COLUMNS.items():
        forms = ", ".join(_FORMS.get(table, {}).get(name, f"k.{name}") for name in columns)
        chosen = f"SELECT {forms} FROM {_given(columns, taken)}"
        parts.append(f"{table}_added AS (INSERT INTO {table} ({', '.join(columns)}) {chosen})")  # fixed words
        taken += len(columns)
    parts.append(
        "versions AS (INSERT INTO resource_version (type, id, version, partition_key, place, last_updated, action, "
        "text) SELECT type, id, 1, partition_key, place, $1, action, text FROM fresh)"
    )
    return (
        f"WITH {', '.join(parts)} INSERT INTO resource_current (type, id, partition_key, resource_key, version, place, "
        "last_updated, deleted, sort_low, sort_high, sort_values, hashes, text) SELECT type, id, partition_key, place, "
        "1, place, $1, false, sort_low, sort_high, sort_values::jsonb, hashes::bigint[], text FROM fresh"
    )


_STATEMENT = _statement()


async def add(session: Session, fresh: Sequence[FreshRow], last_updated: int) -> None:
    """Write versions, current resources and all that they are found by. Raises StoreUnavailable."""
    moment = instant(last_updated)
    resources: list[tuple[Any, ...]] = []
    rows: dict[str, list[tuple[Any, ...]]] = {table: [] for table in INDEX_COLUMNS}
    for kind, resource_id, partition_key, key, action, before, after, found_by in fresh:
        in_time = (key, found_by.sort_low, found_by.sort_high)
        text = f"{before}{moment}{after}"
        hashes = _array(found_by.hashes)
        resources.append((kind, resource_id, partition_key, *in_time, action, text, found_by.sort_values, hashes))
        for table, held in (found_by.values or {}).items():
            rows[table] += [(*value, key, partition_key) for value in held]
        if found_by.content or found_by.narrative:
            rows["full_text"].append((key, partition_key, found_by.narrative, found_by.content))
    for table in VALUE_TABLES:
        rows[table].sort()  # as neighbours in the index, which costs less than any other order
    columns = _columns(_RESOURCE, resources)
    for table, names in INDEX_COLUMNS.items():
        columns += _columns(names, rows[table])
    await session.fetch(_STATEMENT, last_updated, *columns)


def _columns(names: Mapping[str, str], rows: Sequence[tuple[Any, ...]]) -> list[str]:
    if not rows:
        return ["" if kind == "text" else "{}" for kind in names.values()]
    given = zip(names.values(), zip(*rows, strict=True), strict=True)
    return [_BETWEEN.join(column) if kind == "text" else _array(column) for kind, column in given]


def _array(numbers: Iterable[float]) -> str:
    return f"{{{','.join(map(repr, numbers))}}}"
