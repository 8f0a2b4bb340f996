"""The ways through the store that make the lines of an export: the resources of a type, and what was deleted of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import chain, product
from typing import Literal

import msgspec

from fhir_service.fhir.json_text import encode, parse
from fhir_service.formats.subsets import Subset
from fhir_service.search.criteria import AnyCriterion
from fhir_service.search.in_memory import meets
from fhir_service.search.index_values import index_values
from fhir_service.search.restrictions import restriction_of
from fhir_service.search.value_sets import Terminology
from fhir_service.storage.export_pages import Deleted, Exported, Extent
from fhir_service.storage.jobs import Claim
from fhir_service.storage.repository import Repository
from fhir_service.workflows.accept_resource import in_thread_if_large
from fhir_service.workflows.export_members import ANY, Members, members_of
from fhir_service.workflows.export_request import ExportRequest, type_filter

Criteria = tuple[AnyCriterion, ...]
_PAGE_BYTES = 4 * 1024 * 1024
_SMALLEST_PAGE, _FIRST_PAGE, _LARGEST_PAGE = 10, 500, 10_000
_DELETED_IN_BUNDLE = 500
_DEVICE = re.compile(rb'"reference":"Device/([A-Za-z0-9\-.]{1,64})[/"]')
_MOST_DEVICES = 10_000


class Task(msgspec.Struct, frozen=True, omit_defaults=True):
    """The work of a shard: `plan`; `resources` of a type with keys behind `low` up to `last`; or `deleted` ones of a
    type."""

    task: str
    type: str = ""
    low: int = 0
    last: int = 0


class MadeFile(msgspec.Struct, frozen=True, array_like=True):
    """A file that counts. `type` is what its lines are, `part` where the manifest names it."""

    name: str
    type: str
    count: int
    bytes: int
    part: Literal["output", "deleted", "error"] = "output"


class Checkpoint(msgspec.Struct, omit_defaults=True):
    """How far a shard has come: the key (of deletions the place) that was looked at last, and what it made. `devices`
    are the ids of those that its resources refer to, `*` for more than are remembered."""

    after: int = 0
    files: list[MadeFile] = []
    devices: list[str] = []

    def text(self) -> str:
        return msgspec.json.encode(self).decode()


def checkpoint_of(text: str) -> Checkpoint:
    return msgspec.json.decode(text, type=Checkpoint) if text else Checkpoint()


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard that is held, and what it needs: the terminology is asked for value sets that a filter names."""

    claim: Claim
    request: ExportRequest
    task: Task
    terminology: Terminology | None
    file_bytes: int


class Resources:
    """A range of keys of one type, page by page."""

    part: Literal["output", "deleted"] = "output"

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
        self._page_bytes = min(_PAGE_BYTES, shard.file_bytes)
        self._limit = max(_SMALLEST_PAGE, min(_FIRST_PAGE, shard.file_bytes // 1000))
        self._extent = Extent(
            *(task.type, job.place, job.moment, task.last, request.since, request.until),
            alternatives=_alternatives(request, task.type, shard.terminology),
            base=request.base,
        )

    async def next(self) -> tuple[bytes, int]:
        """The lines of the next page and how many they are."""
        if self._members is None and self._subset is None:
            page = await self._repository.export_lines(self._extent, self.point.after, self._limit)
            text, number = page.text, page.number
            self._went(page.through, page.last, len(text), number)
            return text, number
        rows = await self._repository.export_rows(self._extent, self.point.after, self._limit)
        found = rows.found if self._members is None else await self._members.among(rows.found)
        self._went(rows.through, rows.last, sum(len(one.text) for one in rows.found), len(rows.found))
        text = await in_thread_if_large(sum(len(one.text) for one in found), lambda: self._lines(found))
        return text, len(found)

    def _lines(self, found: list[Exported]) -> bytes:
        whole = b"".join([one.text + b"\n" for one in found])
        if self._of_patients and ANY not in self._devices:
            self._devices.update(match.decode() for match in _DEVICE.findall(whole))
            self.point.devices = sorted(self._devices) if len(self._devices) <= _MOST_DEVICES else [ANY]
        if self._subset is None:
            return whole
        return b"".join([self._subset.of(one.text) + b"\n" for one in found])

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

    part: Literal["output", "deleted"] = "deleted"
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
        page = await self._repository.export_deleted(self._extent, self.point.after, _DELETED_IN_BUNDLE)
        self.at_end = len(page) < _DELETED_IN_BUNDLE
        if not page:
            return b"", 0
        self.point.after = page[-1].place
        meant = {one.id for one in page if self._may_be_told(one)}
        if self._members is not None:
            meant &= await self._members.among_deleted({one.id: one.text for one in page})
        entries = [
            {"request": {"method": "DELETE", "url": f"{self._type}/{one.id}"}} for one in page if one.id in meant
        ]
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
