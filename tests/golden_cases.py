"""The golden cases: whole reports, their facts made by hand, and the Bundle they map to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from fhir_service.definitions.catalogue import DEFAULT_BASE
from fhir_service.fhir.json_text import parse
from fhir_service.mapping.map_report import map_case_report
from fhir_service.reports.case_report import CaseReport, from_json
from fhir_service.reports.report import Report
from fhir_service.reports.source import source_from_json

ROOT = Path(__file__).parent / "golden"
RECORDED = "2026-01-31T12:00:00Z"


@dataclass(frozen=True)
class GoldenCase:
    """One folder of `tests/golden`."""

    folder: Path

    @cached_property
    def report(self) -> Report:
        source = source_from_json((self.folder / "source.json").read_bytes())
        return Report(text=(self.folder / "report.txt").read_text("utf-8"), source=source)

    @cached_property
    def facts(self) -> CaseReport:
        return from_json((self.folder / "case-report.json").read_bytes())

    @cached_property
    def expected(self) -> dict[str, Any]:
        """As `mapped` without the versions of maps."""
        return parse((self.folder / "bundle.json").read_bytes())

    def mapped(self, base: str = DEFAULT_BASE) -> dict[str, Any]:
        return map_case_report(self.facts, self.report, recorded=RECORDED, base=base)


def without_versions(bundle: dict[str, Any]) -> dict[str, Any]:
    """The Bundle without the versions of the artifacts that its Provenances name, which change with every map."""
    for entry in bundle["entry"]:
        for entity in entry["resource"].get("entity", ()):
            if "identifier" in entity["what"]:
                identifier = entity["what"]["identifier"]
                identifier["value"] = identifier["value"].partition("|")[0]
    return bundle


CASES = {path.name: GoldenCase(path) for path in sorted(ROOT.iterdir()) if (path / "case-report.json").is_file()}
