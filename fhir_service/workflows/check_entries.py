"""The entries of a transaction or batch against the layers of validation that their types are given."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Any

from fhir_service.fhir.access import Access
from fhir_service.fhir.errors import Issue
from fhir_service.storage.repository import Repository
from fhir_service.validation.layers import Layer
from fhir_service.validation.references import missing_targets, store_references
from fhir_service.workflows.plan_bundle import BundlePlan, PlannedEntry
from fhir_service.workflows.write_checks import WriteChecks, there

_STORES = ("POST", "PUT")


def refuse_unfit(plan: BundlePlan, checks: WriteChecks) -> None:
    """Refuse the entries that do not stand the layers beyond R4 itself."""
    if not checks.beyond_r4:
        return
    for index, entry in _stored(plan):
        issues = [issue for issue in checks.deep_findings(entry.resource) if issue.severity in ("error", "fatal")]
        _refuse(plan, index, [_within(issue, entry.type, index) for issue in issues])


async def refuse_missing_targets(plan: BundlePlan, checks: WriteChecks, repository: Repository, access: Access) -> None:
    """Refuse the entries with references to what neither the store has nor the Bundle brings, where settings say so."""
    if checks.missing_target != "error" or not checks.beyond_r4:
        return
    asked = store_references(_bundle(plan), checks.base)
    wanted = {f"Bundle.entry[{n}].": n for n, entry in _stored(plan) if checks.layer(entry.type) >= Layer.REFERENCES}
    asked = [one for one in asked if _entry_of(one.expression) in wanted]
    refused: defaultdict[int, list[Issue]] = defaultdict(list)
    for issue in missing_targets(asked, await there(repository, asked, access), "error"):
        refused[wanted[_entry_of(issue.expression[0])]].append(issue)
    for index, issues in refused.items():
        _refuse(plan, index, issues)


def _stored(plan: BundlePlan) -> list[tuple[int, PlannedEntry]]:
    return [(index, entry) for index, entry in sorted(plan.entries.items()) if entry.method in _STORES]


def _bundle(plan: BundlePlan) -> dict[str, Any]:
    """What the Bundle brings, each entry at its place."""
    entries: list[dict[str, Any]] = [{} for _ in range(plan.size)]
    for index, entry in _stored(plan):
        named = {"fullUrl": entry.full_url} if entry.full_url else {}
        entries[index] = {"resource": entry.resource, "request": {"url": entry.url}, **named}
    return {"resourceType": "Bundle", "entry": entries}


def _entry_of(expression: str) -> str:
    return f"{expression.partition('].')[0]}]."


def _within(issue: Issue, resource_type: str, index: int) -> Issue:
    place = f"Bundle.entry[{index}].resource"
    return replace(issue, expression=tuple(f"{place}{at.removeprefix(resource_type)}" for at in issue.expression))


def _refuse(plan: BundlePlan, index: int, issues: list[Issue]) -> None:
    if issues:
        plan.entries.pop(index, None)
        plan.issues[index] += issues
