"""Whatever stands at one place of a valid resource, the answer is a list of findings, and never an exception."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_service.fhir.errors import Issue
from fhir_service.fhir.json_text import encode
from fhir_service.validation.json_text import read_json
from fhir_service.workflows.check_conformance import all_issues, conformance

CODING = {"system": "http://loinc.org", "code": "8302-2"}
OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "o",
    "meta": {"profile": ["http://hl7.org/fhir/StructureDefinition/bodyheight"], "lastUpdated": "2026-01-01T00:00:00Z"},
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">a</div>'},
    "contained": [
        {"resourceType": "Patient", "id": "p", "name": [{"given": ["a", None], "_given": [None, {"id": "x"}]}]}
    ],
    "extension": [{"url": "http://example.org/e", "valuePeriod": {"start": "2020", "end": "2021"}}],
    "status": "final",
    "category": [
        {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}]}
    ],
    "code": {"coding": [CODING]},
    "subject": {"reference": "#p", "type": "Patient"},
    "effectiveDateTime": "2020-01-01",
    "valueQuantity": {"value": 170, "unit": "cm", "system": "http://unitsofmeasure.org", "code": "cm"},
    "referenceRange": [{"low": {"value": 1}, "high": {"value": 2}}],
    "component": [{"code": {"text": "c"}, "dataAbsentReason": {"text": "d"}}],
}
QUESTIONNAIRE: dict[str, Any] = {
    "resourceType": "Questionnaire",
    "status": "active",
    "item": [
        {
            "linkId": "1",
            "type": "group",
            "item": [{"linkId": "1.1", "type": "choice", "answerOption": [{"valueInteger": 1}]}],
        },
        {"linkId": "2", "type": "string", "enableWhen": [{"question": "1.1", "operator": "=", "answerInteger": 1}]},
    ],
}
BUNDLE: dict[str, Any] = {
    "resourceType": "Bundle",
    "type": "transaction",
    "link": [{"relation": "self", "url": "http://example.org"}],
    "entry": [
        {
            "fullUrl": "urn:uuid:00000000-0000-4000-8000-000000000000",
            "resource": OBSERVATION,
            "request": {"method": "PUT", "url": "Observation/o"},
        },
        {"resource": QUESTIONNAIRE, "request": {"method": "POST", "url": "Questionnaire"}},
    ],
}
PARAMETERS: dict[str, Any] = {
    "resourceType": "Parameters",
    "parameter": [{"name": "a", "part": [{"name": "b", "resource": BUNDLE}, {"name": "c", "valueCoding": CODING}]}],
}
VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    10**30,
    1e300,
    "",
    " ",
    "#",
    "/",
    "Patient/",
    "http://[",
    "urn:uuid:",
    "9999-99-99",
    "\x00",
    "\U0010ffff",
    [],
    [None],
    [[]],
    [{}],
    [[[1]]],
    {},
    {"": ""},
    {"resourceType": "Patient"},
    {"resourceType": []},
    {"extension": [{}]},
    [{"resourceType": "Bundle", "entry": [None, 1, {}]}],
    {"reference": "#"},
    {"coding": [None]},
    ["a"] * 50,
)


def places(node: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield place
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in inner:
        yield from places(value, (*place, key))


def mutated(resource: dict[str, Any], place: tuple[Any, ...], value: Any, *, renamed: bool) -> Any:
    if not place:
        return value
    changed = copy.deepcopy(resource)
    node: Any = changed
    for step in place[:-1]:
        node = node[step]
    if renamed and isinstance(node, dict):
        node[f"_{place[-1]}"] = value
    else:
        node[place[-1]] = value
    return changed


@pytest.mark.parametrize(
    "resource", [OBSERVATION, QUESTIONNAIRE, BUNDLE, PARAMETERS], ids=lambda one: one["resourceType"]
)
def test_one_wrong_value_at_any_place_is_judged(resource: dict[str, Any]) -> None:
    known = tuple(places(resource))

    @settings(max_examples=120, deadline=None, database=None)
    @given(st.sampled_from(known), st.sampled_from(VALUES), st.booleans())
    def judged(place: tuple[Any, ...], value: Any, renamed: bool) -> None:
        text = encode(mutated(resource, place, value, renamed=renamed))
        found = all_issues(read_json(text), conformance(), "http://hl7.org/fhir/StructureDefinition/vitalsigns")
        assert all(isinstance(issue, Issue) and issue.text for issue in found)
        assert len(found) <= 4000

    judged()
