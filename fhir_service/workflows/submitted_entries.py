"""Submissions to the registry among the entries of a transaction or batch (HL7's guide CREDS 1.0.0, CURS for many)."""

from __future__ import annotations

from dataclasses import replace

from fhir_service.fhir.bundles import entry_texts, read_entry
from fhir_service.fhir.json_text import parse
from fhir_service.workflows.plan_bundle import BundlePlan
from fhir_service.workflows.submission_bundle import PROFILE, CheckedBundle, check_bundle, is_submission
from fhir_service.workflows.write_checks import WriteChecks

_WRITES = ("POST", "PUT")


def submitted_entries(plan: BundlePlan, raw: bytes, checks: WriteChecks) -> dict[int, CheckedBundle]:
    """Every submission that is written, checked. An accepted one is written where it belongs by its identity; one that
    is refused leaves the plan, and a transaction is told why at its entry."""
    if PROFILE.encode() not in raw.replace(b"\\/", b"/"):
        return {}
    found = {}
    for index, text in enumerate(entry_texts(raw)):
        entry = read_entry(text) if index in plan.entries or index in plan.issues else None
        if entry is None or not entry.text or entry.request is None or entry.request.method not in _WRITES:
            continue
        resource = parse(entry.text)
        if not is_submission(resource) or entry.request.if_none_exist:
            continue
        checked = check_bundle(resource, checks.conformance())
        if index in plan.issues and not checked.is_refused:
            continue  # the request is wrong, not the submission
        found[index] = checked
        _place(plan, index, checked)
    return found


def _place(plan: BundlePlan, index: int, checked: CheckedBundle) -> None:
    if not checked.is_refused:
        planned = plan.entries[index]
        if checked.key and planned.method == "POST":
            plan.entries[index] = replace(planned, method="PUT", url=f"Bundle/{checked.key}", id=checked.key)
        return
    plan.entries.pop(index, None)
    plan.issues[index] = [
        replace(issue, expression=tuple(f"Bundle.entry[{index}].resource{place[len('Bundle') :]}" for place in places))
        for issue in checked.issues
        for places in [issue.expression or ("Bundle",)]
        if issue.severity in ("error", "fatal")
    ]
