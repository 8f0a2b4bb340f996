"""Fresh resources into SQLite: several rows in one statement, each table in the order of its key."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from functools import cache
from itertools import chain
from operator import itemgetter
from typing import Any

from fhir_service.storage.fresh_rows import FreshRow
from fhir_service.storage.index_rows import VALUE_TABLES
from fhir_service.storage.sessions import Row, Session, Step

_TOGETHER = 50
"""Rows in one statement; more make it no faster."""
_COLUMNS = {
    "resource_version": "type, id, version, partition_key, place, last_updated, action, text",
    "resource_current": "type, id, partition_key, resource_key, version, place, last_updated, deleted, sort_low, "
    "sort_high, sort_values, hashes, text",
    "posting": "hash, resource_key, sort_high",
    "date_value": "scope, low, high, resource_key",
    "number_value": "scope, low, high, resource_key",
    "text_value": "scope, head, digest, rest, resource_key",
    "link": "scope, target_type, target_id, resource_key",
    "full_text": "rowid, narrative, content",
}


async def load(session: Session, fresh: Sequence[FreshRow]) -> None:
    steps: list[Step] = []
    for table, rows in _rows(fresh).items():
        whole = len(rows) - len(rows) % _TOGETHER
        together = [tuple(chain.from_iterable(rows[at : at + _TOGETHER])) for at in range(0, whole, _TOGETHER)]
        steps.append((_statement(table, _TOGETHER), together))
        steps.append((_statement(table, 1), rows[whole:]))
    await session.run_all([step for step in steps if step[1]])


def _rows(fresh: Sequence[FreshRow]) -> dict[str, list[Row]]:
    versions: list[Row] = []
    current: list[Row] = []
    postings: list[Row] = []
    words: list[Row] = []
    values: dict[str, list[tuple[Any, ...]]] = {table: [] for table in VALUE_TABLES}
    for kind, resource_id, partition_key, key, last_updated, action, text, rows in fresh:
        versions.append((kind, resource_id, 1, partition_key, key, last_updated, action, text))
        packed = array("q", rows.hashes).tobytes()
        sort_low, sort_high, in_time = rows.sort_low, rows.sort_high, rows.in_time
        whose = (kind, resource_id, partition_key, key, 1, key, last_updated, False)
        current.append((*whose, sort_low, sort_high, rows.sort_values, packed, text))
        postings += [(one, key, sort_high if one in in_time else None) for one in rows.hashes]
        for table, held in (rows.values or {}).items():
            values[table] += [(*value, key) for value in held]
        if rows.content or rows.narrative:
            words.append((key, rows.narrative, rows.content))
    postings.sort(key=itemgetter(0, 1))
    for of_table in values.values():
        of_table.sort()
    # Versions and current resources are in the order of their keys where a source sends them so.
    found: dict[str, list[Any]] = {"resource_version": versions, "resource_current": current, "posting": postings}
    return found | values | {"full_text": words}


@cache
def _statement(table: str, rows: int) -> str:
    columns = _COLUMNS[table]
    width = columns.count(",") + 1
    one = [f"({', '.join(f'${at * width + number}' for number in range(1, width + 1))})" for at in range(rows)]
    return f"INSERT INTO {table} ({columns}) VALUES {', '.join(one)}"
