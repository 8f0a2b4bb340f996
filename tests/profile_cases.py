"""For each rule of structure and of profiles what keeps it and what breaks it (unit/validation/structure_cases.toml,
profile_cases.toml)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from fhir_service.fhir.errors import Issue
from fhir_service.workflows.check_conformance import Conformance, all_issues

_FOLDER = Path(__file__).parent / "unit" / "validation"
URL = "http://a.example.net/p"
_CORE = "http://hl7.org/fhir/StructureDefinition/"


class ProfileCase(NamedTuple):
    """`shown` is what the profile says, and what breaks it."""

    rule: str
    definitions: Mapping[str, dict[str, Any]]
    good: dict[str, Any]
    bad: dict[str, Any]
    must_support: bool
    shown: dict[str, Any]

    def issues(self, resource: dict[str, Any]) -> list[Issue]:
        known = Conformance(sent=dict(self.definitions), must_support=self.must_support)
        return all_issues(resource, known, URL)


class TextCase(NamedTuple):
    rule: str
    good: str
    bad: str


def text_cases() -> list[TextCase]:
    """In the order of the file."""
    return [TextCase(rule, entry["good"], entry["bad"]) for rule, entry in _entries("structure_cases.toml").items()]


def profile_cases() -> list[ProfileCase]:
    """In the order of the file."""
    return [_case(rule, entry) for rule, entry in _entries("profile_cases.toml").items()]


def _entries(name: str) -> dict[str, Any]:
    return tomllib.loads((_FOLDER / name).read_text("utf-8"), parse_float=Decimal)


def _case(rule: str, entry: Mapping[str, Any]) -> ProfileCase:
    own = {
        "resourceType": "StructureDefinition",
        "url": URL,
        "type": "Patient",
        "baseDefinition": f"{_CORE}Patient",
        "differential": {"element": entry["element"]},
    }
    definitions = {one["url"]: one for one in (own, *entry.get("definitions", ()))}
    good, bad = ({"resourceType": "Patient", **entry[kind]} for kind in ("good", "bad"))
    shown = {"element": entry["element"], "resource": entry["bad"]}
    if "definitions" in entry:
        shown["definitions"] = entry["definitions"]
    return ProfileCase(rule, definitions, good, bad, entry.get("must_support", False), shown)
