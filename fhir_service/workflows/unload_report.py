"""A report out of the store: as deletions that history remembers, or for good."""

from __future__ import annotations

from fhir_service.fhir.access import OPEN
from fhir_service.fhir.errors import Gone, NotFound
from fhir_service.storage.repository import Delete, Repository


async def unload_report(repository: Repository, source_key: str, *, erase: bool) -> tuple[str, ...]:
    """Take out everything the report made; returns it as `Type/id`.

    `erase` removes every version, and the memory that the report was ever loaded. Raises NotFound for a source that
    was never loaded.
    """
    made = await repository.resources_of(source_key, ever=erase)
    if not made:
        raise NotFound(f"no report with the source '{source_key}' is loaded")
    if erase:
        await repository.erase(made, OPEN)
        await repository.forget_report(source_key)
        return tuple(f"{kind}/{resource_id}" for kind, resource_id in made)
    present = [key for key in made if await _present(repository, *key)]
    outcomes = await repository.commit_report(source_key, None, [], [Delete(*key) for key in present], OPEN)
    return tuple(f"{outcome.type}/{outcome.id}" for outcome in outcomes)


async def _present(repository: Repository, kind: str, resource_id: str) -> bool:
    try:
        await repository.read(kind, resource_id, OPEN)
    except (NotFound, Gone):
        return False
    return True
