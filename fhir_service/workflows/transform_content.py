"""One run of a map on content that somebody sent: in a thread, limited in time, steps and output."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fhir_service.mapping.library import MapLibrary
from fhir_service.mapping.run import Limits
from fhir_service.mapping.trace import TraceEntry


@dataclass(frozen=True, slots=True)
class Made:
    """What a map makes, what its `log` clauses said, and where each value is from, as far as that was wanted."""

    resource: dict[str, Any]
    log: tuple[str, ...] = ()
    trace: tuple[TraceEntry, ...] = ()


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
