"""Small texts, one hard phrasing each, and the values they tell of: `measured.toml`."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from reading import only

from fhir_service.reports.case_report import ObservationFact

TEXTS = tomllib.loads((Path(__file__).parent / "measured.toml").read_text("utf-8"))["text"]
_ASIDE = ("finding", "cement-volume", "follow-up-duration")


def _printed(fact: ObservationFact) -> str:
    """`code value unit side`, what there is of them."""
    value = fact.value if fact.value is not None else f"{fact.low}-{fact.high}"
    parts = (fact.kind.code, fact.comparator, value, fact.unit, fact.side and fact.side.code)
    return " ".join(str(part) for part in parts if part is not None)


@pytest.mark.parametrize("text", [pytest.param(text, id=text["told"][:60]) for text in TEXTS])
def test_what_was_measured_is_read_with_unit_and_side(text: dict[str, Any]) -> None:
    case = only(f"CASE REPORT\n\nA 70-year-old man underwent kyphoplasty of L2. {text['told']}")
    told = [_printed(fact) for fact in case.observation if fact.kind.code not in _ASIDE]
    assert told == text.get("measured", [])
