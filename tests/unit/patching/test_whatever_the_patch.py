"""Random patches: ours does what another implementation does, and no patch makes an invalid resource."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import jsonpatch
import jsonpointer
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_service.fhir.errors import MalformedContent, UnprocessableContent
from fhir_service.fhir.json_text import encode, exact_value
from fhir_service.patching.json_patch import json_patch, same_json
from fhir_service.validation.structure import findings
from fhir_service.workflows.patch_resource import FHIR_JSON, JSON_PATCH, MERGE_PATCH, patched, read_patch

KEYS = st.sampled_from(["a", "b", "c/d", "e~f", "", "0", "-"])
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(0, 2), st.sampled_from(["x", "1"]), st.sampled_from([Decimal("1.0")])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=8,
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=4)
STEPS = st.one_of(KEYS, st.sampled_from(["1", "2", "01", "x"]))


def pointer(steps: list[str]) -> str:
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)


POINTERS = st.lists(STEPS, max_size=3).map(pointer)
OPERATIONS = st.one_of(
    st.fixed_dictionaries({"op": st.sampled_from(["add", "replace", "test"]), "path": POINTERS, "value": VALUES}),
    st.fixed_dictionaries({"op": st.just("remove"), "path": POINTERS}),
    st.fixed_dictionaries({"op": st.sampled_from(["move", "copy"]), "path": POINTERS, "from": POINTERS}),
)
FAILED = "the patch cannot be applied"


def ours(document: Any, operations: list[Any]) -> Any:
    try:
        return json_patch(operations).applied(exact_value(encode(document)))
    except UnprocessableContent:
        return FAILED


def theirs(document: Any, operations: list[Any]) -> Any:
    try:
        return jsonpatch.apply_patch(exact_value(encode(document)), exact_value(encode(operations)))
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, TypeError, KeyError, IndexError):
        return FAILED


@settings(max_examples=200, deadline=None)
@given(DOCUMENTS, st.lists(OPERATIONS, max_size=4))
def test_whatever_the_json_patch_it_does_what_another_implementation_does(
    document: dict[str, Any], operations: list[Any]
) -> None:
    assert same_json(ours(document, operations), theirs(document, operations))


RESOURCE = (
    b'{"resourceType":"Patient","id":"p","meta":{"versionId":"1","profile":["http://example.org/p"]},'
    b'"text":{"status":"generated","div":"<div xmlns=\\"http://www.w3.org/1999/xhtml\\">A</div>"},'
    b'"extension":[{"url":"http://example.org/e","valueDecimal":1.10}],"active":true,'
    b'"name":[{"family":"One","given":["A",null],"_given":[null,{"extension":[{"url":"http://e","valueCode":"x"}]}]}],'
    b'"_birthDate":{"extension":[{"url":"http://e","valueCode":"x"}]},"contact":[{"name":{"text":"C"}}],'
    b'"multipleBirthInteger":2,"identifier":[{"system":"s","value":"1"},{"value":"2"}]}'
)
PLACES = st.sampled_from(
    [
        *("", "/id", "/meta", "/meta/profile/0", "/text", "/text/div", "/extension/0/valueDecimal", "/active", "/name"),
        *("/name/0", "/name/-", "/name/0/given", "/name/0/given/0", "/name/0/_given", "/name/0/_given/1", "/birthDate"),
        *("/_birthDate", "/contact/0", "/contact/0/gender", "/multipleBirthInteger", "/multipleBirthBoolean"),
        *("/identifier/0", "/identifier/1/value", "/identifier/-", "/gender", "/colour", "/contained", "/resourceType"),
    ]
)
CONTENT = st.one_of(
    SCALARS,
    st.sampled_from(
        [
            *("female", "1930-01-01", "Patient", "p", [], {}, [{}], [None], ["A"], [None, {"id": "x"}]),
            *({"family": "Two"}, {"value": "3"}, {"gender": "other"}, [{"resourceType": "Group", "id": "g"}]),
            *({"status": "empty", "div": "<div>x</div>"}, {"extension": [{"url": "http://e", "valueCode": "y"}]}),
        ]
    ),
)
JSON_PATCHES = st.lists(
    st.one_of(
        st.fixed_dictionaries({"op": st.sampled_from(["add", "replace"]), "path": PLACES, "value": CONTENT}),
        st.fixed_dictionaries({"op": st.just("remove"), "path": PLACES}),
        st.fixed_dictionaries({"op": st.sampled_from(["move", "copy"]), "path": PLACES, "from": PLACES}),
    ),
    max_size=4,
)
MEMBERS = st.sampled_from(
    ["id", "meta", "text", "active", "name", "birthDate", "_birthDate", "contact", "gender", "colour", "identifier"]
)
MERGE_PATCHES = st.dictionaries(MEMBERS, st.one_of(st.none(), CONTENT, st.lists(CONTENT, max_size=2)), max_size=3)

PATHS = st.sampled_from(
    [
        *("Patient", "Patient.id", "Patient.meta.profile", "Patient.text", "Patient.active", "Patient.name"),
        *("Patient.name[0].given", "Patient.name.given[0]", "Patient.name.given[1]", "Patient.name.given.extension"),
        *("Patient.birthDate", "Patient.birthDate.extension", "Patient.contact", "Patient.contact.gender"),
        *("Patient.multipleBirth", "Patient.identifier", "Patient.identifier.where(system.exists())", "Patient.gender"),
        *("Patient.identifier.last().value", "Patient.extension('http://example.org/e').value", "Patient.telecom"),
    ]
)
NAMES = st.sampled_from(
    [
        "gender",
        "birthDate",
        "name",
        "given",
        "contact",
        "multipleBirth",
        "deceased",
        "extension",
        "id",
        "contained",
        "x",
    ]
)
PARTS = st.lists(
    st.sampled_from(
        [
            {"name": "gender", "valueCode": "other"},
            {"name": "url", "valueUri": "http://x"},
            {"name": "value", "valueString": "v"},
            {"name": "name", "part": [{"name": "given", "valueString": "g"}]},
        ]
    ),
    min_size=1,
    max_size=3,
)
GIVEN = st.one_of(
    st.sampled_from(
        [
            {"valueString": "s"},
            {"valueCode": "female"},
            {"valueCode": "blue"},
            {"valueDate": "1931"},
            {"_valueDate": {"extension": [{"url": "http://e", "valueCode": "y"}]}},
            {"valueBoolean": True},
            {"valueInteger": 3},
            {"valueHumanName": {"text": "N"}},
            {"valueIdentifier": {"value": "3"}},
            {"resource": {"resourceType": "Group", "id": "g", "type": "person", "actual": True}},
        ]
    ),
    PARTS.map(lambda parts: {"part": parts}),
)
NUMBERS = st.integers(-1, 3).map(lambda number: {"valueInteger": number})


def _operation(kind: str, path: str, **parts: Any) -> dict[str, Any]:
    named = [{"name": name, **part} for name, part in parts.items()]
    return {
        "name": "operation",
        "part": [{"name": "type", "valueCode": kind}, {"name": "path", "valueString": path}, *named],
    }


FHIRPATH_PATCHES = st.lists(
    st.one_of(
        st.builds(
            lambda path, name, value: _operation("add", path, name={"valueString": name}, value=value),
            PATHS,
            NAMES,
            GIVEN,
        ),
        st.builds(lambda path, at, value: _operation("insert", path, index=at, value=value), PATHS, NUMBERS, GIVEN),
        st.builds(lambda path: _operation("delete", path), PATHS),
        st.builds(lambda path, value: _operation("replace", path, value=value), PATHS, GIVEN),
        st.builds(lambda path, a, b: _operation("move", path, source=a, destination=b), PATHS, NUMBERS, NUMBERS),
    ),
    max_size=5,
).map(lambda operations: {"resourceType": "Parameters", "parameter": operations} if operations else None)


@settings(max_examples=250, deadline=None)
@given(
    st.one_of(
        st.tuples(st.just(JSON_PATCH), JSON_PATCHES),
        st.tuples(st.just(MERGE_PATCH), MERGE_PATCHES),
        st.tuples(st.just(FHIR_JSON), FHIRPATH_PATCHES),
    )
)
def test_whatever_the_patch_there_is_a_valid_resource_or_a_typed_error(sent: tuple[str, Any]) -> None:
    media_type, document = sent
    try:
        made = patched(RESOURCE, read_patch(media_type, encode(document)))
    except (MalformedContent, UnprocessableContent):
        return
    resource = exact_value(made)
    assert findings(made) == []
    assert (resource["resourceType"], resource["id"]) == ("Patient", "p")


def test_the_resource_of_these_tests_is_valid() -> None:
    assert findings(RESOURCE) == []


@pytest.mark.parametrize(
    ("media_type", "document"), [(JSON_PATCH, []), (MERGE_PATCH, {}), (FHIR_JSON, {"resourceType": "Parameters"})]
)
def test_an_empty_patch_gives_back_the_same_bytes(media_type: str, document: Any) -> None:
    assert patched(RESOURCE, read_patch(media_type, encode(document))) == RESOURCE
