"""One run of a map on content that somebody sent: in a thread, few at a time, limited in time, steps and output."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fhir_service.fhir.errors import TookTooLong
from fhir_service.mapping.library import MapLibrary, Transformed
from fhir_service.mapping.run import Limits


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
) -> Transformed:
    """What the map makes of the content, with its trace where it is wanted. Raises MappingError, MappingLimit."""
    if traced:
        return await asyncio.to_thread(library.transform_traced, map_url, content, limits=limits)
    return Transformed(await asyncio.to_thread(library.transform, map_url, content, limits=limits))
