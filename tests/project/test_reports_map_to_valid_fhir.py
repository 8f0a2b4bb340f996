"""What the real reports become is valid R4, to us and to an independent validator, and meets our profiles."""

from __future__ import annotations

from pathlib import Path

import pytest
from second_opinion import unexplained

from fhir_service.mapping.map_report import encode_bundle
from fhir_service.reports.report import Report, Source
from fhir_service.validation.json_text import read_json
from fhir_service.validation.structure import findings
from fhir_service.workflows.check_conformance import conformance
from fhir_service.workflows.map_report import map_report

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"
BASE = "https://vertebral-augmentation.example.org/fhir"
TEXTS = [
    *sorted((ROOT / "seeds").glob("*/report.txt")),
    *sorted((SHARED / "seeds").glob("*.txt")),
    *sorted((SHARED / "dev-reports" / "texts").glob("*.txt")),
]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_mapped_report_is_valid_to_us_and_to_pyrofile(path: Path) -> None:
    report = Report(text=path.read_bytes().decode(), source=Source(name=path.stem))
    bundle = map_report(report, recorded="2026-01-31T12:00:00Z", base=BASE).bundle
    assert len(bundle["entry"]) > 5
    text = encode_bundle(bundle)
    assert findings(text) == []
    assert conformance().profile_issues(read_json(text), f"{BASE}/StructureDefinition/case-report-bundle") == []
    assert unexplained(bundle) == []
