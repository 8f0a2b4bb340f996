"""From the parameters of a kick-off to what a job keeps of them: for `$export`, and for the shell."""

from __future__ import annotations

from msgspec.structs import replace

from fhir_service.fhir.errors import InvalidParameter
from fhir_service.storage.repository import Repository
from fhir_service.workflows.export_asked import Asked, restrictions
from fhir_service.workflows.export_cohort import cohort_members
from fhir_service.workflows.export_request import ExportRequest

Members = tuple[tuple[str, ...] | None, tuple[str, ...]]
"""See `export_cohort.patients_listed`."""
EVERYBODY: Members = (None, ())


async def export_request(
    asked: Asked, url: str, members: Members, repository: Repository, *, separate_status: bool = False, secret: str = ""
) -> ExportRequest:
    """What is asked of these members, at that URL. Raises Forbidden, InvalidParameter, UnsupportedParameter."""
    asked.check()
    types, output = asked.types(), asked.format()
    explained, latest = asked.provenance(types)
    request = ExportRequest(
        level=asked.level,
        url=url,
        base=asked.base,
        types=types,
        since=asked.instant("_since"),
        until=asked.instant("_until"),
        filters=asked.filters(types),
        restrictions=restrictions(asked.access, types),
        elements=asked.elements(types),
        patients=members[0],
        cohort=members[1],
        grants=asked.access.grants,
        explained=explained,
        latest=latest,
        organized_by=asked.organized_by(types, output),
        partial=asked.partial(),
        format=output,
        guide=asked.guide,
        separate_status=separate_status,
        secret=secret,
    )
    request = await _of_patients(asked, request, repository)
    return replace(request, left_out=tuple(asked.left_out))


async def _of_patients(asked: Asked, request: ExportRequest, repository: Repository) -> ExportRequest:
    """Limited to the patients that are named; each has to be in the Group, or to be stored. Raises InvalidParameter."""
    named = asked.patients()
    if named is None:
        return request
    if request.cohort:
        known = await cohort_members(repository, request, _among(named, request.patients))
    elif request.patients is not None:
        known = request.patients
    else:
        there = await repository.newest([("Patient", one) for one in named], asked.access)
        known = tuple(key[1] for key, one in there.items() if not one.deleted)
    if unknown := sorted(set(named).difference(known)):
        text = f"patient: Patient/{unknown[0]} is not among the patients of this export"
        raise InvalidParameter(text, expression=(asked.parameters.place("patient"),))
    return replace(request, patients=named)


def _among(named: tuple[str, ...], listed: tuple[str, ...] | None) -> tuple[str, ...]:
    return named if listed is None else tuple(one for one in named if one in set(listed))
