"""Facts given by hand, mapped, and what they became."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from golden_cases import RECORDED

from fhir_service.definitions.catalogue import DEFAULT_BASE
from fhir_service.mapping.map_report import map_case_report
from fhir_service.reports.case_report import Case, CaseReport, Coded, ProcedureFact
from fhir_service.reports.report import Report, Source

LOCAL = DEFAULT_BASE + "/CodeSystem/"
INDEX = ProcedureFact(id="1/index-1", role="index", kind=Coded(code="vertebroplasty"))
ABSENT = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]}


def mapped(report: CaseReport, source: Source | None = None) -> dict[str, Any]:
    text = Report(text="Some text of a report.", source=source or Source(doi="10.1000/182"))
    return map_case_report(report, text, recorded=RECORDED, base=DEFAULT_BASE)


def case(**facts: Any) -> CaseReport:
    facts.setdefault("procedure", (INDEX,))
    return CaseReport(case=(Case(number=1, id="1/patient", **facts),))


def made(bundle: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == name]


def one(bundle: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = made(bundle, name)
    return found


def walk(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from walk(value)
    elif isinstance(node, list):
        for item in node:
            yield from walk(item)


def code_of(concept: dict[str, Any], system: str) -> list[str]:
    return [entry["code"] for entry in concept["coding"] if entry["system"] == system]
