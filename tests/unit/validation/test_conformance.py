"""Single faults are caught, and what is right passes: mutants, HL7's own cases, synthetic patients."""

import json
from pathlib import Path
from typing import Any

from fhir_service.validation.resource_findings import resource_errors, resource_findings
from fhir_service.validation.structure import findings, is_valid

INVARIANTS = {
    "41-ref-1-dangling-contained.json": ["ref-1"],
    "42-dom-3-unreferenced-contained.json": ["dom-3"],
    "44-per-1.json": ["per-1"],
    "46-obs-7.json": ["obs-7"],
    "47-obs-3.json": ["obs-3"],
    "49-con-4.json": ["con-4"],
    "51-con-1.json": ["con-1"],
    "52-con-2.json": ["con-2"],
    "57-dom-2-nested-contained.json": ["dom-2", "dom-3"],
}
"""Right in structure; the invariant that each breaks."""

RULES = {
    "01-unknown-element.json": "unknown-element",
    "02-name-not-array.json": "cardinality",
    "04-active-string.json": "primitive",
    "06-choice-type-wrong-multipleBirthString.json": "choice",
    "07-obs-missing-status.json": "required",
    "09-con-missing-subject.json": "required",
    "11-adv-missing-actuality.json": "required",
    "12-backbone-missing-link-type.json": "required",
    "14-obs-valueAddress-not-allowed.json": "choice",
    "16-empty-object.json": "empty",
    "17-empty-array.json": "empty",
    "19-id-too-long.json": "primitive",
    "21-us-date.json": "primitive",
    "22-feb-30.json": "primitive",
    "24-instant-date-only.json": "primitive",
    "26-decimal-as-string.json": "primitive",
    "27-empty-string.json": "empty",
    "29-gender-man.json": "binding",
    "31-pro-status-finished.json": "binding",
    "32-con-clinicalStatus-cured.json": "binding",
    "34-adv-actuality-real.json": "binding",
    "36-telecom-system-carrier-pigeon.json": "binding",
    "37-ref-managingOrg-Practitioner.json": "reference-target",
    "39-ref-con-subject-Observation.json": "reference-target",
    "54-ext-missing-url.json": "required",
    "56-primitive-ext-length-mismatch.json": "cardinality",
}


STRICTER_THAN_HL7 = {"contained-resource.json"}
"""The id of its contained resource has more than 64 characters; HL7 runs the case with such ids ignored."""


def manifest(folder: Path) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((folder / "manifest.json").read_text("utf-8"))
    return cases


def test_every_mutant_is_one_finding_of_the_rule_it_breaks(mutants: Path) -> None:
    broken = [case["file"] for case in manifest(mutants) if not case["valid"] and case["file"] not in INVARIANTS]
    found = {file: [issue.rule for issue in findings((mutants / file).read_bytes())] for file in broken}
    assert found == {file: [f"structure.{rule}"] for file, rule in RULES.items()}


def test_what_breaks_only_an_invariant_is_a_finding_of_that_invariant(mutants: Path) -> None:
    found = {file: (mutants / file).read_bytes() for file in INVARIANTS}
    assert {case["file"] for case in manifest(mutants) if case["kind"] == "invariant"} == set(INVARIANTS)
    assert {file for file, text in found.items() if not is_valid(text)} == set()
    assert {file: [issue.rule for issue in resource_errors(text)] for file, text in found.items()} == INVARIANTS


def test_the_clean_resources_pass(mutants: Path) -> None:
    clean = [case["file"] for case in manifest(mutants) if case["valid"]]
    assert len(clean) == 5
    assert [file for file in clean if resource_findings((mutants / file).read_bytes())] == []


def test_what_hl7_calls_valid_passes(hl7_cases: Path) -> None:
    valid = {case["file"] for case in manifest(hl7_cases) if case["kind"] == "base" and case["valid"]}
    read = {file for file in valid if file.endswith(".json")}
    assert len(read) > 20
    assert {file for file in read if resource_errors((hl7_cases / "files" / file).read_bytes())} == STRICTER_THAN_HL7


def test_no_synthetic_patient_record_is_refused(synthea: Path) -> None:
    refused, seen = [], 0
    for file in sorted(synthea.glob("*.ndjson")):
        lines = file.read_bytes().splitlines()
        sample = lines[:: max(1, len(lines) // 200)]
        seen += len(sample)
        refused += [line for line in sample if resource_errors(line)]
    assert seen > 500
    assert refused == []
