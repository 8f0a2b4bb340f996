"""HL7's own validator cases, with the definitions that each brings, are judged as HL7 judges them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fhir_service.fhir.errors import Issue
from fhir_service.formats.xml_reader import json_from_xml
from fhir_service.validation.json_text import read_json
from fhir_service.validation.resource_findings import resource_findings
from fhir_service.validation.structure import is_valid as is_valid_structure
from fhir_service.workflows.check_conformance import Conformance

DISAGREEMENTS: dict[str, str] = {}
"""Case and why we judge otherwise."""


def cases(folder: Path, kind: str) -> list[dict[str, Any]]:
    return [case for case in json.loads((folder / "manifest.json").read_text("utf-8")) if case["kind"] == kind]


def issues(folder: Path, case: dict[str, Any]) -> list[Issue]:
    """What we find: the structure, then the first profile of the definitions, named profiles and extensions."""
    raw = _json(folder / "files" / case["file"])
    found = resource_findings(raw)
    if not is_valid_structure(raw):
        return found
    sent = [read_json(_json(folder / "files" / file)) for file in case.get("definitions", ())]
    profiles = [entry["url"] for entry in sent if entry["resourceType"] == "StructureDefinition"]
    conformance = Conformance(sent={entry["url"]: entry for entry in sent})
    return found + conformance.issues(read_json(raw), profiles[0] if profiles else "")


def is_valid(folder: Path, case: dict[str, Any]) -> bool:
    return not any(issue.severity in ("error", "fatal") for issue in issues(folder, case))


def _json(file: Path) -> bytes:
    raw = file.read_bytes()
    return json_from_xml(raw) if file.suffix == ".xml" else raw


def test_profile_cases_are_judged_as_hl7_does(hl7_cases: Path) -> None:
    profile_cases = cases(hl7_cases, "profile")
    assert len(profile_cases) == 23
    wrong = {case["name"] for case in profile_cases if is_valid(hl7_cases, case) != case["valid"]}
    assert wrong == set(DISAGREEMENTS)
