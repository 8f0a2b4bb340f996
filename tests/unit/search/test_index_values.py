from __future__ import annotations

from typing import Any

import pytest

from fhir_service.definitions.search_parameters import parameters_of
from fhir_service.search.dates import date_range
from fhir_service.search.index_values import IndexValues, index_values, partition_key
from fhir_service.search.parameters import INDEXED_TYPES, indexed_parameters
from fhir_service.search.terms import hash_of, hashes_of

SERVED = ["AdverseEvent", "Condition", "DetectedIssue", "Device", "DocumentReference", "Group", "Observation"]
SERVED += ["Patient", "Procedure", "Provenance"]
GENDER = "http://hl7.org/fhir/administrative-gender"
BASE = "https://fhir.example.org/r4"


def tokens(values: IndexValues, parameter: str) -> set[tuple[str | None, str | None]]:
    """System and code of what a token parameter is indexed under; where only one is there, the other is None."""
    found: set[tuple[str | None, str | None]] = set()
    for term in values.terms:
        match term.split("\x1f"):
            case [_, code, "bare", _, value] if code == parameter:
                found.add((None, value))
            case [_, code, "token", system, value] if code == parameter:
                found.add((system, value))
            case [_, code, "system", system] if code == parameter:
                found.add((system, None))
    return found


def references(values: IndexValues, parameter: str) -> set[str]:
    terms = [term.split("\x1f") for term in values.terms]
    return {term[3] for term in terms if term[1] == parameter and term[2:3] == ["reference"]}


def of(kind: str, **elements: Any) -> IndexValues:
    return index_values({"resourceType": kind, **elements}, BASE)


@pytest.mark.parametrize("kind", SERVED)
def test_every_token_reference_and_date_parameter_of_the_served_types_is_indexed(kind: str) -> None:
    columns = {"_id", "_lastUpdated"}
    wanted = {
        code for code, one in parameters_of(kind).items() if one.type in INDEXED_TYPES and one.expression
    } - columns
    assert set(indexed_parameters(kind)) == wanted


def test_every_coding_of_a_concept_is_a_token() -> None:
    code = {"coding": [{"system": "s", "code": "a"}, {"code": "b"}, {"system": "t"}, {}], "text": "c"}
    assert tokens(of("Observation", code=code), "code") == {("s", "a"), ("s", None), (None, "b"), ("t", None)}


def test_identifiers_contact_points_codes_and_booleans_are_tokens() -> None:
    values = of(
        "Patient",
        identifier=[{"system": "s", "value": "1"}, {"value": "2"}],
        telecom=[{"system": "phone", "value": "12"}, {"system": "email", "value": "a@b"}],
        gender="female",
        active=False,
    )
    assert tokens(values, "identifier") == {("s", "1"), ("s", None), (None, "2")}
    assert tokens(values, "telecom") == {(None, "12"), (None, "a@b")}
    assert tokens(values, "phone") == {(None, "12")}
    assert tokens(values, "email") == {(None, "a@b")}
    assert tokens(values, "gender") == {(None, "female"), (GENDER, "female"), (GENDER, None)}
    assert tokens(values, "active") == {(None, "false")}


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ({}, "false"),
        ({"deceasedBoolean": False}, "false"),
        ({"deceasedBoolean": True}, "true"),
        ({"deceasedDateTime": "2020"}, "true"),
        ({"_deceasedDateTime": {"extension": []}}, "false"),
    ],
)
def test_deceased_asks_whether_it_is_there_and_not_false(elements: dict[str, Any], expected: str) -> None:
    assert tokens(of("Patient", **elements), "deceased") == {(None, expected)}


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("Patient/a", {"Patient/a"}),
        ("Patient/a/_history/3", {"Patient/a"}),
        (f"{BASE}/Patient/a", {"Patient/a"}),
        ("https://other.example/Patient/a", {"https://other.example/Patient/a"}),
        ("#contained", set()),
        ("urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0", set()),
        ("", set()),
    ],
)
def test_references_are_stored_in_one_form(reference: str, expected: set[str]) -> None:
    assert references(of("Observation", subject={"reference": reference}), "subject") == expected


def test_a_choice_of_types_is_read_by_its_type() -> None:
    values = of("Observation", valueCodeableConcept={"coding": [{"code": "x"}]}, effectivePeriod={"start": "2020"})
    assert tokens(values, "value-concept") == {(None, "x")}
    assert values.sort_date == date_range("2020").low
    assert tokens(of("Observation", valueString="x"), "value-concept") == set()


def test_references_below_lists_and_of_one_type_only_are_found() -> None:
    targets = [{"reference": "Patient/a"}, {"reference": "Observation/b"}, {"reference": "https://x.example/Patient/c"}]
    values = of("Provenance", target=targets, agent=[{"who": {"reference": "Device/d"}}])
    assert references(values, "target") == {"Patient/a", "Observation/b", "https://x.example/Patient/c"}
    assert references(values, "agent") == {"Device/d"}


def test_what_has_the_wrong_shape_gives_no_value() -> None:
    values = of(
        "Observation",
        code="text",
        subject=[1, None, {"reference": 5}],
        status={"a": 1},
        category=[None, "x", {"coding": "y"}],
        effectiveDateTime="some day",
    )
    assert values.links == ()
    assert values.sort_date is None


@pytest.mark.parametrize(
    ("kind", "elements", "expected"),
    [
        ("Patient", {}, "a"),
        ("Observation", {"subject": {"reference": "Patient/p"}}, "p"),
        ("DetectedIssue", {"patient": {"reference": f"{BASE}/Patient/p"}}, "p"),
        ("Device", {"patient": {"reference": "Patient/p"}}, "p"),
    ],
)
def test_what_belongs_to_a_patient_has_its_partition_key(kind: str, elements: dict[str, Any], expected: str) -> None:
    assert partition_key("a", of(kind, **elements)) == expected


@pytest.mark.parametrize(
    ("kind", "elements"),
    [
        ("Group", {"member": [{"entity": {"reference": "Patient/p"}}]}),
        ("Provenance", {"target": [{"reference": "Patient/p"}]}),
        ("Observation", {"subject": {"reference": "Group/g"}}),
        ("DocumentReference", {}),
    ],
)
def test_what_belongs_to_no_patient_goes_to_a_bucket(kind: str, elements: dict[str, Any]) -> None:
    keys = {partition_key(str(number), of(kind, **elements)) for number in range(50)}
    assert all(key.startswith("~") and len(key) == 3 for key in keys)
    assert len(keys) > 20


def test_a_resource_is_indexed_under_the_hashes_of_its_terms() -> None:
    values = of(
        "Observation",
        code={"coding": [{"system": "s", "code": "A"}]},
        subject={"reference": "Patient/p"},
        derivedFrom=[{"reference": "Observation/o"}],
        effectiveDateTime="2020",
    )
    assert set(hashes_of(values)) == {hash_of(term) for term in values.terms}
    assert list(hashes_of(values)) == sorted(hashes_of(values))


def test_hashes_are_the_same_in_every_release() -> None:
    assert hash_of("Observation\x1fcode\x1fcode\x1fa") == -7358619972676465819
