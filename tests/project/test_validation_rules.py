"""The catalogue of validation rules says what the rules do now."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "scripts"))

from validation_rules import PAGE, page  # a folder of scripts, not on the path


def test_the_page_is_what_the_cases_give() -> None:
    assert PAGE.read_text("utf-8") == page(), "the page is not what the cases give now: make rules"
