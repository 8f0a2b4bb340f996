"""`fhir-service map --form` and `load` of a filled-in form."""

from __future__ import annotations

import json
from pathlib import Path

from filled_forms import answer, filled
from golden_cases import CASES

from fhir_service.fhir.json_text import encode

CASE = CASES["every-kind-of-fact"]
EXAMPLE = Path(__file__).parents[2] / "docs" / "howto" / "form.json"


def test_a_form_is_mapped_and_loaded_once(run, tmp_path: Path) -> None:
    (tmp_path / "form.json").write_bytes(encode(filled(CASE.facts, CASE.report.source)))
    done = run("map", "--form", "form.json")
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(json.loads(done.stdout)["entry"]) == len(CASE.expected["entry"])
    assert b"1 report loaded" in run("load", "form.json").stderr
    assert b" 0 created, 0 updated, 0 deleted" in run("load", "form.json").stderr
    assert b"resources deleted" in run("unload", "form.json").stderr


def test_the_form_of_the_howto_says_what_it_looks_like_it_says(run) -> None:
    done = run("map", "--form", EXAMPLE)
    assert (done.returncode, done.stderr) == (0, b"")
    resources = [entry["resource"] for entry in json.loads(done.stdout)["entry"]]
    (event,) = (one for one in resources if one["resourceType"] == "AdverseEvent")
    assert event["outcome"]["coding"][0]["code"] == "resolved"
    assert "pulmonary-cement-embolism" in {coding["code"] for coding in event["event"]["coding"]}
    assert {one["performedDateTime"] for one in resources if one["resourceType"] == "Procedure"} == {"2024-02"}
    assert [one["valueQuantity"]["value"] for one in resources if one["resourceType"] == "Observation"] == [71, 3.5]


def test_what_does_not_fit_is_told_with_its_place_and_nothing_is_printed(run, tmp_path: Path) -> None:
    broken = filled(CASE.facts, CASE.report.source)
    answer(broken, "case", "case.number")["answer"] = [{"valueString": "one"}]
    (tmp_path / "form.json").write_bytes(encode(broken))
    done = run("map", "--form", "form.json")
    assert (done.returncode, done.stdout) == (2, b"")
    said = done.stderr.decode()
    assert "QuestionnaireResponse.item[1].item[0].answer[0]: 'case.number' is answered with valueString" in said


def test_neither_a_report_nor_a_form_is_said_in_a_sentence(run) -> None:
    done = run("map")
    assert (done.returncode, done.stderr) == (2, b"name a report, or a form with --form\n")
