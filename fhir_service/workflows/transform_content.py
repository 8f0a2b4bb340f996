"""One run of a map on content that somebody sent: in a thread, few at a time, limited in time, steps and output."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fhir_service.fhir.errors import TookTooLong
from fhir_service.mapping.library import MapLibrary
from fhir_service.mapping.run import Limits
from fhir_service.mapping.trace import TraceEntry


@dataclass(frozen=True, slots=True)
class Made:
    """What a map makes, what its `log` clauses said, and where each value is from, as far as that was wanted."""

    resource: dict[str, Any]
    log: tuple[str, ...] = ()
    trace: tuple[TraceEntry, ...] = ()


class TransformQueue:
    """Lets a few runs go on at the same time; the others wait, but not for ever."""

    def __init__(self, at_once: int, seconds: float) -> None:
        self._free = asyncio.Semaphore(at_once)
        self._seconds = seconds

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Raises TookTooLong where none comes up."""
        try:
            async with asyncio.timeout(self._seconds):
                await self._free.acquire()
        except TimeoutError:
            raise TookTooLong("other maps are being run, and none of them has come to its end; try again") from None
        try:
            yield
        finally:
            self._free.release()


async def transform_content(
    library: MapLibrary, map_url: str, content: Mapping[str, Any], limits: Limits, *, traced: bool
) -> Made:
    """What the map makes of the content. Raises MappingError, MappingLimit."""
    return await asyncio.to_thread(_made, library, map_url, content, limits, traced)


def _made(library: MapLibrary, map_url: str, content: Mapping[str, Any], limits: Limits, traced: bool) -> Made:
    if not traced:
        return Made(library.transform(map_url, content, limits=limits))
    found = library.transform_traced(map_url, content, limits=limits)
    return Made(found.resource, found.log, found.trace)
