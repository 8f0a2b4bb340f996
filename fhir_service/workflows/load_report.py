"""A report into the store, as often as one likes: what it made before is replaced by what it makes now.

Two loads are compared without `meta` and without `Provenance.recorded`, which tell when and not what.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fhir_service.fhir.access import OPEN, Access
from fhir_service.fhir.errors import EditConflict, Issue, UnprocessableContent
from fhir_service.fhir.json_text import encode
from fhir_service.reports.reading import reading_to_json
from fhir_service.reports.report import Report
from fhir_service.storage.repository import Change, Delete, Key, Outcome, ReportEntry, Repository, Update
from fhir_service.validation.resource_findings import resource_errors
from fhir_service.workflows.map_report import MappedReport
from fhir_service.workflows.publish_definitions import SOURCE as DEFINITIONS
from fhir_service.workflows.rewrite_links import with_links
from fhir_service.workflows.withhold_source_text import without_source_text

SAME_TEXT = "submission.same-text"
ATTEMPTS = 5
"""Tries, where others load the same report at the same moment."""
VOLATILE = {"Provenance": frozenset({"recorded"})}
_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class LoadedReport:
    """What a load changed, as `Type/id`. `again`: the source had been loaded before. `by_hand`: of what was changed,
    that which somebody else had changed or deleted since the load before; history has it."""

    source_key: str
    again: bool
    created: tuple[str, ...]
    updated: tuple[str, ...]
    deleted: tuple[str, ...]
    unchanged: int
    by_hand: tuple[str, ...] = ()


async def load_report(
    repository: Repository, report: Report, mapped: MappedReport, access: Access = OPEN, *, withhold: bool = False
) -> LoadedReport:
    """Store what `mapped` holds and delete what the same source made before and makes no longer, in one transaction;
    with `withhold` nothing that the report says in words.

    Raises UnprocessableContent where a mapped resource is not valid R4, or where the same text is loaded under another
    source, which would tell of the same patients twice, or under the name of the definitions; then nothing is stored.
    """
    resources = stored_form(mapped.bundle)
    if withhold:
        resources = without_source_text(resources)
    refuse_invalid(resources)
    reading = None if withhold else reading_to_json(mapped.reading)
    for _ in range(ATTEMPTS - 1):
        try:
            return await _replaced(repository, report, reading, resources, access)
        except EditConflict:
            continue
    return await _replaced(repository, report, reading, resources, access)


async def _replaced(
    repository: Repository,
    report: Report,
    reading: bytes | None,
    resources: Mapping[Key, dict[str, Any]],
    access: Access,
) -> LoadedReport:
    await _refuse_other_source(repository, report)
    state = await repository.reports.state(report.source_key)
    before = state.made if state else {}
    changes: list[Change] = [
        Update(*key, encode(resource), if_changed=True, volatile=VOLATILE.get(key[0], _NOTHING))
        for key, resource in resources.items()
    ]
    changes += [Delete(*key) for key in before if key not in resources]
    entry = ReportEntry(
        report.source_key,
        report.sha256,
        tuple(resources),
        before=frozenset(before),
        reading=reading,
        sole=True,
    )
    outcomes = await repository.commit(changes, access, entry)
    return LoadedReport(
        report.source_key,
        bool(before),
        created=_named(outcomes, "created"),
        updated=_named(outcomes, "updated"),
        deleted=_named(outcomes, "deleted"),
        unchanged=sum(outcome.action == "unchanged" for outcome in outcomes),
        by_hand=tuple(_name(outcome) for outcome in outcomes if _was_by_hand(outcome, before)),
    )


def stored_form(bundle: Mapping[str, Any]) -> dict[Key, dict[str, Any]]:
    """The resources of a mapped Bundle with references that stand in the store: `urn:uuid:x` is `Type/x`."""
    entries = bundle["entry"]
    targets = {entry["fullUrl"]: entry["request"]["url"] for entry in entries}
    return {
        (entry["resource"]["resourceType"], entry["resource"]["id"]): with_links(
            entry["resource"], lambda link, _: targets.get(link, link)
        )
        for entry in entries
    }


def refuse_invalid(resources: Mapping[Key, dict[str, Any]]) -> None:
    """Raises UnprocessableContent where one of them is not valid R4."""
    issues = [issue for resource in resources.values() for issue in resource_errors(resource)]
    if issues:
        raise UnprocessableContent("the mapped report is not valid FHIR", issues=issues)


async def _refuse_other_source(repository: Repository, report: Report) -> None:
    if report.source_key == DEFINITIONS:
        raise UnprocessableContent(
            f"'{DEFINITIONS}' is the name of the service's own definitions; name the source otherwise"
        )
    others = [key for key in await repository.reports.sources_of(report.sha256) if key != report.source_key]
    if others:
        text = f"the same text is loaded as '{others[0]}'; unload that first"
        raise UnprocessableContent(text, issues=[Issue("error", "duplicate", text, (), SAME_TEXT)])


def _was_by_hand(outcome: Outcome, before: Mapping[Key, int | None]) -> bool:
    """Whether there was a version between that which the load before left and that of this one."""
    left = before.get((outcome.type, outcome.id))
    return left is not None and outcome.action != "unchanged" and outcome.version > left + 1


def _named(outcomes: list[Outcome], action: str) -> tuple[str, ...]:
    return tuple(_name(outcome) for outcome in outcomes if outcome.action == action)


def _name(outcome: Outcome) -> str:
    return f"{outcome.type}/{outcome.id}"
