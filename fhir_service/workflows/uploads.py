"""Files of submissions that are worked through while nobody waits for the answer (R4 async.html): what is done of each,
and its outcomes until they are fetched.

They are those of one process, and are gone when it ends. That loses nothing: what was stored is stored, and a file that
is sent again changes nothing where it is the same.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, suppress
from tempfile import SpooledTemporaryFile
from uuid import uuid4

from fhir_service.fhir.errors import NotFound
from fhir_service.workflows.map_report import now
from fhir_service.workflows.work_queue import WorkQueue

KEPT_SECONDS = 3600.0
"""So long the outcomes of a file can be fetched."""
_MOST_KEPT = 100
_IN_MEMORY = 256 * 1024
_PIECE = 64 * 1024
_log = logging.getLogger(__name__)


class Upload:
    """One file, taken at the instant `begun`. `lines` it has, of which `done` have their outcome. Who reads these may
    do so to the end, also when they are forgotten meanwhile. It is there for its owner only, the client who sent it."""

    def __init__(self, lines: int, owner: str) -> None:
        self.owner = owner
        self.id = str(uuid4())
        self.begun = now()
        self.lines = lines
        self.done = 0
        self.failed = False
        self.finished_at: float | None = None
        self.task: asyncio.Task[None] | None = None
        self._outcomes: SpooledTemporaryFile[bytes] = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115  # it outlives the call

    @property
    def running(self) -> bool:
        return self.finished_at is None

    def add(self, outcome: bytes) -> None:
        self._outcomes.write(outcome + b"\n")
        self.done += 1

    def outcomes(self) -> Iterator[bytes]:
        """All of them, in pieces; several may read at once."""
        place = 0
        while True:
            self._outcomes.seek(place)
            piece = self._outcomes.read(_PIECE)
            if not piece:
                return
            place += len(piece)
            yield piece


class Uploads:
    """Those of one process; belongs to its event loop."""

    def __init__(self, queue: WorkQueue) -> None:
        self._queue = queue
        self._held: dict[str, Upload] = {}

    async def begin(self, outcomes: AsyncIterator[bytes], lines: int, owner: str = "") -> Upload:
        """Work through a file in the background. Raises TookTooLong where too many are under way."""
        self._forget_old()
        turn = AsyncExitStack()
        await turn.enter_async_context(self._queue.turn())
        upload = Upload(lines, owner)
        self._held[upload.id] = upload
        upload.task = asyncio.create_task(_work(upload, outcomes, turn))
        return upload

    def find(self, upload_id: str, owner: str = "") -> Upload:
        """Raises NotFound, for that of another owner too."""
        self._forget_old()
        if upload_id not in self._held or self._held[upload_id].owner != owner:
            text = (
                f"there is no upload '{upload_id[:80]}', or no longer: its outcomes are kept for an hour and until the "
                "server ends; send the file again, what is stored already stays as it is"
            )
            raise NotFound(text)
        return self._held[upload_id]

    async def drop(self, upload_id: str, owner: str = "") -> None:
        """End it, where it is under way, and forget its outcomes; what is stored stays. Raises NotFound."""
        await self._drop(self.find(upload_id, owner))

    async def close(self) -> None:
        for upload in list(self._held.values()):
            await self._drop(upload)

    async def _drop(self, upload: Upload) -> None:
        self._held.pop(upload.id, None)
        if upload.task is not None:
            upload.task.cancel()
            with suppress(asyncio.CancelledError):
                await upload.task

    def _forget_old(self) -> None:
        finished = [one for one in self._held.values() if one.finished_at is not None]
        old = time.monotonic() - KEPT_SECONDS
        for number, one in enumerate(reversed(finished)):
            if number >= _MOST_KEPT or (one.finished_at or 0.0) < old:
                del self._held[one.id]


async def _work(upload: Upload, outcomes: AsyncIterator[bytes], turn: AsyncExitStack) -> None:
    async with turn:
        try:
            async for outcome in outcomes:
                upload.add(outcome)
        except Exception:  # nobody waits for it: the log has the reason, who asks is told that it failed
            _log.exception("upload %s failed after %d of %d lines", upload.id, upload.done, upload.lines)
            upload.failed = True
        finally:
            upload.finished_at = time.monotonic()
