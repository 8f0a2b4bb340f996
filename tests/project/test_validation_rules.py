"""The catalogues of validation rules say what the rules do now."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

sys.path.append(str(Path(__file__).parents[2] / "scripts"))

import case_report_rules  # a folder of scripts, not on the path
import validation_rules


@pytest.mark.parametrize("catalogue", [validation_rules, case_report_rules], ids=lambda module: module.__name__)
def test_the_page_is_what_the_cases_give(catalogue: ModuleType) -> None:
    assert catalogue.PAGE.read_text("utf-8") == catalogue.page(), "the page is not what the cases give now: make rules"
