"""For each clinical rule a case report that keeps it and one that breaks it: case_report_rule_cases.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

CASES = Path(__file__).parent / "unit" / "validation" / "case_report_rule_cases.toml"
SMALLEST: Mapping[str, Any] = {
    "number": 1,
    "id": "1/patient",
    "procedure": [
        {"id": "1/index-1", "role": "index", "kind": {"code": "vertebroplasty"}, "level": [{"code": "L1"}]},
    ],
}


class RuleCase(NamedTuple):
    """`shown` is what breaks the rule in `breaks`, without the rest of the smallest case."""

    rule: str
    keeps: dict[str, Any]
    breaks: dict[str, Any]
    shown: dict[str, Any]


def rule_cases() -> list[RuleCase]:
    """In the order of the file."""
    entries = tomllib.loads(CASES.read_text("utf-8"), parse_float=Decimal)
    return [
        RuleCase(rule, report(entry["keeps"]), report(entry["breaks"]), entry["breaks"])
        for rule, entry in entries.items()
    ]


def report(parts: Mapping[str, Any]) -> dict[str, Any]:
    """A report with one case: the smallest one, with these parts laid over it, and an id for each fact without."""
    case = {**SMALLEST, **parts.get("case", {})}
    for name, held in case.items():
        if isinstance(held, list) and name != "span":
            case[name] = [{"id": f"1/{name}-{number}", **fact} for number, fact in enumerate(held, 1)]
    return {**parts, "case": [case]}
