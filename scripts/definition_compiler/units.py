"""The UCUM units that HL7 lists as common, in base units (worked out by ucumvert, the service's own way)."""

from __future__ import annotations

from typing import Any

from definition_compiler.package import Resource
from fhir_service.search.units import measured

_COMMON = "http://hl7.org/fhir/ValueSet/ucum-common"


def common_units(value_sets: dict[str, Resource]) -> dict[str, list[Any]]:
    """{code: [base units, factor, offset]}; codes that have no value in base units are left out."""
    listed = value_sets[_COMMON]["compose"]["include"][0]["concept"]
    known = {entry["code"]: measured(entry["code"]) for entry in listed}
    found = {code: [one.base, one.factor, one.offset] for code, one in sorted(known.items()) if one is not None}
    return {code: one if one[2] else one[:2] for code, one in found.items()}
