"""Fresh resources into SQLite: several rows in one statement, each table in the order of its key."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Any

from fhir_service.fhir.json_text import instant
from fhir_service.storage.fresh_rows import Block, FreshRow
from fhir_service.storage.index_rows import VALUE_TABLES
from fhir_service.storage.sessions import Session, Step

_TOGETHER = (50, 8, 1)
"""Rows in one statement, as long as there are so many; more make it no faster."""
_VALUE, _KEY, _NOW, _TEXT = "{}", "$1 + {}", "$2", "{} || $3 || {}"
"""What a column is made of: values of the row, and where the block begins, its time as a number and as text."""
_GIVEN = 3
_LINK = "link"
_COLUMNS = {
    "resource_version": {
        **dict.fromkeys(("type", "id", "version", "partition_key"), _VALUE),
        "place": _KEY,
        "last_updated": _NOW,
        "action": _VALUE,
        "text": _TEXT,
    },
    "resource_current": {
        "type": _VALUE,
        "id": _VALUE,
        "partition_key": _VALUE,
        "resource_key": _KEY,
        "version": _VALUE,
        "place": _KEY,
        "last_updated": _NOW,
        "deleted": "FALSE",
        **dict.fromkeys(("sort_low", "sort_high", "sort_values", "hashes"), _VALUE),
        "text": _TEXT,
    },
    "posting": {"hash": _VALUE, "resource_key": _KEY, "sort_high": _VALUE},
    "date_value": {"scope": _VALUE, "low": _VALUE, "high": _VALUE, "resource_key": _KEY},
    "number_value": {"scope": _VALUE, "low": _VALUE, "high": _VALUE, "resource_key": _KEY},
    "text_value": {"scope": _VALUE, "head": _VALUE, "digest": _VALUE, "rest": _VALUE, "resource_key": _KEY},
    "link": {"scope": _VALUE, "target_type": _VALUE, "target_id": _VALUE, "resource_key": _KEY},
    "full_text": {"rowid": _KEY, "narrative": _VALUE, "content": _VALUE},
}


def block(fresh: Iterable[FreshRow], _digits: int) -> Block:
    """By table the values of all rows, one behind the other."""
    return {table: list(chain.from_iterable(rows)) for table, rows in _rows(fresh).items()}


async def load(session: Session, block: Block, base: int, last_updated: int) -> None:
    given = (base, last_updated, instant(last_updated))
    steps: list[Step] = []
    for table, values in block.items():
        begin, width = 0, _width(table)
        for rows in _TOGETHER:
            end = len(values) - (len(values) - begin) % (rows * width)
            if end > begin:
                steps.append((_statement(table, rows), _parts(values[begin:end], rows * width, given)))
                begin = end
    await session.run_all(steps)


async def add(session: Session, fresh: Sequence[FreshRow], last_updated: int) -> None:
    await load(session, block(fresh, 0), 0, last_updated)


def _parts(values: list[Any], size: int, given: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    return [(*given, *values[at : at + size]) for at in range(0, len(values), size)]


def _rows(fresh: Iterable[FreshRow]) -> dict[str, Iterable[tuple[Any, ...]]]:
    versions: list[tuple[Any, ...]] = []
    current: list[tuple[Any, ...]] = []
    links: list[tuple[Any, ...]] = []
    words: list[tuple[Any, ...]] = []
    postings: _Groups = defaultdict(list)
    values: dict[str, _Groups] = {table: defaultdict(list) for table in VALUE_TABLES}
    for kind, resource_id, partition_key, key, action, before, after, rows in fresh:
        versions.append((kind, resource_id, 1, partition_key, key, action, before, after))
        hashes, in_time, sort_low, sort_high, sort_values, held, narrative, content = rows
        found_by = (sort_low, sort_high, sort_values, array("q", hashes).tobytes())
        current.append((kind, resource_id, partition_key, key, 1, key, *found_by, before, after))
        bare, dated = (key, None), (key, sort_high)
        for one in hashes:
            postings[one].append(dated if one in in_time else bare)
        for table, some in (held or {}).items():
            if table == _LINK:
                links += [(*value, key) for value in some]
                continue
            groups = values[table]
            for scope, *value in some:
                groups[scope].append((*value, key))
        if content or narrative:
            words.append((key, narrative, content))
    # Links, versions and current resources are in the order of their keys where a source sends them so.
    return {
        "resource_version": versions,
        "resource_current": current,
        "posting": _in_order(postings),
        **{table: _in_order(groups) for table, groups in values.items()},
        _LINK: links,
        "full_text": words,
    }


_Groups = dict[int, list[tuple[Any, ...]]]
"""Rows without their first column, by that: to sort each is half the work of sorting all."""


def _in_order(groups: _Groups) -> Iterator[tuple[Any, ...]]:
    for first in sorted(groups):
        for row in sorted(groups[first]):
            yield (first, *row)


@cache
def _width(table: str) -> int:
    """Values of a row."""
    return "".join(_COLUMNS[table].values()).count("{}")


@cache
def _statement(table: str, rows: int) -> str:
    columns, taken = _COLUMNS[table], _GIVEN
    written = []
    for _ in range(rows):
        parts = []
        for form in columns.values():
            width = form.count("{}")
            parts.append(form.format(*(f"${taken + number}" for number in range(1, width + 1))))
            taken += width
        written.append(f"({', '.join(parts)})")
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join(written)}"
