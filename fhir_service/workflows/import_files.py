"""Files of resources into the store: checked and indexed by several processes, stored in batches by this one.

A line that is refused changes nothing, and holds up none of the others. Each batch is durable when the next begins; a
run that was broken off is begun again, and what is there already stays as it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

from fhir_service.fhir.access import Access
from fhir_service.fhir.errors import FhirError, Issue
from fhir_service.storage.bulk_load import MadeReady
from fhir_service.storage.changes import Action
from fhir_service.storage.repository import Outcome, Repository
from fhir_service.workflows.import_check import Piece
from fhir_service.workflows.resource_files import ResourceText, in_pieces
from fhir_service.workflows.worker_processes import begin_worker, in_processes

MOST_TEXTS, MOST_BYTES = 1_500, 4 * 1024 * 1024
"""Of one batch: others wait for a fraction of a second while it is written, and some batches are in memory at once. It
fits into a block (`fresh_rows.BLOCK`)."""
Look = Callable[[list[ResourceText]], Piece]
"""Looks at neighbours, in whatever process: a partial of `look_at_all`."""
_FAILURES = ("error", "fatal")
_FIXED = "import.fixed"
_FAULT = "service.fault"
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Imported:
    """What became of the resources that were looked at, by action (`created`, `updated`, `unchanged`) and type, and how
    many were refused."""

    stored: Counter[tuple[Action, str]] = field(default_factory=Counter)
    refused: int = 0

    def of(self, action: Action) -> int:
        return sum(count for (done, _), count in self.stored.items() if done == action)


class Batch:
    """One batch and what became of it, by place: an outcome, or the issues that speak against it."""

    def __init__(self, piece: Piece, access: Access) -> None:
        self.looked = piece.looked
        self.issues = {place: one.issues for place, one in enumerate(piece.looked) if one.issues}
        self.outcomes: dict[int, Outcome] = {}
        self._ready = piece.ready
        self._places = [place for place, one in enumerate(piece.looked) if one.key is not None]
        for place, one in enumerate(piece.looked):
            if one.key in access.fixed:
                text = "it comes with the service and changes only with it; import yours under another id and url"
                self.issues[place] = (Issue("error", "business-rule", text, (f"{one.key[0]}.id",), _FIXED),)

    async def store(self, repository: Repository, access: Access) -> None:
        """Raises Forbidden, StoreUnavailable."""
        some = [number for number, place in enumerate(self._places) if place not in self.issues]
        if len(some) == len(self._places):
            await self._store(repository, access, self._places, self._ready)
        else:
            await self._store_some(repository, access, some)

    async def _store_some(self, repository: Repository, access: Access, some: Sequence[int]) -> None:
        ready = MadeReady([self._ready.batch[number] for number in some])
        await self._store(repository, access, [self._places[number] for number in some], ready)

    async def _store(self, repository: Repository, access: Access, places: Sequence[int], ready: MadeReady) -> None:
        """Where the database refuses them together, each half by itself, so that one cannot keep out the others."""
        if not places:
            return
        try:
            outcomes = await repository.load(ready, access)
        except FhirError:
            raise
        except Exception:  # whatever a database has against a row
            if len(places) > 1:
                numbers = [self._places.index(place) for place in places]
                for half in (numbers[: len(numbers) // 2], numbers[len(numbers) // 2 :]):
                    await self._store_some(repository, access, half)
                return
            _log.exception("%s:%d cannot be stored", self.looked[places[0]].file, self.looked[places[0]].line)
            text = "it cannot be stored, by a fault of ours; the log says why"
            self.issues[places[0]] = (Issue("fatal", "exception", text, (), _FAULT),)
            return
        self.outcomes.update(zip(places, outcomes, strict=True))

    def count(self, into: Imported) -> None:
        into.stored.update((one.action, one.type) for one in self.outcomes.values())
        into.refused += sum(any(issue.severity in _FAILURES for issue in found) for found in self.issues.values())


async def import_texts(
    repository: Repository,
    texts: Iterable[ResourceText],
    look: Look,
    access: Access,
    *,
    workers: int,
    most: int = MOST_TEXTS,
) -> AsyncGenerator[Batch]:
    """Store every resource, `most` at once, looked at by so many processes beside this one (0: in a thread, and so
    where there is only a little); each batch as soon as it is durable. Who stops before the end closes the generator.

    Raises Forbidden, StoreUnavailable, and what `texts` does.
    """
    pieces = _looked_at(in_pieces(texts, most, MOST_BYTES), look, workers)
    following = asyncio.create_task(asyncio.to_thread(next, pieces, None))
    try:
        while (piece := await following) is not None:
            following = asyncio.create_task(asyncio.to_thread(next, pieces, None))
            batch = Batch(piece, access)
            await batch.store(repository, access)
            yield batch
    finally:
        await asyncio.gather(following, return_exceptions=True)
        await asyncio.to_thread(pieces.close)


def _looked_at(pieces: Iterator[list[ResourceText]], look: Look, workers: int) -> Generator[Piece, None, None]:
    first, second = next(pieces, []), next(pieces, None)
    if not workers or second is None:
        for piece in chain([first], [second] if second else [], pieces):
            yield look(piece)
        return
    with contextlib.closing(in_processes(chain([first, second], pieces), _look, workers, _begin, look)) as found:
        yield from found


class _Worker:
    """What a process keeps from one piece to the next."""

    look: Look


def _begin(look: Look) -> None:
    begin_worker()
    gc.set_threshold(50_000, 20, 100)  # what a piece is made of goes with it; to look for circles in it costs a tenth
    _Worker.look = look


def _look(piece: list[ResourceText]) -> Piece:
    return _Worker.look(piece)
