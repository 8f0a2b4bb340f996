"""For each rule a resource that keeps it and one that breaks it (unit/validation/invariant_cases.toml, and
invariant_cases_of_others.toml for other types; code_cases.toml for codes and references)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from smallest_resources import completed

from fhir_service.fhir.errors import Issue
from fhir_service.terminology.terminologies import terminologies
from fhir_service.validation.codes import code_findings
from fhir_service.validation.prose_rules import prose_issues
from fhir_service.validation.references import missing_targets, reference_findings, store_references

_FOLDER = Path(__file__).parent / "unit" / "validation"
CASES = _FOLDER / "invariant_cases.toml"
OTHER_CASES = _FOLDER / "invariant_cases_of_others.toml"
CODE_CASES = _FOLDER / "code_cases.toml"
STORED = frozenset({("Patient", "a")})
"""What a store is taken to have."""
SMALLEST: Mapping[str, Mapping[str, Any]] = {
    "Appointment": {"participant": [{"actor": {"display": "A"}}]},
    "Bundle": {},
    "Condition": {"subject": {"reference": "Patient/a"}},
    "Observation": {"status": "final", "code": {"text": "a"}},
    "Patient": {},
    "Procedure": {"status": "completed", "subject": {"reference": "Patient/a"}},
    "StructureDefinition": {"kind": "resource", "type": "Patient"},
}


class Case(NamedTuple):
    """`shown` is what breaks the rule in `bad`, without the rest of the smallest resource. `of` is where the rule is
    stated, for a key that stands for several."""

    rule: str
    good: dict[str, Any]
    bad: dict[str, Any]
    shown: dict[str, Any]
    of: str = ""

    @property
    def name(self) -> str:
        return f"{self.of}:{self.rule}" if self.of else self.rule


def cases(file: Path = CASES) -> list[Case]:
    """In the order of the file."""
    entries = tomllib.loads(file.read_text("utf-8"), parse_float=Decimal)
    return [_case(rule, entry) for rule, entry in entries.items()]


def code_and_reference_findings(resource: dict[str, Any]) -> list[Issue]:
    """Layers 4 and 5 and what prose asks of values, with nothing but STORED in the store."""
    found = prose_issues(resource) + code_findings(resource, terminologies()) + reference_findings(resource)
    return found + missing_targets(store_references(resource), STORED, "warning")


def _case(rule: str, entry: Mapping[str, Any]) -> Case:
    within, name = entry.get("within"), entry.get("type", "Patient")

    def part(value: dict[str, Any]) -> dict[str, Any]:
        return {"extension": [{"url": "http://example.org/x", within: value}]} if within else value

    good, bad = (
        completed(name, {"resourceType": name, **SMALLEST.get(name, {}), **part(entry[kind])})
        for kind in ("good", "bad")
    )
    of, _, key = rule.rpartition(":")
    return Case(key, good, bad, {within: entry["bad"]} if within else entry["bad"], of)
