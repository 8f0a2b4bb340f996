"""What the shards of an export are given to do, and what they write down of how far they are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import msgspec

from fhir_service.search.value_sets import Terminology
from fhir_service.storage.jobs import Claim, Job
from fhir_service.workflows.export_request import ExportRequest, read_request

Part = Literal["output", "deleted", "error", "table", "run"]


class Task(msgspec.Struct, frozen=True, omit_defaults=True):
    """The work of a shard: `plan`; `resources` of a type with keys behind `low` up to `last`, or `context`: those too
    that were not changed in the time that is asked for; `binaries` of patients; `deleted` ones of a type; `arrange`
    what was written into `blocks`, of the slots from `low` to `last`; `tell` what was left out; or the registry
    `table`."""

    task: str
    type: str = ""
    low: int = 0
    last: int = 0


class MadeFile(msgspec.Struct, frozen=True, array_like=True):
    """A file that counts. `type` is what its lines are, `part` where the manifest names it: nowhere if it is a `run` of
    lines that blocks are made of. The last block of a file may go on in another; `places` are those of a RunSink."""

    name: str
    type: str
    count: int
    bytes: int
    part: Part = "output"
    goes_on: str = ""
    places: tuple[int, ...] = ()

    def going_on(self, name: str) -> MadeFile:
        return msgspec.structs.replace(self, goes_on=name)


class Checkpoint(msgspec.Struct, omit_defaults=True):
    """How far a shard has come: the key (of deletions the place) that was looked at last, and what it made. `devices`
    are the ids of those that its resources refer to, `*` for more than are remembered. `patients` are those that a
    cohort was found to have. Of blocks, `left` counts by type what belongs to none, and `dangling` what refers to
    something that is not in the export."""

    after: int = 0
    files: list[MadeFile] = []
    devices: list[str] = []
    patients: tuple[str, ...] | None = None
    left: dict[str, int] = {}
    dangling: int = 0

    def text(self) -> str:
        return msgspec.json.encode(self).decode()


def checkpoint_of(text: str) -> Checkpoint:
    return msgspec.json.decode(text, type=Checkpoint) if text else Checkpoint()


def request_of(job: Job) -> ExportRequest:
    """What a job exports, with the patients of a cohort once the plan has found them."""
    request = read_request(job.request)
    if not request.cohort or not job.shards:
        return request
    return msgspec.structs.replace(request, patients=checkpoint_of(job.shards[0].checkpoint).patients)


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard that is held, and what it needs: the terminology is asked for value sets that a filter names."""

    claim: Claim
    request: ExportRequest
    task: Task
    terminology: Terminology | None
    file_bytes: int

    def of(self, task: Task) -> Shard:
        """Another part of the same, from its beginning."""
        begun = replace(self.claim, shard=replace(self.claim.shard, checkpoint=""))
        return replace(self, claim=begun, task=task)


def runs_of(job: Job) -> list[MadeFile]:
    """What the blocks of a job are made of."""
    return [file for shard in job.shards for file in checkpoint_of(shard.checkpoint).files if file.part == "run"]
