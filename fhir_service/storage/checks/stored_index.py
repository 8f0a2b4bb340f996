"""The index rows of some resources as they are stored, and how they differ from what they should be."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from fhir_service.storage.dialects import Dialect
from fhir_service.storage.index_rows import VALUE_TABLES, IndexRows
from fhir_service.storage.sessions import Session

StoredIndex = Mapping[str, Mapping[int, set[tuple[Any, ...]]]]
"""By table and resource key the rows: the value and the partition; of words the two columns, of postings the hash and
the place in time."""
_WORDS, _POSTINGS = "full_text", "posting"
_FIND_POSTINGS = (
    "SELECT p.resource_key, p.hash, p.sort_high FROM json_each($1) j CROSS JOIN posting p "
    "WHERE p.hash = json_extract(j.value, '$[1]') AND p.resource_key = json_extract(j.value, '$[0]')"
)
_WORDS_ON_SQLITE = "SELECT rowid, narrative, content FROM full_text WHERE rowid IN (SELECT value FROM json_each($1))"
_WORDS_ON_POSTGRESQL = (
    "SELECT resource_key, tsvector_to_array(narrative), tsvector_to_array(content) FROM full_text "
    "WHERE resource_key = ANY($1::bigint[])"
)


class Indexed(Protocol):
    """A current row, as far as its index is concerned."""

    @property
    def resource_key(self) -> int: ...
    @property
    def partition_key(self) -> str: ...
    @property
    def hashes(self) -> Any: ...


async def stored_index(session: Session, dialect: Dialect, rows: Sequence[Indexed]) -> StoredIndex:
    """What is stored of these; of postings those that the rows themselves say there are."""
    found: dict[str, dict[int, set[tuple[Any, ...]]]] = {table: {} for table in (*VALUE_TABLES, _WORDS, _POSTINGS)}
    keys = [row.resource_key for row in rows]
    stored = await dialect.rows.stored_rows(session, keys)
    for table in VALUE_TABLES:
        for *value, resource_key, partition in stored[table]:
            found[table].setdefault(resource_key, set()).add((tuple(value), partition))
    words = (
        await session.fetch(_WORDS_ON_SQLITE, _json(keys))
        if dialect.postings
        else await session.fetch(_WORDS_ON_POSTGRESQL, keys)
    )
    for resource_key, narrative, content in words:
        found[_WORDS].setdefault(resource_key, set()).add((_words(narrative), _words(content)))
    if dialect.postings:
        pairs = [(row.resource_key, one) for row in rows for one in dialect.unpack(row.hashes)]
        for resource_key, one, sort_high in await session.fetch(_FIND_POSTINGS, _json(pairs)):
            found[_POSTINGS].setdefault(resource_key, set()).add((one, sort_high))
    return found


def differences(row: Indexed, index: StoredIndex, dialect: Dialect, wanted: IndexRows) -> Iterator[str]:
    """In words, which rows are missing and which are too many."""
    partition = "" if dialect.postings else row.partition_key
    for table in VALUE_TABLES:
        here = index[table].get(row.resource_key, set())
        yield from _told(table, here, {(value, partition) for value in wanted.of(table)})
    words = {(_words(wanted.narrative), _words(wanted.content))} if wanted.narrative or wanted.content else set()
    yield from _told(_WORDS, index[_WORDS].get(row.resource_key, set()), words)
    if dialect.postings:
        postings = {(one, wanted.sort_high if one in wanted.in_time else None) for one in wanted.hashes}
        yield from _told(_POSTINGS, index[_POSTINGS].get(row.resource_key, set()), postings)


def _told(table: str, here: Collection[Any], wanted: Collection[Any]) -> Iterator[str]:
    missing, extra = len(set(wanted) - set(here)), len(set(here) - set(wanted))
    if missing or extra:
        yield f"{table}: {missing} rows are missing, {extra} are too many"


def _words(text: str | Sequence[str]) -> frozenset[str]:
    return frozenset(text.split() if isinstance(text, str) else text)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
