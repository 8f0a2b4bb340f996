"""Our own profiles say what the shapes of a case are: what the maps write conforms, and one fault is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from golden_cases import CASES, GoldenCase

from fhir_service.definitions.catalogue import DEFAULT_BASE, Kind, catalogue
from fhir_service.mapping.map_report import encode_bundle
from fhir_service.validation.json_text import read_json
from fhir_service.validation.structure import findings
from fhir_service.workflows.check_conformance import all_issues, conformance

OURS = f"{DEFAULT_BASE}/StructureDefinition/"
SYSTEM = f"{DEFAULT_BASE}/CodeSystem/"


def is_valid(bundle: dict[str, Any]) -> bool:
    return conformance().profile_issues(bundle, f"{OURS}case-report-bundle") == []


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_what_the_maps_write_conforms(case: GoldenCase) -> None:
    bundle = read_json(encode_bundle(case.expected))
    found = all_issues(bundle, conformance(), f"{OURS}case-report-bundle")
    assert {issue.rule for issue in found} <= {"dom-6", "code.binding"}
    bound = [issue.text for issue in found if issue.rule == "code.binding"]
    assert all("Condition.category takes its codes from" in text for text in bound)  # whose role in the case is ours


@cache
def _golden() -> tuple[bytes, ...]:
    return tuple(encode_bundle(case.expected) for case in CASES.values())


def with_fault(kind: str, change: Callable[[dict[str, Any]], object], code: str = "") -> dict[str, Any]:
    """The first golden Bundle with a resource of that type (and with that code), which is changed."""
    for bundle in map(json.loads, _golden()):
        for entry in bundle["entry"]:
            resource = entry["resource"]
            if resource["resourceType"] == kind and (not code or f'"{code}"' in json.dumps(resource)):
                change(resource)
                found: dict[str, Any] = bundle
                return found
    raise AssertionError(f"no golden case has a {kind} {code}")


@pytest.mark.parametrize(
    ("kind", "code", "change"),
    [
        ("Patient", "", lambda it: it.update(birthDate="1950")),
        ("Patient", "", lambda it: it["name"][0].update(family="Doe")),
        ("Patient", "", lambda it: it["identifier"][0].update(system="urn:other")),
        ("Observation", "30525-0", lambda it: it["valueQuantity"].update(code="kg")),
        ("Observation", "cement-volume", lambda it: it["valueQuantity"].update(code="L")),
        ("Observation", "finding", lambda it: (it.pop("valueBoolean"), it.update(valueString="yes"))),
        ("Observation", "vas", lambda it: it.update(status="preliminary")),
        ("Condition", "", lambda it: it.pop("category")),
        ("Condition", "", lambda it: it["verificationStatus"]["coding"][0].update(code="differential")),
        ("Procedure", "", lambda it: it["code"].update(coding=[{"system": "urn:x", "code": "x"}])),
        ("AdverseEvent", "", lambda it: it.update(actuality="potential")),
        ("AdverseEvent", "", lambda it: it["event"].pop("text")),
        ("DocumentReference", "", lambda it: it.update(status="superseded")),
        ("DocumentReference", "", lambda it: it["content"][0]["attachment"].pop("hash")),
        ("Provenance", "", lambda it: it.update(entity=it["entity"][:1] * 2)),
        ("Group", "", lambda it: it.update(actual=True)),
        ("DetectedIssue", "", lambda it: it.update(status="preliminary")),
    ],
)
def test_one_fault_in_a_shape_is_found(kind: str, code: str, change: Callable[[dict[str, Any]], object]) -> None:
    assert is_valid(with_fault(kind, lambda it: None, code))
    assert not is_valid(with_fault(kind, change, code))


def test_a_reference_at_the_wrong_kind_of_resource_is_found() -> None:
    bundle = with_fault("Observation", lambda it: None, "finding")
    document = next(
        entry["fullUrl"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == "DocumentReference"
    )
    for entry in bundle["entry"]:
        if entry["resource"]["resourceType"] == "Condition":
            entry["resource"]["subject"]["reference"] = document
    assert not is_valid(bundle)


def test_every_profile_of_ours_can_be_used_and_is_valid_itself() -> None:
    for url, profile in catalogue().artifacts(Kind.PROFILE).items():
        assert findings(profile) == [], url
        resource = {"resourceType": profile["type"]}
        broken = [issue for issue in conformance().profile_issues(resource, url) if issue.rule == "profile.broken"]
        assert broken == [], url
