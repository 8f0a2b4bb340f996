"""Small texts, one hard phrasing each, and the diseases of old they tell of: `histories.toml`."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from reading import only

from fhir_service.reports.case_report import Polarity

TEXTS = tomllib.loads((Path(__file__).parent / "histories.toml").read_text("utf-8"))["text"]


@pytest.mark.parametrize("text", [pytest.param(text, id=text["told"][:60]) for text in TEXTS])
def test_what_a_patient_had_before_is_read_as_written(text: dict[str, Any]) -> None:
    told = [c for c in only(f"CASE REPORT\n\n{text['told']}").condition if c.role == "comorbidity"]
    assert [c.kind.text for c in told if c.polarity is Polarity.AFFIRMED] == text.get("comorbidity", [])
    assert [c.kind.text for c in told if c.polarity is Polarity.NEGATED] == text.get("refuted", [])
