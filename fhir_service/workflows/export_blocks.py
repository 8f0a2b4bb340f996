"""Where each line of an export belongs whose files are blocks of one type's resources (`organizeOutputBy`).

A block of Patient/1 holds that Patient and whatever refers to it; a Provenance stands in the blocks of its targets.
Lines are sorted into slots by a hash of the id they belong to, so that all of a block lie in one slot, whichever shard
wrote them; `block_writing` makes the blocks of a slot.
"""

from __future__ import annotations

import zlib
from collections import Counter

import msgspec

from fhir_service.fhir.json_text import encode
from fhir_service.storage.repository import Repository
from fhir_service.workflows.accept_resource import in_thread_if_large
from fhir_service.workflows.export_checkpoints import Shard
from fhir_service.workflows.export_members import references_to, targets_of

SLOTS = 256
OWN, CONTEXT, OTHERS = range(3)
"""What stands in a slot: resources of the type itself; those that are wanted only where others refer to them, since
they were not changed in the time that is asked for; and what refers to them."""
BESIDE_PLACE = 3 * SLOTS
"""Of what refers to none and goes along where a block refers to it."""
TRAVELLING = "Device"
"""The type of which that is so."""
_OF_MANY = {"Patient": "Group"}
"""By type of the blocks what stands in none: a Group names all its members."""


class _Named(msgspec.Struct):
    id: str


_names = msgspec.json.Decoder(_Named)


def place_of(section: int, resource_id: bytes) -> int:
    return section * SLOTS + zlib.crc32(resource_id) % SLOTS


def header_of(kind: str, resource_id: str) -> bytes:
    """The line that begins a block."""
    reference = {"reference": f"{kind}/{resource_id}"}
    return (
        encode({"resourceType": "Parameters", "parameter": [{"name": "header", "valueReference": reference}]}) + b"\n"
    )


class BlockPlacing:
    """Places lines of one type, as they were at a place in the order of commits. `left` counts those that belong
    nowhere."""

    number = BESIDE_PLACE + 1

    def __init__(self, repository: Repository, shard: Shard, kind: str) -> None:
        self._repository = repository
        self._place = shard.claim.job.place
        self._base = shard.request.base
        self._by = shard.request.organized_by
        self._kind = kind
        self._section = CONTEXT if shard.task.task == "context" else OWN
        self._pattern = references_to(self._by, self._base)
        self.left: Counter[str] = Counter()

    async def placed(self, lines: bytes) -> list[tuple[int, bytes]]:
        whole = lines.split(b"\n")[:-1]
        if _OF_MANY.get(self._by) == self._kind:
            self.left[self._kind] += len(whole)
            return []
        beyond = await self._of_targets(whole) if self._kind == "Provenance" else {}
        return await in_thread_if_large(len(lines), lambda: self._all(whole, beyond))

    def _all(self, lines: list[bytes], beyond: dict[bytes, set[bytes]]) -> list[tuple[int, bytes]]:
        found = []
        for line in lines:
            ids = {*self._pattern.findall(line), *beyond.get(line, ())}
            if self._kind == self._by:
                own = _names.decode(line).id.encode()
                found.append(_entry(self._section, own, line))
                ids.discard(own)
            if self._section == OWN:
                found += [_entry(OTHERS, one, line) for one in sorted(ids)]
            if not ids and self._kind == TRAVELLING and self._kind != self._by:
                found.append((BESIDE_PLACE, _names.decode(line).id.encode() + b"\t" + line + b"\n"))
            elif not ids and self._kind != self._by:
                self.left[self._kind] += 1
        return found

    async def _of_targets(self, lines: list[bytes]) -> dict[bytes, set[bytes]]:
        """By Provenance the ids that its targets referred to."""
        targets = {line: targets_of(line, self._base) for line in lines}
        keys = sorted({key for held in targets.values() for key in held if key[0] != self._by})
        then = await self._repository.exports.as_they_were(keys, self._place) if keys else {}
        meant = {key: set(self._pattern.findall(one.text)) for key, one in then.items()}
        return {line: {each for key in held for each in meant.get(key, ())} for line, held in targets.items()}


def _entry(section: int, resource_id: bytes, line: bytes) -> tuple[int, bytes]:
    return place_of(section, resource_id), resource_id + b"\t" + line + b"\n"
