"""What extraction reads in real reports, and what the form's map makes of them, is right by the logical model."""

from __future__ import annotations

from pathlib import Path

import pytest
from filled_forms import filled

from fhir_service.definitions.catalogue import DEFAULT_BASE
from fhir_service.extraction.read_report import extract
from fhir_service.mapping.form_report import form_facts
from fhir_service.reports.case_report import to_json
from fhir_service.reports.report import Report, Source
from fhir_service.validation.case_reports import case_report_findings
from fhir_service.validation.json_text import read_json

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"
SEEDS = sorted((ROOT / "seeds").glob("*/report.txt"))
TEXTS = [*SEEDS, *sorted((SHARED / "seeds").glob("*.txt")), *sorted((SHARED / "dev-reports" / "texts").glob("*.txt"))]
LEVEL_NOT_SAID = "case-report.index-level"
"""Reports of an operation that do not say which vertebra was treated, or say it of the fracture alone."""


def name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


@pytest.mark.parametrize("path", TEXTS, ids=name)
def test_what_is_read_in_a_report_breaks_no_rule(path: Path) -> None:
    facts = extract(Report(text=path.read_bytes().decode(), source=Source(name=path.stem)))
    found = case_report_findings(read_json(to_json(facts)))
    assert [issue for issue in found if (issue.severity, issue.rule) != ("warning", LEVEL_NOT_SAID)] == []


@pytest.mark.parametrize("path", SEEDS[:2], ids=name)
def test_what_the_form_makes_of_it_breaks_no_rule_either(path: Path) -> None:
    facts = extract(Report(text=path.read_bytes().decode(), source=Source(name=path.stem)))
    made = form_facts(filled(facts, Source(doi="10.1000/1")), DEFAULT_BASE)
    assert case_report_findings(made.content) == []
