"""A vital sign is held against R4's profile of it, whether it names that or not (R4 observation-vitalsigns.html)."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_service.workflows.check_conformance import conformance

HL7 = "http://hl7.org/fhir/StructureDefinition/"
CATEGORY = {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}


def coded(*codes: str, **members: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [CATEGORY]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": code} for code in codes]},
        "subject": {"reference": "Patient/1"},
        **members,
    }


def pulse(**members: Any) -> dict[str, Any]:
    return coded("8867-4", effectiveDateTime="2024-05-01", **members)


def value(number: int, unit: str) -> dict[str, Any]:
    return {"value": number, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}


def errors(resource: dict[str, Any]) -> list[tuple[str | None, str]]:
    issues = conformance().issues(resource)
    return [(issue.rule, issue.expression[0]) for issue in issues if issue.severity == "error"]


def test_one_that_conforms_passes() -> None:
    assert errors(pulse(valueQuantity=value(72, "/min"))) == []


@pytest.mark.parametrize("stated", [{}, {"meta": {"profile": [f"{HL7}heartrate"]}}], ids=["implied", "named too"])
def test_what_its_profile_asks_for_and_is_not_there_is_said_once(stated: dict[str, Any]) -> None:
    assert errors(pulse(**stated)) == [("vs-2", "Observation")]


def test_one_inside_a_bundle_counts_too() -> None:
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": pulse()}]}
    assert errors(bundle) == [("vs-2", "Bundle.entry[0].resource")]


def test_the_unit_is_that_of_the_vital_sign() -> None:
    assert errors(pulse(valueQuantity=value(1, "Cel"))) == [("profile.fixed", "Observation.value.code")]


def test_a_component_needs_a_value_and_may_have_another_unit() -> None:
    flow = {"code": {"coding": [{"system": "http://loinc.org", "code": "3151-8"}]}}
    saturation = coded("2708-6", effectiveDateTime="2024-05-01", valueQuantity=value(98, "%"))
    assert errors(saturation | {"component": [flow]}) == [("vs-3", "Observation.component[0]")]
    assert errors(saturation | {"component": [flow | {"valueQuantity": value(6, "L/min")}]}) == []


@pytest.mark.parametrize(
    ("when", "broken"),
    [
        ({"effectiveDateTime": "2024-05-01T10:00:00Z"}, []),
        ({"effectiveDateTime": "2024-05"}, [("vs-1", "Observation.effective")]),
        ({"effectivePeriod": {"start": "2024"}}, []),
    ],
)
def test_a_time_is_exact_to_the_day(when: dict[str, Any], broken: list[tuple[str, str]]) -> None:
    assert errors(coded("8867-4", valueQuantity=value(72, "/min"), **when)) == broken


def test_other_codes_call_for_no_profile() -> None:
    assert errors(coded("718-7")) == []
    assert errors(coded("8867-4") | {"code": {"coding": [{"code": "8867-4"}]}}) == []
