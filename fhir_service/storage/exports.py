"""What an export reads: pages of resources as they were at a place in the order of commits. What may be read is the
caller's to say."""

from __future__ import annotations

from collections.abc import Sequence

from fhir_service.storage.changes import Key
from fhir_service.storage.database import Database
from fhir_service.storage.export_pages import (
    Deleted,
    Exported,
    Extent,
    Lines,
    Rows,
    as_they_were,
    deleted_page,
    lines_page,
    provenance_then,
    rows_page,
)


class Exports:
    """`base` is the address under which an absolute reference means a resource of this store. About `page_bytes` are
    read at once. All raise StoreUnavailable."""

    def __init__(self, database: Database, base: str | None) -> None:
        self._database = database
        self._base = base
        self.page_bytes = database.dialect.page_bytes

    async def lines(self, extent: Extent, after: int, limit: int) -> Lines:
        """The next resources of an extent behind a key, as one text."""
        async with self._database.snapshot(extent.place) as session:
            return await lines_page(session, self._database.dialect, extent, after, limit)

    async def rows(self, extent: Extent, after: int, limit: int) -> Rows:
        """The same, each by itself."""
        async with self._database.snapshot(extent.place) as session:
            return await rows_page(session, self._database.dialect, extent, after, limit)

    async def deleted(self, extent: Extent, after: int, limit: int) -> list[Deleted]:
        """The next deletions of an extent behind a place."""
        async with self._database.searching(extent.place) as session:
            return await deleted_page(session, extent, after, limit)

    async def as_they_were(self, keys: Sequence[Key], place: int) -> dict[Key, Exported]:
        """The versions of some resources that were current at a place."""
        async with self._database.searching(place) as session:
            return await as_they_were(session, self._database.dialect, keys, place, self._base)

    async def provenance_then(self, targets: Sequence[Key], place: int, moment: int) -> list[Exported]:
        """Every Provenance that was about one of these resources at that place; others may be among them."""
        async with self._database.searching(place) as session:
            return await provenance_then(session, self._database.dialect, targets, (place, moment), self._base)
