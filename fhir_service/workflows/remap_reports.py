"""Loaded reports mapped anew, one after the other: one that cannot be does not stop the others."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

from fhir_service.fhir.errors import FhirError
from fhir_service.mapping.errors import MappingError
from fhir_service.storage.repository import Repository
from fhir_service.workflows.publish_definitions import SOURCE as DEFINITIONS
from fhir_service.workflows.remap_report import RemappedReport, Remapping, remap_report

_log = logging.getLogger(__name__)


class NotRemapped(NamedTuple):
    """A report that could not be mapped anew, and why."""

    source_key: str
    reason: str


async def remap_reports(
    repository: Repository, source_keys: Sequence[str], remapping: Remapping
) -> AsyncIterator[RemappedReport | NotRemapped | None]:
    """Each loaded report, or those named; None for one with nothing to do. What is applied is stored before it is told;
    no more than one report is in memory."""
    async for source_key in _sources(repository, source_keys):
        try:
            yield await remap_report(repository, source_key, remapping)
        except (FhirError, MappingError) as error:
            yield NotRemapped(source_key, str(error))
        except Exception:  # a fault of ours in one report must not cost the others
            _log.exception("mapping %s anew failed", source_key)
            yield NotRemapped(source_key, "an error in fhir-service itself; the log has the details")


async def _sources(repository: Repository, named: Sequence[str]) -> AsyncIterator[str]:
    for source_key in named:
        yield source_key
    after = ""
    while not named and (page := await repository.reports.sources(after)):
        for source_key in page:
            if source_key != DEFINITIONS:
                yield source_key
        after = page[-1]
