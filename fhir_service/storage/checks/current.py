"""Every current row: it is the newest version, and its index rows are what the resource yields when indexed anew."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from fhir_service.fhir.errors import FhirError
from fhir_service.fhir.json_text import parse
from fhir_service.search.index_values import index_values, partition_key
from fhir_service.storage.checks.disagreement import Disagreement, Kind
from fhir_service.storage.checks.spans import SourceTexts, disagreements_of_spans
from fhir_service.storage.checks.stored_index import StoredIndex, differences, stored_index
from fhir_service.storage.checks.walks import Seen, Walk
from fhir_service.storage.dialects import Dialect
from fhir_service.storage.index_rows import NO_ROWS, IndexRows, index_rows
from fhir_service.storage.sessions import Row, Session

_NEWEST = "resource_version v WHERE v.type = t.type AND v.id = t.id AND v.version = t.version"
_WALK = Walk(
    "resource_current",
    ("type", "id", "partition_key"),
    "t.resource_key, t.version, t.place, t.last_updated, t.deleted, t.sort_low, t.sort_high, t.sort_values, t.hashes, "
    f"t.text, (SELECT v.place FROM {_NEWEST}), (SELECT v.last_updated FROM {_NEWEST}), "
    f"(SELECT v.text = t.text AND (v.action = 'deleted') = t.deleted FROM {_NEWEST}), "
    f"EXISTS (SELECT 1 FROM {_NEWEST} + 1), "
    f"(SELECT v.place FROM {_NEWEST.replace('t.version', '1')})",
)
_BASE = re.compile(rb'"(https?://[^"\s?#]+)/[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}[/"]')


class CurrentRow(NamedTuple):
    """A row as the walk reads it; the last five are of its versions."""

    type: str
    id: str
    partition_key: str
    resource_key: int
    version: int
    place: int
    last_updated: int
    deleted: bool
    sort_low: int
    sort_high: int
    sort_values: Any
    hashes: Any
    text: str
    newest_place: int | None
    newest_updated: int | None
    same: bool | None
    has_later: bool
    first_place: int | None

    @property
    def name(self) -> str:
        return f"{self.type}/{self.id}"


async def disagreements_of_current(
    session: Session, dialect: Dialect, base: str | None, seen: Seen
) -> AsyncIterator[Disagreement]:
    """What is wrong with current rows, in their order. `base` is the address of this server in references."""
    texts, name_before = SourceTexts(), ""
    async for page in _WALK.pages(session, dialect, ("", "", ""), seen):
        rows = [CurrentRow(*row) for row in page]
        index = await stored_index(session, dialect, rows)
        for row in rows:
            if row.name == name_before:
                yield Disagreement(Kind.HISTORY, row.name, "there are two current rows")
            name_before = row.name
            for wrong in _unlike_history(row):
                yield Disagreement(Kind.HISTORY, row.name, wrong)
            for found in _unlike_index(row, index, dialect, base):
                yield found
        async for found in disagreements_of_spans(session, dialect, _texts(rows), texts):
            yield found


def _texts(rows: Sequence[CurrentRow]) -> list[Row]:
    return [(row.type, row.id, row.text) for row in rows if not row.deleted]


def _unlike_history(row: CurrentRow) -> Iterator[str]:
    if row.newest_place is None:
        yield f"its version {row.version} is not in the history"
        return
    if row.has_later:
        yield f"the history has a version after {row.version}"
    if (row.newest_place, row.newest_updated) != (row.place, row.last_updated):
        yield f"place or time of version {row.version} differ in the history"
    if not row.same:
        yield f"the text of version {row.version} differs in the history"
    if row.first_place != row.resource_key:
        yield f"its key {row.resource_key} is not the place of its first version"


def _unlike_index(row: CurrentRow, index: StoredIndex, dialect: Dialect, base: str | None) -> Iterator[Disagreement]:
    """A reference is indexed under the address by which the writing client knew this server: each that the text may
    mean is tried before anything is said."""
    found: list[str] = []
    text = row.text.encode()
    try:
        for number, address in enumerate([base, *_bases(text)]):
            partition, wanted = _wanted(row, text, address)
            wrong = [*_unlike_columns(row, dialect, partition, wanted), *differences(row, index, dialect, wanted)]
            if not wrong:
                return
            found = found if number else wrong
    except FhirError as error:  # the text is no resource
        found = [str(error)]
    for problem in found:
        yield Disagreement(Kind.INDEX, row.name, problem)


def _bases(text: bytes) -> list[str | None]:
    return [None, *dict.fromkeys(address.decode() for address in _BASE.findall(text))]


def _wanted(row: CurrentRow, text: bytes, base: str | None) -> tuple[str, IndexRows]:
    if row.deleted:
        return row.partition_key, NO_ROWS
    values = index_values(parse(text), base)
    return partition_key(row.id, values), index_rows(values)


def _unlike_columns(row: CurrentRow, dialect: Dialect, partition: str, wanted: IndexRows) -> Iterator[str]:
    if row.partition_key != partition:
        yield f"it is kept under '{row.partition_key}', not '{partition}'"
    if set(dialect.unpack(row.hashes)) != set(wanted.hashes):
        yield "the hashes of its terms differ"
    if (row.sort_low, row.sort_high) != (wanted.sort_low, wanted.sort_high):
        yield "its own date differs"
    if _json(row.sort_values) != _json(wanted.sort_values):
        yield "what it is sorted by differs"


def _json(value: Any) -> Any:
    """The driver of PostgreSQL has read it already."""
    return msgspec.json.decode(value) if isinstance(value, str) else value
