"""A report out of the store: as deletions that history remembers, or for good."""

from __future__ import annotations

from fhir_service.fhir.access import OPEN
from fhir_service.fhir.errors import NotFound
from fhir_service.storage.repository import Delete, ReportEntry, Repository
from fhir_service.workflows.publish_definitions import SOURCE as DEFINITIONS


async def unload_report(repository: Repository, source_key: str, *, erase: bool) -> tuple[str, ...]:
    """Take out everything the report made; returns it as `Type/id`.

    `erase` removes every version, and the memory that the report was ever loaded. Raises NotFound for a source that
    was never loaded, and EditConflict where it is loaded at the same moment.
    """
    made = await repository.reports.resources_of(source_key, ever=erase)
    if not made or source_key == DEFINITIONS:
        raise NotFound(f"no report with the source '{source_key}' is loaded")
    if erase:
        return tuple(f"{kind}/{resource_id}" for kind, resource_id in await repository.reports.erase(source_key, OPEN))
    changes = [Delete(*key) for key in made]
    outcomes = await repository.commit(changes, OPEN, ReportEntry(source_key, before=frozenset(made)))
    return tuple(f"{outcome.type}/{outcome.id}" for outcome in outcomes if outcome.action == "deleted")
