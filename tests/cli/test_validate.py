"""`fhir-service validate`: findings on stdout, what they come to on stderr, and the exit code says which it was."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
from pathlib import Path

from command import COMMAND

PATIENT = '{"resourceType": "Patient", "gender": "female"}'
BAD = '{"resourceType": "Patient", "gender": "man", "name": {}}'
XML = '<Patient xmlns="http://hl7.org/fhir"><gender value="man"/></Patient>'


def test_a_finding_is_a_line_with_file_line_place_and_rule_and_the_exit_code_is_1(run, tmp_path) -> None:
    (tmp_path / "all.ndjson").write_text(f"{PATIENT}\n\n{BAD}\n")
    (tmp_path / "patient.xml").write_text(XML)
    done = run("validate", "all.ndjson", "patient.xml", "--level", "error")
    assert done.returncode == 1
    lines = done.stdout.decode().splitlines()
    assert [line.split(" '")[0] for line in lines if "gender" in line] == [
        "all.ndjson:3: Patient.gender: error structure.binding:",
        "patient.xml:1: Patient.gender: error structure.binding:",
    ]
    assert b"3 resources in 2 files: 3 errors" in done.stderr
    assert b"2  error        structure.binding" in done.stderr


def test_folders_patterns_packed_files_and_bundles_are_read(run, tmp_path) -> None:
    inner = tmp_path / "folder" / "inner"
    inner.mkdir(parents=True)
    entries = [{"resource": json.loads(text)} for text in (PATIENT, BAD)]
    (inner / "b.json").write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}))
    (inner / "notes.txt").write_text("not read")
    (tmp_path / "folder" / "a.ndjson.gz").write_bytes(gzip.compress(f"{PATIENT}\n{BAD}\n".encode()))
    done = run("validate", "folder", "fold*/*.gz", "--level", "error")
    places = [line.split(": ")[:2] for line in done.stdout.decode().splitlines() if "binding" in line]
    assert places == [
        ["folder/a.ndjson.gz:2", "Patient.gender"],
        ["folder/inner/b.json:1", "Bundle.entry[1].resource.gender"],
        ["folder/a.ndjson.gz:2", "Patient.gender"],
    ]


def test_standard_input_is_a_document_or_one_resource_a_line(environment, tmp_path) -> None:
    for sent, resources in ((f"{PATIENT}\n{BAD}\n{PATIENT}", 3), (json.dumps(json.loads(BAD), indent=1), 1), (XML, 1)):
        done = subprocess.run(
            [COMMAND, "validate", "-"], input=sent.encode(), env=environment, capture_output=True, check=False
        )
        assert done.returncode == 1, sent
        assert f"{resources} resource".encode() in done.stderr, sent


def test_json_is_an_outcome_for_each_resource_with_its_file_and_line(run, tmp_path) -> None:
    (tmp_path / "all.ndjson").write_text(f"{PATIENT}\n{BAD}\n")
    done = run("validate", "all.ndjson", "--format", "json")
    outcomes = [json.loads(line) for line in done.stdout.splitlines()]
    assert [outcome["extension"][0]["valueString"] for outcome in outcomes] == ["all.ndjson"] * 2
    assert [outcome["issue"][0]["extension"][0]["valueInteger"] for outcome in outcomes] == [1, 2]
    (tmp_path / "outcomes.ndjson").write_bytes(done.stdout)
    assert run("validate", "outcomes.ndjson").returncode == 0, "the outcomes are valid themselves"


def test_what_fails_and_what_is_printed_is_chosen(run, tmp_path) -> None:
    (tmp_path / "patient.json").write_text(PATIENT)
    assert run("validate", "patient.json").returncode == 0
    assert run("validate", "patient.json", "--fail-on", "warning").returncode == 1
    assert run("validate", "patient.json", "--level", "error").stdout == b""
    quiet = run("validate", "patient.json", "--quiet")
    assert quiet.stdout == b""
    assert b"1 resource in 1 file: 0 errors, 1 warning" in quiet.stderr
    assert run("validate", "patient.json", "--level", "all").returncode == 2


def test_what_cannot_be_read_is_told_the_rest_is_validated_and_the_exit_code_is_2(run, tmp_path) -> None:
    (tmp_path / "patient.json").write_text(PATIENT)
    (tmp_path / "empty").mkdir()
    (tmp_path / "cut.ndjson.gz").write_bytes(gzip.compress(f"{BAD}\n".encode() * 9)[:-12])
    done = run("validate", "missing.json", "empty", "no*.json", "cut.ndjson.gz", "patient.json", "--level", "error")
    told = done.stdout.decode()
    assert done.returncode == 2
    assert told.count("file.unread") == 3
    assert "the gzip data is damaged or cut off" in told
    assert b"3 could not be validated" in done.stderr
    assert b"Traceback" not in done.stderr
    named = run("validate", "patient.json", "--definitions", "empty")
    assert (named.returncode, named.stderr) == (2, b"empty: it cannot be read (Is a directory)\n")


def test_every_core_gives_the_same_findings_in_the_same_order(run, tmp_path) -> None:
    (tmp_path / "all.ndjson").write_text(f"{PATIENT}\n{BAD}\n" * 400)
    one, two = (run("validate", "all.ndjson", "--workers", workers) for workers in (1, 2))
    assert (one.returncode, one.stdout, one.stderr) == (two.returncode, two.stdout, two.stderr)
    assert one.stdout.count(b"\n") > 800


def test_of_many_findings_the_first_are_printed_and_the_rest_counted(run, tmp_path) -> None:
    (tmp_path / "long.json").write_text(json.dumps({"resourceType": "Patient", "name": [{"family": 1}] * 900}))
    lines = run("validate", "long.json").stdout.decode().splitlines()
    assert len(lines) == 101
    assert lines[-1] == "long.json:1: … and 800 more"


def test_ctrl_c_ends_it_with_what_was_found_until_then(environment, tmp_path) -> None:
    started = subprocess.Popen(
        [COMMAND, "validate", "-", "--workers", "2"],
        env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path,
    )  # fmt: skip
    assert started.stdin is not None
    assert started.stdout is not None
    started.stdin.write(f"{BAD}\n".encode() * 2000)
    started.stdin.flush()
    assert started.stdout.readline(), "it is at work"
    started.send_signal(signal.SIGINT)
    _, told = started.communicate(timeout=30)
    assert started.returncode == 130
    assert b"Stopped before the end" in told
    assert b"Traceback" not in told


def test_a_profile_that_is_sent_along_is_asked_about(run, tmp_path: Path) -> None:
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


def test_what_a_profile_wants_supported_is_told_on_request(run, tmp_path: Path) -> None:
    element = {"path": "Patient.birthDate", "mustSupport": True}
    profile = {
        "resourceType": "StructureDefinition",
        "url": "urn:wanted",
        "type": "Patient",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
        "differential": {"element": [element]},
    }
    (tmp_path / "profile.json").write_text(json.dumps(profile))
    (tmp_path / "patient.json").write_text(PATIENT)
    asked = ("validate", "patient.json", "--definitions", "profile.json", "--profile", "urn:wanted")
    assert b"must-support" not in run(*asked).stdout
    done = run(*asked, "--must-support")
    assert (done.returncode, done.stdout.count(b"profile.must-support")) == (0, 1)


def test_a_case_report_is_held_against_the_logical_model(run, tmp_path) -> None:
    case = {"number": 1, "id": "1/patient", "age": {"id": "1/age", "value": 172, "unit": "a"}, "sx": {"code": "male"}}
    (tmp_path / "case.json").write_text(json.dumps({"case": [case]}))
    done = run("validate", "case.json", "--format", "json")
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
