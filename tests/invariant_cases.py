"""For each rule a resource that keeps it and one that breaks it (unit/validation/invariant_cases.toml)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

CASES = Path(__file__).parent / "unit" / "validation" / "invariant_cases.toml"
SMALLEST: Mapping[str, Mapping[str, Any]] = {
    "Bundle": {},
    "Condition": {"subject": {"reference": "Patient/a"}},
    "Observation": {"status": "final", "code": {"text": "a"}},
    "Patient": {},
    "Procedure": {"status": "completed", "subject": {"reference": "Patient/a"}},
}


class Case(NamedTuple):
    """`shown` is what breaks the rule in `bad`, without the rest of the smallest resource."""

    rule: str
    good: dict[str, Any]
    bad: dict[str, Any]
    shown: dict[str, Any]


def cases() -> list[Case]:
    """In the order of the file."""
    entries = tomllib.loads(CASES.read_text("utf-8"), parse_float=Decimal)
    return [_case(rule, entry) for rule, entry in entries.items()]


def _case(rule: str, entry: Mapping[str, Any]) -> Case:
    within, name = entry.get("within"), entry.get("type", "Patient")

    def part(value: dict[str, Any]) -> dict[str, Any]:
        return {"extension": [{"url": "http://example.org/x", within: value}]} if within else value

    good, bad = ({"resourceType": name, **SMALLEST[name], **part(entry[kind])} for kind in ("good", "bad"))
    return Case(rule, good, bad, {within: entry["bad"]} if within else entry["bad"])
