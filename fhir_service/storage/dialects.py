"""Where SQLite and PostgreSQL differ, as data: the statements are in `statements.py`, searches in `*_search.py`."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from fhir_service.fhir.access import Access
from fhir_service.search.query import Cursor, TypeSearch
from fhir_service.storage import (
    postgresql_loading,
    postgresql_rows,
    postgresql_search,
    sqlite_loading,
    sqlite_rows,
    sqlite_search,
    sqlite_sources,
)
from fhir_service.storage.changes import Key, PlacedKey
from fhir_service.storage.criteria_sql import Words
from fhir_service.storage.fresh_rows import Loader
from fhir_service.storage.index_writing import RowStore
from fhir_service.storage.sessions import Row, Session
from fhir_service.storage.sorting import Order


class Search(Protocol):
    """The searches of one database."""

    async def find(
        self, session: Session, search: TypeSearch, access: Access, after: Cursor | None, limit: int
    ) -> tuple[Sequence[Row], Order]: ...
    async def count(self, session: Session, search: TypeSearch, access: Access) -> int: ...
    async def estimate(self, session: Session, search: TypeSearch, access: Access) -> int: ...
    def probe(self, search: TypeSearch) -> tuple[str, list[Any]] | None: ...
    async def about_patient(self, session: Session, patient_id: str, scopes: Mapping[int, str]) -> Sequence[Row]: ...


@dataclass(frozen=True, slots=True)
class Dialect:
    """One database. `keys` are the rows of a list of keys given as `key_values`; a reader is set up by `for_reads` or,
    where its plans depend on the values, `for_searches`. `placed_keys` are the rows of keys and places given as
    `placed_key_values`."""

    begin: str
    snapshot: str
    search: Search
    words: Words
    rows: RowStore
    loader: Loader
    keys: str
    key_values: Callable[[Sequence[Key]], tuple[Any, ...]]
    placed_keys: str
    placed_key_values: Callable[[Sequence[PlacedKey]], tuple[Any, ...]]
    pack: Callable[[Sequence[int]], Any]
    unpack: Callable[[Any], tuple[int, ...]]
    whose: tuple[str, ...]
    postings: bool
    places_first: bool
    """The newest versions of several types are told from an index alone: the planner would read all, to sort them."""
    readers: int
    joined_lines: str
    """The column `text` of all rows as lines, in bytes; none where there is no row."""
    as_bytes: str
    """Writes a text as bytes, without a look at what it says."""
    text_size: str
    """About the bytes of the text of a row, found out without reading it where that is possible."""
    page_bytes: int
    """About so many are read at once in an export. Of SQLite all of them are copied while nobody else can go on."""
    joined_by: str = ""
    """In which groups: PostgreSQL takes twice as long for pieces so large that their memory is new each time."""
    for_reads: tuple[str, ...] = ()
    for_writes: tuple[str, ...] = ()
    for_searches: tuple[str, ...] = ()
    for_finding: tuple[str, ...] = ()
    """The same for a search within a transaction that writes; it ends with it."""


def _json_keys(keys: Sequence[Key] | Sequence[PlacedKey]) -> tuple[str]:
    return (msgspec.json.encode(keys).decode(),)


def _array_keys(keys: Sequence[Key]) -> tuple[list[str], list[str]]:
    return [kind for kind, _ in keys], [resource_id for _, resource_id in keys]


def _array_placed_keys(keys: Sequence[PlacedKey]) -> tuple[list[str], list[str], list[int]]:
    return [kind for kind, _, _ in keys], [resource_id for _, resource_id, _ in keys], [place for _, _, place in keys]


def _packed(hashes: Sequence[int]) -> bytes:
    return array("q", hashes).tobytes()


def _unpacked(packed: bytes) -> tuple[int, ...]:
    return tuple(array("q", packed))


SQLITE = Dialect(
    begin="BEGIN IMMEDIATE",
    snapshot="BEGIN",
    search=sqlite_search,
    words=sqlite_sources.WORDS,
    rows=sqlite_rows,
    loader=sqlite_loading,
    keys="(SELECT json_extract(value, '$[0]') AS type, json_extract(value, '$[1]') AS id FROM json_each($1)) k",
    key_values=_json_keys,
    placed_keys="SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]') "
    "FROM json_each($1)",
    placed_key_values=_json_keys,
    pack=_packed,
    unpack=_unpacked,
    whose=("resource_key",),
    postings=True,
    places_first=True,
    readers=4,
    page_bytes=1024 * 1024,
    joined_lines="CAST(group_concat(text, char(10)) || char(10) AS BLOB)",
    as_bytes="CAST({} AS BLOB)",
    text_size="length(c.text)",
    for_reads=("PRAGMA query_only=ON",),
    for_searches=("PRAGMA query_only=ON",),
)
_PLANNED_ONCE = ("SET plan_cache_mode = force_generic_plan", "SET enable_seqscan = off")
"""By key one plan is as good as another, and to make it takes longer than to run it. One that was made while a table
was empty goes by its indexes too."""
_FROM_FEW = ("SET enable_hashjoin = off", "SET enable_mergejoin = off")
"""What is read is looked up from the few that are given, and never by a walk through all."""
POSTGRESQL = Dialect(
    begin="BEGIN",
    snapshot="BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    search=postgresql_search,
    words=postgresql_search.WORDS,
    rows=postgresql_rows,
    loader=postgresql_loading,
    keys="unnest($1::text[], $2::text[]) AS k(type, id)",
    key_values=_array_keys,
    placed_keys="SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])",
    placed_key_values=_array_placed_keys,
    pack=list,
    unpack=tuple,
    whose=("resource_key", "partition_key"),
    postings=False,
    places_first=False,
    readers=8,
    page_bytes=2 * 1024 * 1024,
    joined_lines="convert_to(string_agg(text, chr(10)) || chr(10), 'UTF8')",
    joined_by="GROUP BY resource_key / 64",
    as_bytes="convert_to({}, 'UTF8')",
    text_size="pg_column_size(c.text)",
    for_reads=(*_PLANNED_ONCE, *_FROM_FEW),
    for_writes=_PLANNED_ONCE,
    # A plan made once for all hashes cannot know that one is rare and another is in every row.
    for_searches=("SET plan_cache_mode = force_custom_plan",),
    for_finding=("SET LOCAL plan_cache_mode = force_custom_plan",),
)


def dialect_of(name: str) -> Dialect:
    return {"sqlite": SQLITE, "postgresql": POSTGRESQL}[name]
