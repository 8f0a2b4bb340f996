"""The ways through the store that make the lines of an export: the resources of a type, and what was deleted of it."""

from __future__ import annotations

import hashlib
from itertools import chain, product

from fhir_service.fhir.json_text import encode, parse
from fhir_service.formats.subsets import Subset
from fhir_service.search.criteria import AnyCriterion
from fhir_service.search.in_memory import meets
from fhir_service.search.index_values import index_values
from fhir_service.search.restrictions import restriction_of
from fhir_service.search.value_sets import Terminology
from fhir_service.storage.export_pages import Deleted, Exported, Extent
from fhir_service.storage.repository import Repository
from fhir_service.workflows.accept_resource import in_thread_if_large
from fhir_service.workflows.export_checkpoints import Part, Shard, checkpoint_of
from fhir_service.workflows.export_members import ANY, Members, members_of, references_to
from fhir_service.workflows.export_request import ExportRequest, type_filter

_LONGEST_ID = 64
Criteria = tuple[AnyCriterion, ...]
_SMALLEST_PAGE, _FIRST_PAGE, _LARGEST_PAGE = 10, 50, 10_000
_DELETED_IN_BUNDLE = 500
_MOST_DEVICES = 10_000


class Resources:
    """A range of keys of one type, page by page."""

    part: Part = "output"

    def __init__(self, repository: Repository, shard: Shard) -> None:
        job, request, task = shard.claim.job, shard.request, shard.task
        self.point = checkpoint_of(shard.claim.shard.checkpoint)
        self.point.after = max(self.point.after, task.low)
        self.at_end = False
        self.file_type = task.type
        self._repository = repository
        self._members: Members | None = members_of(repository, request, task.type, job)
        self._subset = Subset(elements=request.elements) if request.elements else None
        self._of_patients = request.level != "system"
        self._devices = set(self.point.devices)
        self._page_bytes = min(repository.exports.page_bytes, shard.file_bytes)
        self._limit = max(_SMALLEST_PAGE, min(_FIRST_PAGE, shard.file_bytes // 1000))
        self._base = request.base
        since, until = (None, None) if task.task == "context" else (request.since, request.until)
        self._extent = Extent(
            *(task.type, job.place, job.moment, task.last, since, until),
            alternatives=_alternatives(request, task.type, shard.terminology),
            base=request.base,
        )

    async def next(self) -> tuple[bytes, int]:
        """The lines of the next page and how many they are."""
        if self._members is None and self._subset is None:
            page = await self._repository.exports.lines(self._extent, self.point.after, self._limit)
            size = sum(len(piece) for piece in page.pieces)
            self._went(page.through, page.last, size, page.number)
            text = await in_thread_if_large(size, lambda: self._with_addresses(b"".join(page.pieces)))
            return text, page.number
        return await self._written(await self._rows())

    async def _rows(self) -> list[Exported]:
        rows = await self._repository.exports.rows(self._extent, self.point.after, self._limit)
        self._went(rows.through, rows.last, sum(len(one.text) for one in rows.found), len(rows.found))
        return rows.found if self._members is None else await self._members.among(rows.found)

    async def _written(self, found: list[Exported]) -> tuple[bytes, int]:
        size = sum(len(one.text) for one in found)
        return await in_thread_if_large(size, lambda: self._with_addresses(self._lines(found))), len(found)

    def _lines(self, found: list[Exported]) -> bytes:
        whole = b"".join([one.text + b"\n" for one in found])
        if self._of_patients and ANY not in self._devices:
            self._devices.update(match.decode() for match in references_to("Device", self._base).findall(whole))
            self.point.devices = sorted(self._devices) if len(self._devices) <= _MOST_DEVICES else [ANY]
        if self._subset is None:
            return whole
        return b"".join([self._subset.of(one.text) + b"\n" for one in found])

    def _with_addresses(self, text: bytes) -> bytes:
        """An attachment that is a Binary here is named by the whole address, for whoever has only the file."""
        return text.replace(b'"url":"Binary/', b'"url":"%b/Binary/' % self._base.encode())

    def _went(self, through: int, last: bool, size: int, number: int) -> None:
        """The next page has about as many bytes as a page should have."""
        self.point.after = through
        self.at_end = last
        if number:
            self._limit = max(
                _SMALLEST_PAGE, min(_LARGEST_PAGE, self._limit * 4, self._page_bytes * number // max(size, 1))
            )


class Deletions:
    """What was deleted of one type: a transaction Bundle of DELETEs a line."""

    part: Part = "deleted"
    file_type = "Bundle"

    def __init__(self, repository: Repository, shard: Shard) -> None:
        job, request, task = shard.claim.job, shard.request, shard.task
        self.point = checkpoint_of(shard.claim.shard.checkpoint)
        self.at_end = False
        self._repository = repository
        self._type = task.type
        self._members = members_of(repository, request, task.type, job)
        self._base = request.base
        self._groups = [
            [restriction_of(task.type, query) for query in group] for group in request.restrictions.get(task.type, ())
        ]
        self._extent = Extent(
            task.type, job.place, job.moment, job.place, request.since, request.until, base=request.base
        )

    async def next(self) -> tuple[bytes, int]:
        page = await self._repository.exports.deleted(self._extent, self.point.after, _DELETED_IN_BUNDLE)
        self.at_end = len(page) < _DELETED_IN_BUNDLE
        if not page:
            return b"", 0
        self.point.after = page[-1].place
        meant = {one.id for one in page if self._may_be_told(one)}
        if self._members is not None:
            meant &= await self._members.among_deleted({one.id: one.text for one in page})
        keys = [key for one in page if one.id in meant for key in keys_of(self._type, one.id)]
        entries = [{"request": {"method": "DELETE", "url": key}} for key in keys]
        if not entries:
            return b"", 0
        return encode({"resourceType": "Bundle", "type": "transaction", "entry": entries}) + b"\n", 1

    def _may_be_told(self, one: Deleted) -> bool:
        """Under a restriction only what met it before it was deleted."""
        if not self._groups:
            return True
        if not one.text:
            return False
        values = index_values(parse(one.text), self._base)
        return all(any(meets(values, one.id, None, either) for either in group) for group in self._groups)


def _alternatives(request: ExportRequest, kind: str, terminology: Terminology | None) -> tuple[Criteria, ...]:
    """One of the filters, and one of each group of restrictions: every way to meet them."""
    searches = request.filters.get(kind, ())
    groups = [[type_filter(kind, text, request.base, terminology).criteria for text in searches]] if searches else []
    groups += [[(restriction_of(kind, query),) for query in group] for group in request.restrictions.get(kind, ())]
    return tuple(tuple(chain.from_iterable(way)) for way in product(*groups)) if groups else ()


def keys_of(kind: str, resource_id: str) -> list[str]:
    """Under what a resource may be in the files: a Binary as itself, or of a patient as DocumentReference."""
    own = f"{kind}/{resource_id}"
    return [own, f"DocumentReference/{document_id(resource_id)}"] if kind == "Binary" else [own]


def document_id(binary_id: str) -> str:
    name = f"binary-{binary_id}"
    return name if len(name) <= _LONGEST_ID else hashlib.sha256(name.encode()).hexdigest()
