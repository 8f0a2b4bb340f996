"""The form of a case report asks for every element of the logical model, and its map reads every answer."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from filled_forms import FORM, every_answer, filled, questions
from golden_cases import CASES, GoldenCase

from fhir_service.definitions.catalogue import DEFAULT_BASE, Kind, catalogue, mappings_root
from fhir_service.fhir.json_text import encode, parse
from fhir_service.mapping.form_report import form_facts
from fhir_service.reports.case_report import CaseReport, from_json
from fhir_service.terminology.terminologies import terminologies

ROOT = Path(__file__).parents[2]
SAID = tomllib.loads((mappings_root() / "questionnaires" / "case-report.toml").read_text("utf-8"))
NEVER_ASKED = {"span", "denominatorSpan", "rule", "confidence", "note"}
"""What only a reader of a text can tell."""


def paths(model: str, holder: str, prefix: str = "") -> set[str]:
    """Every path below an element of the model, parts of data types included."""
    found = set()
    for entry in catalogue().artifact(Kind.LOGICAL_MODEL, f"{DEFAULT_BASE}/StructureDefinition/{model}")[
        "differential"
    ]["element"]:
        parent, _, name = entry["path"].rpartition(".")
        if parent == holder:
            here = f"{prefix}.{name}" if prefix else name
            code = entry["type"][0]["code"]
            found.add(here)
            if code == "BackboneElement":
                found |= paths(model, entry["path"], here)
            elif code.startswith(DEFAULT_BASE):
                found |= paths(code.rsplit("/", 1)[-1], code.rsplit("/", 1)[-1], here)
    return found


def is_left_out(path: str) -> bool:
    """Whether the element, or one around it, is named as not asked for."""
    parts = path.split(".")
    around = [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
    return any(
        place == name or (name.startswith(".") and f".{place}".endswith(name))
        for place in around
        for name in SAID["not-asked"]
    )


def without_what_is_not_asked(node: object) -> object:
    if isinstance(node, dict):
        return {name: without_what_is_not_asked(value) for name, value in node.items() if name not in NEVER_ASKED}
    return [without_what_is_not_asked(item) for item in node] if isinstance(node, list) else node


def facts_alone(facts: CaseReport) -> CaseReport:
    return from_json(encode(without_what_is_not_asked(parse(encode(facts)))))


def test_the_form_is_what_the_logical_model_makes() -> None:
    command = [sys.executable, "scripts/write_questionnaire.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_every_element_of_the_model_is_asked_for_or_is_said_not_to_be() -> None:
    model = paths("case-report", "CaseReport")
    asked = {question["linkId"] for question in questions(FORM["item"])}
    assert asked <= model
    assert {path for path in model - asked if not is_left_out(path)} == set()


def test_every_answer_is_mapped_to_the_element_that_its_link_id_names() -> None:
    response = every_answer()
    content = form_facts(response, DEFAULT_BASE).content
    facts = from_json(encode({name: value for name, value in content.items() if name != "source"}))
    again = filled(facts)["item"]
    source = {item["linkId"].rpartition(".")[2]: item["answer"][0] for item in response["item"][0]["item"]}
    assert {name: next(iter(answer.values())) for name, answer in source.items()} == content["source"]
    assert again == response["item"][1:]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_facts_come_back_from_a_form_as_they_went_in(case: GoldenCase) -> None:
    read = form_facts(filled(case.facts, case.report.source), DEFAULT_BASE)
    assert read.case_report == facts_alone(case.facts)
    assert (read.source.doi, read.source.title) == (case.report.source.doi, case.report.source.title)


def test_link_ids_stand_once_and_every_choice_has_codes() -> None:
    asked = list(questions(FORM["item"]))
    assert len({question["linkId"] for question in asked}) == len(asked)
    choices = [question for question in asked if question["type"] == "choice"]
    assert [choice["linkId"] for choice in choices if not terminologies().codes_in(choice["answerValueSet"])] == []


def test_conditions_ask_for_questions_that_stand_beside_the_item() -> None:
    asked = {question["linkId"] for question in questions(FORM["item"])}
    for question in questions(FORM["item"]):
        for clause in question.get("enableWhen", ()):
            assert clause["question"] in asked
            assert clause["question"].rpartition(".")[0] == question["linkId"].rpartition(".")[0]


def test_what_is_said_of_the_form_is_about_items_that_exist() -> None:
    model = paths("case-report", "CaseReport")
    names = [
        *SAID["required"],
        *SAID["labels"],
        *SAID["help"],
        *SAID["not-asked"],
        *(name for rule in SAID["enabled"] for name in rule["items"]),
    ]
    unused = [name for name in names if not any(path == name or f".{path}".endswith(name) for path in model)]
    assert unused == []
