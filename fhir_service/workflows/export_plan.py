"""Which shards an export is done in, and in what order.

Phase 1 walks the types; of patients, Provenance comes behind what it explains, and Device behind both. Then what was
deleted. Where the files are blocks, what was walked is then arranged in slots, and these are written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from fhir_service.storage.jobs import NewShard
from fhir_service.workflows.export_blocks import CONTEXT, OTHERS, OWN, SLOTS
from fhir_service.workflows.export_checkpoints import MadeFile, Task
from fhir_service.workflows.export_request import BESIDE, PARQUET, ExportRequest

_SHARDS_OF_TYPE = 9
"""Three for each that one process does at once: when the last are done, not much of the time nothing is done beside."""
_FEWEST_KEYS = 20_000
"""In a shard, which costs a few milliseconds itself."""
_LAST_WALK = 2 + len(BESIDE)
_ARRANGED, _BLOCKS, _TOLD = range(_LAST_WALK + 1, _LAST_WALK + 4)


def first_shards() -> list[NewShard]:
    """With which an export begins."""
    return [_shard(Task("plan"), 0)]


def planned(request: ExportRequest, place: int, stored: Iterable[str]) -> list[NewShard]:
    """Ranges of keys by type, where there are resources of the types `stored` up to a place; and what follows."""
    kinds = [kind for kind in stored if kind in request.types]
    late = {} if request.level == "system" else {kind: 2 + at for at, kind in enumerate(BESIDE)}
    step = max(_FEWEST_KEYS, -(-place // _SHARDS_OF_TYPE))
    shards = [
        _shard(Task(task, kind, low, min(low + step, place)), late.get(kind, 1))
        for kind in kinds
        for task in _walks(request, kind)
        for low in range(0, place, step)
    ]
    if request.since is not None:
        shards += [_shard(Task("deleted", kind), _LAST_WALK) for kind in kinds]
    if request.organized_by:
        shards += [_shard(Task("arrange"), _ARRANGED), _shard(Task("tell"), _TOLD)]
    if request.format == PARQUET and request.since is None and request.until is None and not request.elements:
        shards.append(_shard(Task("table"), _LAST_WALK))
    return shards


def arranged(runs: Sequence[MadeFile], file_bytes: int) -> list[NewShard]:
    """The slots in groups of about a file each."""
    shards: list[NewShard] = []
    low = size = 0
    for slot in range(SLOTS):
        size += sum(
            run.places[place + 1] - run.places[place]
            for run in runs
            for place in (section * SLOTS + slot for section in (OWN, CONTEXT, OTHERS))
        )
        if size >= file_bytes or slot == SLOTS - 1:
            shards.append(_shard(Task("blocks", "", low, slot + 1), _BLOCKS))
            low, size = slot + 1, 0
    return shards


def _walks(request: ExportRequest, kind: str) -> list[str]:
    found = ["resources"]
    if kind == request.organized_by and not (request.since is None and request.until is None):
        found.append("context")
    if kind == "Binary":
        found.append("binaries")
    return found


def _shard(task: Task, phase: int) -> NewShard:
    return NewShard(msgspec.json.encode(task).decode(), phase)
