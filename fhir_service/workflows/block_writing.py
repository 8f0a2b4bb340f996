"""Writes the blocks of some slots: a header, the resource it names, and what refers to that (Bulk Data Access 3.0.0).

A slot of usual size is read once. Of a larger one as many blocks as fit into memory are read at a time, and a block
that does not fit is written as it is read; so memory stays flat whatever refers to one resource.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Iterator
from dataclasses import dataclass, field
from uuid import uuid4

from fhir_service.storage.jobs import LeaseLost
from fhir_service.workflows.export_blocks import BESIDE_PLACE, CONTEXT, OTHERS, OWN, SLOTS, TRAVELLING, header_of
from fhir_service.workflows.export_checkpoints import MadeFile, Shard, checkpoint_of
from fhir_service.workflows.export_files import ExportFile, ExportFiles
from fhir_service.workflows.export_members import references_to
from fhir_service.workflows.export_request import ExportRequest
from fhir_service.workflows.job_runner import Work

MOST_BESIDE = 16 * 1024 * 1024
"""So many bytes of devices that belong to nobody are looked for what a block refers to; what is beyond is left out."""
SLOT_BYTES = 32 * 1024 * 1024


@dataclass(slots=True)
class _Block:
    """The lines of one. With `streamed` the others are too many to be held."""

    own: bytes = b""
    context: bytes = b""
    others: list[bytes] = field(default_factory=list)
    streamed: bool = False


class SlotReader:
    """Reads the runs that the shards of a job have written."""

    def __init__(self, files: ExportFiles, job_id: str, runs: Iterable[MadeFile]) -> None:
        self._files = files
        self._job = job_id
        self._runs = list(runs)

    def size(self, slot: int) -> int:
        return sum(self._length(section * SLOTS + slot) for section in (OWN, CONTEXT, OTHERS))

    async def beside(self) -> dict[bytes, bytes]:
        """By id the lines that go along where a block refers to them."""
        found: dict[bytes, bytes] = {}
        size = 0
        async for name, line in self._lines(BESIDE_PLACE):
            size += len(line)
            if size > MOST_BESIDE:
                break
            found[name] = line
        return found

    async def batches(self, slot: int) -> AsyncGenerator[dict[bytes, _Block]]:
        """The blocks of a slot, some at a time. One that is too large comes alone, without its others."""
        if self.size(slot) <= SLOT_BYTES:
            yield await self._collected(slot, None)
            return
        sizes: Counter[bytes] = Counter()
        for section in (OWN, CONTEXT, OTHERS):
            async for name, line in self._lines(section * SLOTS + slot):
                sizes[name] += len(line)
        for wanted, whole in _fitting(sizes, SLOT_BYTES):
            yield await self._collected(slot, wanted, whole=whole)

    async def others(self, slot: int, name: bytes, block: _Block) -> AsyncGenerator[bytes]:
        """What refers to one, held or not."""
        for line in block.others:
            yield line
        if block.streamed:
            async for found, line in self._lines(OTHERS * SLOTS + slot):
                if found == name:
                    yield line

    async def _collected(
        self, slot: int, wanted: frozenset[bytes] | None, *, whole: bool = True
    ) -> dict[bytes, _Block]:
        found: dict[bytes, _Block] = {}
        for section in (OWN, CONTEXT, OTHERS) if whole else (OWN, CONTEXT):
            async for name, line in self._lines(section * SLOTS + slot):
                if wanted is not None and name not in wanted:
                    continue
                block = found.setdefault(name, _Block())
                if section == OTHERS:
                    block.others.append(line)
                elif section == OWN:
                    block.own = line
                else:
                    block.context = line
        for name in () if whole or wanted is None else wanted:
            found.setdefault(name, _Block()).streamed = True
        return found

    async def _lines(self, place: int) -> AsyncGenerator[tuple[bytes, bytes]]:
        for run in self._runs:
            start, end = run.places[place : place + 2]
            if start == end:
                continue
            rest = b""
            async for piece in self._files.read(f"{self._job}/{run.name}", start, end):
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    name, _, text = line.partition(b"\t")
                    yield name, text + b"\n"

    def _length(self, place: int) -> int:
        return sum(run.places[place + 1] - run.places[place] for run in self._runs)


class BlockWriter:
    """Does one shard of slots."""

    def __init__(self, files: ExportFiles, reader: SlotReader, shard: Shard) -> None:
        self._files = files
        self._reader = reader
        self._job = shard.claim.job.id
        self._request: ExportRequest = shard.request
        self._slots = range(shard.task.low, shard.task.last)
        self._file_bytes = shard.file_bytes
        self._point = checkpoint_of(shard.claim.shard.checkpoint)
        self._travelling = references_to(TRAVELLING, shard.request.base)
        self._file: ExportFile | None = None
        self._name = ""
        self._count = 0
        self._made: list[MadeFile] = []

    async def run(self, work: Work) -> None:
        """Raises LeaseLost."""
        beside = await self._reader.beside()
        for slot in self._slots:
            if slot < self._point.after:
                continue
            async for blocks in self._reader.batches(slot):
                for name in sorted(blocks):
                    await self._block(slot, name, blocks[name], beside)
            if self._file is not None and self._file.size >= self._file_bytes:
                await self._close()
            self._point.after = slot + 1
            if self._file is None and self._made:
                await self._advance(work, done=False)
        await self._close()
        await self._advance(work, done=True)

    async def _block(self, slot: int, name: bytes, block: _Block, beside: dict[bytes, bytes]) -> None:
        own = block.own or block.context
        others = self._reader.others(slot, name, block)
        first = await anext(others, b"")
        if not own:
            self._point.dangling += bool(first)
            async for _ in others:
                self._point.dangling += 1
            return
        if not (block.own or first):
            return
        header = header_of(self._request.organized_by, name.decode())
        if self._file is not None and self._file.size >= self._file_bytes:
            await self._close()
        start = await self._begin(header)
        used: set[bytes] = set()
        for line in (own, first):
            await self._put(line, used)
        async for line in others:
            if self._open().size - start >= self._file_bytes:
                start = await self._go_on(header)
            await self._put(line, used)
        for device in sorted(used & beside.keys()):
            await self._put(beside[device], set())

    async def _put(self, line: bytes, used: set[bytes]) -> None:
        if line:
            used.update(self._travelling.findall(line))
            await self._open().write(line)
            self._count += 1

    def _open(self) -> ExportFile:
        if self._file is None:
            self._name = f"blocks-{uuid4().hex}.ndjson"
            self._file = self._files.begin(f"{self._job}/{self._name}")
        return self._file

    async def _begin(self, header: bytes) -> int:
        """The header, and where in the file the block begins."""
        start = self._open().size
        await self._put(header, set())
        return start

    async def _go_on(self, header: bytes) -> int:
        """The block in another file."""
        await self._close()
        start = await self._begin(header)
        self._made[-1] = self._made[-1].going_on(self._name)
        return start

    async def _close(self) -> None:
        if self._file is not None:
            await self._file.close()
            kind = self._request.organized_by
            self._made.append(MadeFile(self._name, kind, self._count, self._file.size, "output"))
            self._file, self._count = None, 0

    async def _advance(self, work: Work, *, done: bool) -> None:
        self._point.files += self._made
        try:
            await work.advance(self._point.text(), done=done)
        except LeaseLost:
            for file in self._made:
                await self._files.remove(f"{self._job}/{file.name}")
            raise
        self._made = []


def _fitting(sizes: Counter[bytes], most: int) -> Iterator[tuple[frozenset[bytes], bool]]:
    """Names that are held together; and whether they are held whole, or it is one that is too large."""
    held: list[bytes] = []
    size = 0
    for name in sorted(sizes):
        if sizes[name] > most:
            yield frozenset((name,)), False
            continue
        if size + sizes[name] > most:
            yield frozenset(held), True
            held, size = [], 0
        held.append(name)
        size += sizes[name]
    if held:
        yield frozenset(held), True
