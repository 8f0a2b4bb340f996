"""Fresh resources into PostgreSQL by COPY, a stream of CSV for each table.

Text COPY would want every backslash of the JSON doubled; CSV wants nothing but its quote, which is a character that
JSON never holds as it is, so texts go in byte by byte as they are (docs/decisions/bulk-load.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fhir_service.fhir.json_text import instant
from fhir_service.storage.fresh_rows import Block, FreshRow
from fhir_service.storage.index_rows import VALUE_TABLES, IndexRows, Value
from fhir_service.storage.postgresql_adding import add
from fhir_service.storage.sessions import Session

__all__ = ["add", "block", "load"]

_COLUMNS = {
    "resource_version": ("type", "id", "version", "partition_key", "place", "last_updated", "action", "text"),
    "resource_current": (
        *("type", "id", "partition_key", "resource_key", "version", "place", "last_updated", "deleted"),
        *("sort_low", "sort_high", "sort_values", "hashes", "text"),
    ),
    "date_value": ("scope", "low", "high", "resource_key", "partition_key"),
    "number_value": ("scope", "low", "high", "resource_key", "partition_key"),
    "text_value": ("scope", "head", "digest", "rest", "resource_key", "partition_key"),
    "link": ("scope", "target_type", "target_id", "resource_key", "partition_key"),
    "full_text": ("resource_key", "partition_key", "narrative", "content"),
}
_WITH_TIME = ("resource_version", "resource_current")
_D, _Q = "\x02", "\x01"
_BASE, _NOW, _INSTANT = "\x03", "\x04", "\x05"
"""Stand for where the block begins, without its last digits, and its time as a number and as text."""


def block(fresh: Iterable[FreshRow], digits: int) -> Block:
    """By table its lines, those of values as neighbours in the index, which costs half of what any order does."""
    lines: dict[str, list[str]] = {table: [] for table in _COLUMNS}
    for row in fresh:
        _add(lines, row, f"{_BASE}{row.place:0{digits}d}")
    for table in VALUE_TABLES:
        lines[table].sort()
    return {table: "".join(found).encode() for table, found in lines.items() if found}, digits


async def load(session: Session, block: Block, base: int, last_updated: int) -> None:
    tables, digits = block
    first = str(base // 10**digits).encode() if base else b""
    now, moment = str(last_updated).encode(), instant(last_updated).encode()
    for table, lines in tables.items():
        whole = lines.replace(_BASE.encode(), first)
        if table in _WITH_TIME:
            whole = whole.replace(_NOW.encode(), now).replace(_INSTANT.encode(), moment)
        await session.copy_in(table, _COLUMNS[table], whole, delimiter=_D, quote=_Q)


def _add(lines: dict[str, list[str]], row: FreshRow, key: str) -> None:
    kind, resource_id, partition_key, _, action, before, after, rows = row
    text = f"{_Q}{before}{_INSTANT}{after}{_Q}\n"
    lines["resource_version"].append(
        f"{kind}{_D}{resource_id}{_D}1{_D}{partition_key}{_D}{key}{_D}{_NOW}{_D}{action}{_D}{text}"
    )
    found_by = f"{rows.sort_low}{_D}{rows.sort_high}{_D}{_quoted(rows.sort_values)}{_D}{_array(rows.hashes)}"
    lines["resource_current"].append(
        f"{kind}{_D}{resource_id}{_D}{partition_key}{_D}{key}{_D}1{_D}{key}{_D}{_NOW}{_D}f{_D}{found_by}{_D}{text}"
    )
    whose = f"{_D}{key}{_D}{partition_key}\n"
    for table, held in (rows.values or {}).items():
        lines[table] += [f"{one}{whose}" for one in map(_LINES[table], held)]
    if rows.content or rows.narrative:
        lines["full_text"].append(_words(rows, f"{key}{_D}{partition_key}{_D}"))


def _words(rows: IndexRows, whose: str) -> str:
    return f"{whose}{_lexemes(rows.narrative)}{_D}{_lexemes(rows.content)}\n"


_LINES: dict[str, Callable[[Value], str]] = {
    "date_value": lambda value: f"{value[0]}{_D}{value[1]}{_D}{value[2]}",
    "number_value": lambda value: f"{value[0]}{_D}{value[1]!r}{_D}{value[2]!r}",
    "text_value": lambda value: f"{value[0]}{_D}{_Q}{value[1]}{_Q}{_D}{value[2]}{_D}{_Q}{value[3]}{_Q}",
    "link": lambda value: f"{value[0]}{_D}{_Q}{value[1]}{_Q}{_D}{_Q}{value[2]}{_Q}",
}
"""How a value is written, by its table."""


def _quoted(text: str) -> str:
    """What is in a block has no such character (`fresh_rows.can_be_in_block`)."""
    return f"{_Q}{text}{_Q}"


def _array(hashes: Iterable[int]) -> str:
    return f"{{{','.join(map(str, hashes))}}}"


def _lexemes(words: str) -> str:
    """A tsvector without places; words have neither quotes nor backslashes (`index_rows.words_of`)."""
    return _quoted(" ".join([f"'{word}'" for word in words.split(" ")]) if words else "")
