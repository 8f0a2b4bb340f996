"""What a resource is found by, read back from its index values."""

from __future__ import annotations

from typing import Any

from fhir_service.search import terms
from fhir_service.search.index_values import IndexValues, index_values

BASE = "https://fhir.example.org/r4"
UCUM = "http://unitsofmeasure.org"


def of(kind: str, **elements: Any) -> IndexValues:
    return index_values({"resourceType": kind, **elements}, BASE)


def texts(values: IndexValues, parameter: str, variant: terms.TextVariant = "string") -> set[str]:
    scope = terms.text_scope(values.resource_type, parameter, variant)
    return {value.text for value in values.texts if value.scope == scope}


def numbers(values: IndexValues, parameter: str, unit: str = "") -> list[tuple[float, float]]:
    scope = terms.interval_scope(values.resource_type, parameter, unit)
    return [(value.low, value.high) for value in values.numbers if value.scope == scope]


def dates(values: IndexValues, parameter: str) -> list[tuple[float, float]]:
    scope = terms.interval_scope(values.resource_type, parameter)
    return [(value.low, value.high) for value in values.dates if value.scope == scope]


def units(values: IndexValues, parameter: str) -> set[str]:
    prefix = terms.interval_scope(values.resource_type, parameter)
    return {value.scope.removeprefix(prefix) for value in values.numbers if value.scope.startswith(prefix)}


def quantity(value: Any, code: str = "mg/dL", **more: Any) -> dict[str, Any]:
    return {"value": value, "unit": code, "system": UCUM, "code": code, **more}
