"""The schema (yes or no) and the walk (what is wrong) read the same rules: every small change to a resource is judged
alike by both. What is called plainly right at a first look, the layers find nothing in."""

import copy
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from fhir_service.fhir.errors import Issue
from fhir_service.fhir.json_text import encode
from fhir_service.validation.invariants import invariant_findings
from fhir_service.validation.json_text import read_json
from fhir_service.validation.plainly_right import is_plainly_right
from fhir_service.validation.structure import findings, is_valid
from fhir_service.validation.walk import walk

ABSENT = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]}
CODED = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]}
RESOURCES: list[dict[str, Any]] = [
    {
        "resourceType": "Patient",
        "id": "p",
        "contained": [{"resourceType": "Organization", "id": "o", "name": "Clinic"}],
        "name": [{"given": ["Ann", None], "_given": [None, ABSENT], "period": {"start": "2020"}}],
        "gender": "female",
        "_birthDate": ABSENT,
        "deceasedBoolean": False,
        "multipleBirthInteger": 2,
        "managingOrganization": {"reference": "Organization/1", "type": "Organization"},
        "link": [{"other": {"reference": "Patient/2"}, "type": "seealso"}],
    },
    {
        "resourceType": "Condition",
        "text": {"status": "generated", "div": "<div xmlns='http://www.w3.org/1999/xhtml'>x</div>"},
        "extension": [{"id": "e", "url": "http://a.example/x", "valueQuantity": {"value": Decimal("1.10")}}],
        "clinicalStatus": CODED,
        "subject": {"reference": "Patient/p"},
        "onsetDateTime": "2024-02-29",
        "stage": [{"summary": {"text": "II"}}],
    },
    {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520",
                "resource": {"resourceType": "Parameters", "parameter": [{"name": "a", "valueInteger": 1}]},
                "request": {"method": "PUT", "url": "Parameters/1"},
            }
        ],
    },
    {
        "resourceType": "Questionnaire",
        "status": "draft",
        "subjectType": ["Patient"],
        "item": [{"linkId": "1", "type": "group", "item": [{"linkId": "2", "type": "display", "text": "x"}]}],
    },
]
PLAIN: list[dict[str, Any]] = [
    {
        "resourceType": "Patient",
        "id": "p",
        "meta": {"profile": ["http://a.example/p"], "lastUpdated": "2024-02-29T10:00:00Z"},
        "identifier": [{"system": "http://a.example/ids", "value": "1", "period": {"start": "2020", "end": "2021-05"}}],
        "name": [{"given": ["Ann"], "family": "Roe"}],
        "gender": "female",
        "_birthDate": ABSENT,
        "multipleBirthInteger": 2,
        "managingOrganization": {"reference": "Organization/1", "type": "Organization"},
        "contact": [{"name": {"text": "x"}}],
    },
    {
        "resourceType": "Condition",
        "text": {"status": "generated", "div": "<div xmlns='http://www.w3.org/1999/xhtml'>x</div>"},
        "extension": [{"id": "e", "url": "http://a.example/x", "valueQuantity": {"value": Decimal("1.10")}}],
        "clinicalStatus": CODED,
        "code": {"text": "a"},
        "subject": {"reference": "Patient/p"},
        "onsetRange": {"low": {"value": 1}, "high": {"value": 2}},
        "stage": [{"summary": {"text": "II"}}],
    },
]
VALUES: list[Any] = [
    None, "", "x", "a b", 1, -1, True, 2**31, Decimal("1.0"), Decimal("1.5"), 1.0, [], {}, [None], [[]], [{}],
    ["x", None], "2024-02-30", "2024-02-29T10:00:00Z", "Patient/1", "Device/1", "\u00a0", "a\x00", "\ud800",
    {"id": "a"}, ABSENT, [ABSENT], [None, ABSENT], CODED, {"text": "x"}, {"coding": []}, {"reference": "Device/1"},
    {"type": "Device"}, {"resourceType": "Patient"}, "#p", {"reference": "#p"}, {"start": "2022", "end": "2021"},
]  # fmt: skip
NAMES = ("id", "_id", "_given", "_gender", "status", "valueString", "_valueString", "resourceType", "deceasedDateTime")


def changes(node: Any) -> Iterator[Any]:
    """Every copy of `node` with one thing taken away, exchanged, added, or put in or out of an array."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield {other: part for other, part in node.items() if other != key}
            yield from ({**node, key: replaced} for replaced in (*VALUES, [value], *changes(value)))
            yield from ({**node, f"_{key}": sibling} for sibling in (ABSENT, [ABSENT], [None], {}))
        yield from ({**node, name: value} for name in NAMES for value in ("x", True, ABSENT, [None]))
    elif isinstance(node, list):
        yield node[:-1]
        yield [*node, None]
        if len(node) == 1:
            yield node[0]
        for index, value in enumerate(node):
            yield from ([*node[:index], replaced, *node[index + 1 :]] for replaced in (*VALUES, *changes(value)))


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: str(resource["resourceType"]))
def test_schema_and_walk_agree_on_every_small_change(resource: dict[str, Any]) -> None:
    before = copy.deepcopy(resource)
    assert is_valid(resource)
    variants = list(changes(resource))
    assert len(variants) > 500
    assert [variant for variant in variants if is_valid(variant) is not (walk(variant) == [])] == []
    assert resource == before


@pytest.mark.parametrize("resource", PLAIN, ids=lambda resource: str(resource["resourceType"]))
def test_what_is_plainly_right_breaks_no_rule(resource: dict[str, Any]) -> None:
    assert is_plainly_right(resource)
    assert is_plainly_right(resource, encode(resource))
    called_right = [variant for variant in changes(resource) if is_plainly_right(variant)]
    assert len(called_right) > 50
    assert [variant for variant in called_right if _errors(variant)] == []


@pytest.mark.parametrize("resource", PLAIN, ids=lambda resource: str(resource["resourceType"]))
def test_what_is_plainly_right_by_its_text_breaks_no_rule(resource: dict[str, Any]) -> None:
    texts = [text for variant in changes(resource) if (text := _text(variant))]
    read = [(value, text) for text in texts if is_plainly_right(value := read_json(text), text)]
    assert len(read) > 50
    assert [value for value, _ in read if _errors(value)] == []


def _errors(resource: dict[str, Any]) -> list[Issue]:
    found = findings(resource) or invariant_findings(resource)
    return [issue for issue in found if issue.severity == "error"]


def _text(resource: dict[str, Any]) -> bytes:
    """Empty for what JSON cannot hold."""
    try:
        return encode(resource)
    except (TypeError, UnicodeEncodeError):
        return b""
