"""Whatever JSON a resource is made of, indexing gives values or none, and never raises."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_service.definitions.elements import properties
from fhir_service.search.index_values import index_values, partition_key
from fhir_service.search.terms import hashes_of

KINDS = ["AdverseEvent", "Condition", "DocumentReference", "Group", "Observation", "Patient", "Provenance"]
KINDS += ["MolecularSequence", "QuestionnaireResponse", "RiskAssessment", "ValueSet"]
INSIDE = ["CodeableConcept", "Coding", "Identifier", "Reference", "HumanName", "Address", "Period", "Timing"]
INSIDE += ["Timing.repeat", "Quantity", "Range", "SampledData", "Meta", "Narrative", "Extension", "ContactPoint"]
WORDS = [
    "Patient/a",
    "#a",
    "http://x|1",
    "2020",
    "2020-02-30",
    "<",
    "mg/dL",
    "http://unitsofmeasure.org",
    "phone",
    "x\ud800",
]
NAMES = sorted({name for inside in INSIDE for name in properties(inside)})


def anything() -> st.SearchStrategy[Any]:
    number = st.decimals() | st.floats() | st.integers()
    leaves = st.none() | st.booleans() | number | st.sampled_from(WORDS) | st.text(max_size=5)
    return st.recursive(
        leaves,
        lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from(NAMES), below, max_size=4),
        max_leaves=12,
    )


@st.composite
def resources(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(KINDS))
    members = draw(st.dictionaries(st.sampled_from(sorted(properties(kind))), anything(), max_size=6))
    return {**members, "resourceType": kind}


@given(resources())
@settings(max_examples=150, deadline=None)
def test_whatever_shape_a_resource_has_it_can_be_indexed(resource: dict[str, Any]) -> None:
    values = index_values(resource, "http://b")
    assert partition_key("a", values)
    assert len(hashes_of(values)) <= len(values.terms) == len(set(values.terms))
    assert all(low <= high for _, low, high in (*values.dates, *values.numbers))
    assert all(text for _, text in values.texts)


@given(st.sampled_from(["valueQuantity", "valueRange", "valueSampledData", "component"]), anything())
@settings(max_examples=100, deadline=None)
def test_whatever_stands_for_a_value_is_read_or_left(name: str, held: Any) -> None:
    code = {"coding": [{"code": "x"}]}
    values = index_values({"resourceType": "Observation", "code": code, name: held})
    assert all(isinstance(low, float) for _, low, _ in values.numbers)


def test_numbers_that_no_float_holds_are_left() -> None:
    for number in (Decimal("1e400"), 10**400, Decimal("NaN"), Decimal("-Infinity")):
        held = {"value": number, "low": {"value": number}, "high": {"value": number}, "origin": {"value": number}}
        for name in ("valueQuantity", "valueRange", "valueSampledData"):
            assert index_values({"resourceType": "Observation", name: held}).numbers == ()
