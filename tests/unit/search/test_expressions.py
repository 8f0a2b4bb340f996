from __future__ import annotations

from typing import Any

import pytest

from fhir_service.search.expressions import UnsupportedExpression, compile_expression


def values(kind: str, expression: str, resource: dict[str, Any]) -> list[tuple[str, Any]]:
    compiled = compile_expression(kind, expression)
    return [(value.type, value.value) for path in compiled.paths for value in path.values(resource)]


@pytest.mark.parametrize(
    ("kind", "expression", "resource", "expected"),
    [
        ("Patient", "Patient.name.family", {"name": [{"family": "a"}, {}, {"family": "b"}]}, ["a", "b"]),
        ("Patient", "Resource.meta.tag.code", {"meta": {"tag": [{"code": "t"}]}}, ["t"]),
        ("Observation", "Observation.value.as(Quantity).value", {"valueQuantity": {"value": 1}}, [1]),
        ("Observation", "(Observation.value as string)", {"valueString": "x", "valueQuantity": {}}, ["x"]),
        ("Observation", "Observation.value.ofType(string)", {"valueString": "x"}, ["x"]),
        ("Observation", "(Observation.value as CodeableConcept).text", {"valueCodeableConcept": {"text": "t"}}, ["t"]),
        ("Observation", "Observation.effective", {"effectiveInstant": "i"}, ["i"]),
        (
            "Patient",
            "Patient.telecom.where(system='phone').value",
            {"telecom": [{"system": "phone", "value": 1}, {}]},
            [1],
        ),
        (
            "Patient",
            "Patient.extension('u').value.as(string)",
            {"extension": [{"url": "u", "valueString": "x"}]},
            ["x"],
        ),
        ("Condition", "Condition.evidence.code | Condition.code.text", {"code": {"text": "t"}}, ["t"]),
        ("Patient", "Patient.name.family", {"name": "not a list"}, []),
    ],
)
def test_the_subset_reads_values(kind: str, expression: str, resource: dict[str, Any], expected: list[Any]) -> None:
    assert [value for _, value in values(kind, expression, resource)] == expected


def test_each_value_has_its_fhir_type() -> None:
    resource = {"effectivePeriod": {"start": "2020"}}
    assert values("Observation", "Observation.effective", resource) == [("Period", {"start": "2020"})]


def test_a_reference_is_kept_by_the_type_it_names() -> None:
    subject = [{"reference": "Patient/a"}, {"reference": "http://x.example/Patient/b/_history/1"}, {"type": "Patient"}]
    others = [{"reference": "Group/a"}, {"reference": "urn:uuid:1"}, {"display": "Patient/x"}, "Patient/x"]
    found = values("Provenance", "Provenance.target.where(resolve() is Patient)", {"target": subject + others})
    assert [value for _, value in found] == subject


@pytest.mark.parametrize(
    ("expression", "repeats"),
    [
        ("Observation.subject", False),
        ("Observation.subject.where(resolve() is Patient)", False),
        ("Observation.performer", True),
        ("Observation.component.code", True),
        ("Observation.code | Observation.method", True),
    ],
)
def test_it_is_known_whether_one_resource_may_hold_several_values(expression: str, repeats: bool) -> None:
    assert compile_expression("Observation", expression).repeats is repeats


@pytest.mark.parametrize(
    "expression",
    [
        "Patient.unknown",
        "Patient.name.first()",
        "Observation.code",
        "Patient.name[0]",
        "Patient.gender.below",
        "label",
        "",
        "%resource.name",
    ],
)
def test_what_lies_outside_the_subset_is_refused_and_not_guessed(expression: str) -> None:
    with pytest.raises(UnsupportedExpression):
        compile_expression("Patient", expression)
