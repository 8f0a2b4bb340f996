"""A report into the store, so often as one likes: what it made before is replaced by what it makes now.

Two loads are compared without `meta` and without `Provenance.recorded`, which tell when and not what.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fhir_service.fhir.access import OPEN
from fhir_service.fhir.errors import FhirError, Gone, NotFound, UnprocessableContent
from fhir_service.fhir.json_text import encode, parse
from fhir_service.fhir.references import resolve_references
from fhir_service.reports.report import Report
from fhir_service.storage.repository import Change, Delete, Repository, Update
from fhir_service.validation.structure import findings
from fhir_service.workflows.map_report import MappedReport

Key = tuple[str, str]
"""Type and id of a resource."""


@dataclass(frozen=True, slots=True)
class LoadedReport:
    """What a load changed, as `Type/id`."""

    source_key: str
    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    unchanged: int = 0

    @property
    def changed(self) -> bool:
        return bool(self.created or self.updated or self.deleted)


async def load_report(repository: Repository, report: Report, mapped: MappedReport) -> LoadedReport:
    """Store what `mapped` holds and delete what the same source made before and makes no longer, in one transaction.

    Raises UnprocessableContent where a mapped resource is not valid R4; then nothing is stored.
    """
    resources = stored_form(mapped.bundle)
    _refuse_invalid(resources)
    before = set(await repository.resources_of(report.source_key))
    changes: list[Change] = []
    for key, resource in resources.items():
        if await _differs(repository, key, resource):
            changes.append(Update(*key, encode(resource)))
    changes += [Delete(*key) for key in sorted(before - resources.keys()) if await _exists(repository, key)]
    outcomes = await repository.commit_report(report.source_key, report.sha256, list(resources), changes, OPEN)
    named: dict[str, list[str]] = {"created": [], "updated": [], "deleted": []}
    for outcome in outcomes:
        named[outcome.action].append(f"{outcome.type}/{outcome.id}")
    return LoadedReport(
        report.source_key,
        created=tuple(named["created"]),
        updated=tuple(named["updated"]),
        deleted=tuple(named["deleted"]),
        unchanged=len(resources) - len(named["created"]) - len(named["updated"]),
    )


def stored_form(bundle: Mapping[str, Any]) -> dict[Key, dict[str, Any]]:
    """The resources of a mapped Bundle with references that stand in the store: `urn:uuid:x` is `Type/x`."""
    entries = bundle["entry"]
    targets = {entry["fullUrl"]: entry["request"]["url"] for entry in entries}
    return {
        (entry["resource"]["resourceType"], entry["resource"]["id"]): resolve_references(entry["resource"], targets)
        for entry in entries
    }


def _refuse_invalid(resources: Mapping[Key, dict[str, Any]]) -> None:
    issues = [issue for resource in resources.values() for issue in findings(resource) if issue.severity == "error"]
    if issues:
        raise UnprocessableContent("the mapped report is not valid FHIR", issues=issues)


async def _differs(repository: Repository, key: Key, resource: dict[str, Any]) -> bool:
    try:
        stored = await repository.read(*key, OPEN)
    except (NotFound, Gone):
        return True
    return _meaning(parse(stored.text)) != _meaning(resource)


async def _exists(repository: Repository, key: Key) -> bool:
    try:
        await repository.read(*key, OPEN)
    except (NotFound, Gone):
        return False
    return True


def _meaning(resource: dict[str, Any]) -> dict[str, Any]:
    without = {"meta", "recorded"} if resource["resourceType"] == "Provenance" else {"meta"}
    return {name: value for name, value in resource.items() if name not in without}


def first_reason(error: FhirError) -> str:
    """One sentence for the shell."""
    issue = error.issues[0]
    more = f" (and {len(error.issues) - 1} more)" if len(error.issues) > 1 else ""
    return f"{issue.text}{' at ' + issue.expression[0] if issue.expression else ''}{more}"


def summary(loads: Iterable[LoadedReport]) -> dict[str, int]:
    """How many resources were created, updated, deleted and left as they were."""
    total = {"created": 0, "updated": 0, "deleted": 0, "unchanged": 0}
    for load in loads:
        total["created"] += len(load.created)
        total["updated"] += len(load.updated)
        total["deleted"] += len(load.deleted)
        total["unchanged"] += load.unchanged
    return total
