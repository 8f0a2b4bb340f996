"""HL7's own validator cases, with the definitions that each brings, are judged as HL7 judges them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fhir_service.fhir.errors import Issue
from fhir_service.workflows.check_conformance import Conformance
from fhir_service.workflows.validate_file import read_definitions, validate_file

DISAGREEMENTS: dict[str, str] = {}
"""Case and why we judge otherwise."""


BASE_DISAGREEMENTS = {
    "AuditEvent-slice23-second": (
        "HL7 refuses an extension that it cannot find; R4 extensibility.html has applications not reject a resource "
        "for extensions alone, so that it is told, and kept"
    ),
    "contained-resource-bad-id-ignore": (
        "HL7 runs it with faults of ids left out; its id is longer than the 64 characters of R4 datatypes.html#id"
    ),
    "encounter-period": (
        "it begins on a day and ends at a moment of that day. HL7's expression of per-1 has no result there, which "
        "counts as broken; R5 says what is meant, start.lowBoundary() <= end.highBoundary(), and that holds"
    ),
    "obs-temp-bad": "its fault is by a profile that it names and that is not known here, which is a warning",
    "uk-msg": "codes and displays of SNOMED CT, which is not ours to hand on",
}
"""Cases without a profile of their own, and why we judge otherwise."""


def cases(folder: Path, kind: str) -> list[dict[str, Any]]:
    return [case for case in json.loads((folder / "manifest.json").read_text("utf-8")) if case["kind"] == kind]


def issues(folder: Path, case: dict[str, Any]) -> tuple[Issue, ...]:
    """What we find in the file of a case, against the first profile that it brings."""
    files = [folder / "files" / file for file in case.get("definitions", ())]
    sent = read_definitions(files)
    profiles = [url for url, entry in sent.items() if entry["resourceType"] == "StructureDefinition"]
    file = folder / "files" / case["file"]
    return validate_file(file, Conformance(sent=sent), max_bytes=10_000_000, profile=profiles[0] if profiles else "")


def is_valid(folder: Path, case: dict[str, Any]) -> bool:
    return not any(issue.severity in ("error", "fatal") for issue in issues(folder, case))


def test_profile_cases_are_judged_as_hl7_does(hl7_cases: Path) -> None:
    profile_cases = cases(hl7_cases, "profile")
    assert len(profile_cases) == 23
    wrong = {case["name"] for case in profile_cases if is_valid(hl7_cases, case) != case["valid"]}
    assert wrong == set(DISAGREEMENTS)


def test_cases_without_a_profile_are_judged_as_hl7_does(hl7_cases: Path) -> None:
    base_cases = cases(hl7_cases, "base")
    assert len(base_cases) == 58
    wrong = {case["name"] for case in base_cases if is_valid(hl7_cases, case) != case["valid"]}
    assert wrong == set(BASE_DISAGREEMENTS)
