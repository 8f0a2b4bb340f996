"""Reports about several patients, in tables, series and columns, and about one patient beside a group or a reader."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from reading import codes, complication, complications, onset
from reading import read as read_text

from fhir_service.reports.case_report import Case

TEXTS = [
    text
    for name in ("several_patients", "published_tables", "told_together")
    for text in tomllib.loads((Path(__file__).parent / f"{name}.toml").read_text("utf-8"))["text"]
]


def identity(case: Case) -> str:
    index = [p for p in case.procedure if p.role == "index"]
    done = " ".join([str(index[0].kind.code), *codes(index[0].level)])
    harms = " ".join(sorted(complications(case) - {"other", "death"})) or "-"
    return f"{case.age and case.age.value} {case.sex and case.sex.code} | {done} | {harms}"


def values(case: Case, code: str) -> list[str]:
    return [str(o.value) for o in case.observation if o.kind.code == code]


def stated(value: tuple[str, str] | None) -> str:
    return "" if value is None or "None" in value else " ".join(value)


def told(case: Case) -> dict[str, Any]:
    follow_up = [f"{o.value} {o.unit}" for o in case.observation if o.kind.code == "follow-up-duration"]
    ends = {harm.outcome.code for harm in case.complication if harm.outcome}
    revisions = [p for p in case.procedure if p.role == "revision"]
    return {
        "cement": " ".join(values(case, "cement-volume")),
        "follow_up": " ".join(follow_up),
        "vas": values(case, "vas"),
        "diseases": [c.kind.text for c in case.condition if c.role == "comorbidity"],
        "outcome": " ".join(sorted(str(end) for end in ends)),
        "revision": [" ".join([str(p.kind.code), *codes(p.level)]) for p in revisions],
    }


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text["name"])
def test_every_fact_goes_to_its_patient(text: dict[str, Any]) -> None:
    cases = read_text(text["says"]).case
    assert [identity(case) for case in cases] == [each["is"] for each in text["patients"]]
    for case, expected in zip(cases, text["patients"], strict=True):
        for code, time in expected.get("onset", {}).items():
            assert stated(onset(complication(case, code))) == time, code
        found = told(case)
        assert {key: found[key] for key in expected if key in found} == {
            k: v for k, v in expected.items() if k in found
        }
