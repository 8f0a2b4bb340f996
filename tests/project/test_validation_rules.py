"""The catalogues of validation rules say what the rules do now."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from fhir_service.definitions.catalogue import DEFAULT_BASE, Kind
from fhir_service.definitions.catalogue import catalogue as catalogue_of_the_service

sys.path.append(str(Path(__file__).parents[2] / "scripts"))

import case_report_rules  # a folder of scripts, not on the path
import submission_rules
import validation_rules


@pytest.mark.parametrize(
    "catalogue", [validation_rules, case_report_rules, submission_rules], ids=lambda module: module.__name__
)
def test_the_page_is_what_the_cases_give(catalogue: ModuleType) -> None:
    assert catalogue.PAGE.read_text("utf-8") == catalogue.page(), "the page is not what the cases give now: make rules"


def test_every_rule_of_submissions_that_the_code_names_is_a_code_of_the_code_system() -> None:
    package = Path(__file__).parents[2] / "fhir_service"
    named = {
        rule for file in package.rglob("*.py") for rule in re.findall(r'"(submission\.[a-z-]+)"', file.read_text())
    }
    system = catalogue_of_the_service().artifact(Kind.CODE_SYSTEM, f"{DEFAULT_BASE}/CodeSystem/submission-rule")
    assert named == {rule["code"] for rule in system["concept"]}
    assert system["count"] == len(system["concept"])
