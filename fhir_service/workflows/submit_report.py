"""A submission into the store, or refused with everything that is found about it; a refused one changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fhir_service.fhir.access import Access
from fhir_service.fhir.errors import FhirError, Issue, MalformedContent, UnprocessableContent
from fhir_service.reports.report import Report
from fhir_service.storage.repository import Key, Repository
from fhir_service.workflows.check_submission import CheckedSubmission
from fhir_service.workflows.load_report import SAME_TEXT, LoadedReport, load_report, stored_form
from fhir_service.workflows.map_report import MappedReport
from fhir_service.workflows.same_patient import same_patient_issues

ACCEPTED = "submission.accepted"


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of a submission. `loaded` is there where it was stored, `document` then is the key of its text."""

    submission: CheckedSubmission
    issues: tuple[Issue, ...]
    loaded: LoadedReport | None = None
    document: Key | None = None

    @property
    def is_refused(self) -> bool:
        return any(issue.severity in ("error", "fatal") for issue in self.issues)


async def submit_report(
    repository: Repository, checked: CheckedSubmission, access: Access, *, validate_only: bool, withhold: bool = False
) -> Submitted:
    """Store what a checked submission makes in place of what the same source made before, unless that is refused or
    `validate_only`; with `withhold` without the words of its report.

    Raises EditConflict, Forbidden, StoreUnavailable.
    """
    if checked.is_refused or checked.report is None or checked.mapped is None:
        return Submitted(checked, checked.issues)
    report, mapped = checked.report, checked.mapped
    resources = stored_form(mapped.bundle)
    before = await repository.reports.resources_of(report.source_key)
    issues = [*checked.issues, *await _same_text(repository, report, checked.root)]
    issues += await same_patient_issues(
        repository, mapped.reading.case_report, report.source_key, resources, access, own=before, root=checked.root
    )
    found = Submitted(checked, tuple(issues))
    if found.is_refused:
        return found
    if validate_only:
        return Submitted(checked, (*issues, _accepted(_foreseen(resources, before), checked.root)))
    return await _stored(repository, checked, (report, mapped), issues, access, withhold=withhold)


async def _stored(
    repository: Repository,
    checked: CheckedSubmission,
    made: tuple[Report, MappedReport],
    issues: Sequence[Issue],
    access: Access,
    *,
    withhold: bool,
) -> Submitted:
    report, mapped = made
    try:
        loaded = await load_report(repository, report, mapped, access, withhold=withhold)
    except (MalformedContent, UnprocessableContent) as error:
        return Submitted(checked, (*issues, *_of(error, checked.root)))
    document = next(key for key in stored_form(mapped.bundle) if key[0] == "DocumentReference")
    return Submitted(checked, (*issues, _accepted(_done(loaded), checked.root)), loaded, document)


async def _same_text(repository: Repository, report: Report, root: str) -> list[Issue]:
    others = [key for key in await repository.reports.sources_of(report.sha256) if key != report.source_key]
    text = f"the same text was submitted as '{', '.join(others)}': submit it under that source, or have it taken out"
    return [Issue("error", "duplicate", text, (root,), SAME_TEXT)] if others else []


def _of(error: FhirError, root: str) -> list[Issue]:
    """What the store found, in the words of the sender."""
    return [
        Issue(issue.severity, issue.code, issue.text, (root,), issue.rule or "submission.refused")
        for issue in error.issues
    ]


def _accepted(what: str, root: str) -> Issue:
    return Issue("information", "informational", f"accepted: {what}", (root,), ACCEPTED)


def _foreseen(resources: dict[Key, Any], before: Sequence[Key]) -> str:
    again = "; it would replace what the same source made before" if before else ""
    return f"it would make {len(resources)} resources{again}; nothing was stored"


def _done(loaded: LoadedReport) -> str:
    if not loaded.again:
        return f"{len(loaded.created)} resources were made"
    changes = {"created": loaded.created, "updated": loaded.updated, "deleted": loaded.deleted}
    told = [f"{len(names)} {action}" for action, names in changes.items() if names]
    words = ", ".join(told) if told else "nothing differs"
    return f"the same source was submitted before; {words}, {loaded.unchanged} left as they were"
