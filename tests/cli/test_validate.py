"""`fhir-service validate`: one OperationOutcome a line."""

from __future__ import annotations

import json

PATIENT = '{"resourceType": "Patient", "gender": "female"}'


def test_a_valid_file_is_an_outcome_without_errors_and_exit_0(run, tmp_path) -> None:
    (tmp_path / "patient.json").write_text(PATIENT)
    done = run("validate", "patient.json")
    assert done.returncode == 0
    outcome = json.loads(done.stdout)
    assert outcome["resourceType"] == "OperationOutcome"
    assert {issue["severity"] for issue in outcome["issue"]} <= {"information", "warning"}


def test_one_line_a_file_and_exit_1_if_any_has_an_error(run, tmp_path) -> None:
    (tmp_path / "good.json").write_text(PATIENT)
    (tmp_path / "bad.json").write_text('{"resourceType": "Patient", "gender": "man", "name": {}}')
    (tmp_path / "cut.json").write_text('{"resourceType": "Pat')
    done = run("validate", "good.json", "bad.json", "cut.json", "missing.json")
    assert done.returncode == 1
    outcomes = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(outcomes) == 4
    wrong = {expression for issue in outcomes[1]["issue"] for expression in issue.get("expression", [])}
    assert {"Patient.gender", "Patient.name"} <= wrong
    assert all(outcome["issue"][0]["severity"] in ("error", "fatal") for outcome in outcomes[1:])
    assert b"Traceback" not in done.stderr


def test_a_profile_that_is_sent_along_is_asked_about(run, tmp_path) -> None:
    profile = {
        "resourceType": "StructureDefinition",
        "url": "urn:named",
        "type": "Patient",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
        "differential": {"element": [{"path": "Patient.name", "min": 1}]},
    }
    (tmp_path / "patient.json").write_text('{"resourceType": "Patient"}')
    (tmp_path / "named.json").write_text(json.dumps(profile))
    done = run("validate", "patient.json", "--profile", "urn:named", "--definitions", "named.json")
    assert done.returncode == 1
    assert b"Patient.name" in done.stdout
    assert run("validate", "patient.json", "--profile", "urn:named").returncode == 1, "a profile that is not known"
    assert run("validate", "patient.json", "--definitions", "named.json").returncode == 0


def test_a_case_report_is_held_against_the_logical_model(run, tmp_path) -> None:
    case = {"number": 1, "id": "1/patient", "age": {"id": "1/age", "value": 172, "unit": "a"}, "sx": {"code": "male"}}
    (tmp_path / "case.json").write_text(json.dumps({"case": [case]}))
    done = run("validate", "case.json")
    assert done.returncode == 1
    rules = {issue["details"]["coding"][0]["code"]: issue for issue in json.loads(done.stdout)["issue"]}
    assert rules.keys() == {"case-report.unknown-element", "case-report.age-range"}
    assert rules["case-report.age-range"]["expression"] == ["case[0].age.value"]
    assert "did you mean sex?" in rules["case-report.unknown-element"]["diagnostics"]


def test_asked_by_the_url_of_the_logical_model_anything_is_held_against_it(run, tmp_path) -> None:
    (tmp_path / "patient.json").write_text(PATIENT)
    model = "https://vertebral-augmentation.example.org/fhir/StructureDefinition/case-report"
    done = run("validate", "patient.json", "--profile", model)
    assert done.returncode == 1
    assert b"case-report.unknown-element" in done.stdout
