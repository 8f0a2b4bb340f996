"""The UCUM units that HL7 lists as common, and those that our reports have, in base units (worked out by ucumvert, the
service's own way)."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from definition_compiler.package import Resource
from fhir_service.search.units import measured

_COMMON = "http://hl7.org/fhir/ValueSet/ucum-common"
_LEXICON = Path(__file__).parents[2] / "mappings" / "lexicons" / "units.toml"


def common_units(value_sets: dict[str, Resource]) -> dict[str, list[Any]]:
    """{code: [base units, factor, offset]}; codes that have no value in base units are left out."""
    listed = {entry["code"] for entry in value_sets[_COMMON]["compose"]["include"][0]["concept"]}
    printed = {entry["code"] for entry in tomllib.loads(_LEXICON.read_text("utf-8"))["term"]}
    known = {code: measured(code) for code in listed | printed}
    found = {code: [one.base, one.factor, one.offset] for code, one in sorted(known.items()) if one is not None}
    return {code: one if one[2] else one[:2] for code, one in found.items()}
