"""What is wrong with the resources that facts make, told of the facts they come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fhir_service.fhir.errors import Issue
from fhir_service.mapping.explain import Explanations
from fhir_service.mapping.map_report import MappedCaseReport
from fhir_service.reports.case_report import CaseReport
from fhir_service.validation.structure import findings

ROOT = "CaseReport"
_OF_THE_DOCUMENT = frozenset({"DocumentReference", "Device", "Provenance"})


def mapped_findings(made: MappedCaseReport, stated: CaseReport) -> list[Issue]:
    """Every error, at its path in the logical model (`CaseReport.case[0].sex`); and that no fact is kept, where none
    is."""
    types = {entry["resource"]["resourceType"] for entry in made.bundle["entry"]}
    if (stated.case or stated.group_statement or stated.contradiction) and types <= _OF_THE_DOCUMENT:
        text = "no operation is an augmentation (its role index, or its kind one); of such a report no fact is kept"
        return [Issue("error", "business-rule", text, (ROOT,), "report.augmentation")]
    found = list(_findings(made.bundle))
    told = Explanations(made.done.trace if found else (), made.source)
    return [
        Issue(issue.severity, issue.code, f"{issue.text} ({at})", (_fact(at, told),), issue.rule) for at, issue in found
    ]


def _findings(bundle: Mapping[str, Any]) -> Iterator[tuple[str, Issue]]:
    for index, entry in enumerate(bundle["entry"]):
        for issue in findings(entry["resource"]):
            if issue.severity == "error":
                inside = issue.expression[0].partition(".")[2] if issue.expression else ""
                yield ".".join(part for part in (f"Bundle.entry[{index}].resource", inside) if part), issue


def _fact(at: str, told: Explanations) -> str:
    fact = told.of(at)
    return f"{ROOT}.{fact.source}" if fact else ROOT
