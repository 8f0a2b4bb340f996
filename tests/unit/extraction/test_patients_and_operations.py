"""Short texts with hard phrasings: who is a patient, what was done, where, for what and with how much cement."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from reading import codes
from reading import read as read_text

from fhir_service.reports.case_report import Case, Polarity

TEXTS = tomllib.loads((Path(__file__).parent / "patients_and_operations.toml").read_text("utf-8"))["text"]


def operations(case: Case, role: str) -> list[str]:
    told = [p for p in case.procedure if p.role == role and p.polarity is not Polarity.NEGATED]
    return sorted(" ".join([str(p.kind.code), *codes(p.level)]) for p in told)


def read(case: Case) -> dict[str, Any]:
    index = [p for p in case.procedure if p.role == "index"]
    volumes = [o for o in case.observation if o.kind.code == "cement-volume"]
    return {
        "sex": case.sex and case.sex.code,
        "age": case.age and case.age.value,
        "low": case.age and case.age.low,
        "kinds": [p.kind.code for p in index],
        "index": [code for p in index for code in codes(p.level)],
        "indication": [code for c in case.condition if c.role == "indication" for code in codes(c.level)],
        "cement": sorted(" ".join([str(o.value or f"{o.low}-{o.high}"), *codes(o.level)]) for o in volumes),
        "revision": operations(case, "revision"),
        "prior": operations(case, "prior"),
        "concomitant": operations(case, "concomitant"),
        **{detail.code or "": detail.text for p in index for detail in p.detail},
        "refused": any(p.polarity is Polarity.NEGATED for p in case.procedure),
    }


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text["says"][:60])
def test_the_patient_the_operations_and_the_levels_are_read(text: dict[str, Any]) -> None:
    cases = [read(case) for case in read_text(text["says"]).case]
    expected = text["patients"]
    assert len(cases) == len(expected)
    found = [{key: case[key] for key in wanted} for case, wanted in zip(cases, expected, strict=True)]
    assert found == [{key: in_order(key, value) for key, value in wanted.items()} for wanted in expected]


def in_order(key: str, value: Any) -> Any:
    """Operations and volumes are compared in whatever order they are told."""
    return sorted(value) if key in ("cement", "revision", "prior", "concomitant") else value
