"""Parts of resources, cut from the text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_service.fhir.errors import MalformedContent
from fhir_service.fhir.json_text import parse
from fhir_service.formats.subsets import Subset, is_subsetted, summarized, unknown_elements, with_elements
from fhir_service.validation.structure import findings

TAG = b'{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}'
PATIENT = (
    b'{"resourceType":"Patient","id":"a","meta":{"versionId":"3","profile":["http://p"]},"language":"de",'
    b'"text":{"status":"generated","div":"<div xmlns=\\"http://www.w3.org/1999/xhtml\\">x</div>"},'
    b'"extension":[{"url":"http://e","valueDecimal":1.10}],"modifierExtension":[{"url":"http://m","valueCode":"x"}],'
    b'"name":[{"family":"F\\u00e4","extension":[{"url":"http://e","valueDecimal":2.50}]}],"gender":"male",'
    b'"_gender":{"id":"g"},"deceasedBoolean":false,"maritalStatus":{"text":"m"},"photo":[{"title":"t"}],'
    b'"communication":[{"language":{"text":"de"},"preferred":true}],'
    b'"link":[{"id":"l","other":{"reference":"Patient/b"},"type":"seealso","extension":[{"url":"http://e","valueCode":"x"}]}]}'
)
OBSERVATION = (
    b'{"resourceType":"Observation","id":"o","text":{"status":"empty","div":"<div>-</div>"},"status":"final",'
    b'"code":{"text":"c"},"valueQuantity":{"value":1.10},"interpretation":[{"text":"i"}],"note":[{"text":"n"}],'
    b'"component":[{"code":{"text":"d"},"valueInteger":1,"interpretation":[{"text":"j"}]}]}'
)


def names(text: bytes) -> list[str]:
    return list(parse(text))


def words(text: str) -> list[str]:
    return text.split()


@pytest.mark.rule("SUM-1")
def test_a_summary_has_what_the_definition_marks_and_the_digits_it_had() -> None:
    part = summarized(PATIENT, "true")
    assert names(part) == [
        "resourceType",
        "id",
        "meta",
        "modifierExtension",
        "name",
        "gender",
        "_gender",
        "deceasedBoolean",
        "link",
    ]
    assert b'"name":[{"family":"F\\u00e4","extension":[{"url":"http://e","valueDecimal":2.50}]}]' in part
    assert parse(part)["link"] == [{"id": "l", "other": {"reference": "Patient/b"}, "type": "seealso"}]
    assert parse(summarized(OBSERVATION, "true"))["component"] == [{"code": {"text": "d"}, "valueInteger": 1}]
    assert names(summarized(OBSERVATION, "true"))[3:] == ["status", "code", "valueQuantity", "component"]


@pytest.mark.rule("SUM-1")
def test_text_is_the_narrative_and_what_is_mandatory_and_data_is_the_rest() -> None:
    assert names(summarized(OBSERVATION, "text")) == ["resourceType", "id", "meta", "text", "status", "code"]
    assert names(summarized(OBSERVATION, "data")) == [
        "resourceType",
        "id",
        "meta",
        "status",
        "code",
        "valueQuantity",
        "interpretation",
        "note",
        "component",
    ]


@pytest.mark.rule("ELM-1")
def test_elements_are_those_named_and_the_mandatory_ones() -> None:
    assert names(with_elements(OBSERVATION, ("note",))) == ["resourceType", "id", "meta", "status", "code", "note"]
    assert names(with_elements(PATIENT, ("gender", "photo"))) == [
        "resourceType",
        "id",
        "meta",
        "modifierExtension",
        "gender",
        "_gender",
        "photo",
    ]


@pytest.mark.rule("ELM-1")
@pytest.mark.parametrize("name", ["value", "value[x]", "valueQuantity", "Observation.value"])
def test_a_choice_is_named_by_its_stem_or_its_type(name: str) -> None:
    assert "valueQuantity" in names(with_elements(OBSERVATION, (name,)))
    assert unknown_elements((name,), "Observation") == []


def test_a_name_of_another_type_leaves_this_one_whole() -> None:
    assert with_elements(OBSERVATION, ("Patient.name",)) == OBSERVATION


def test_names_that_a_type_does_not_have_are_told() -> None:
    given_names = ("name", "birthdate", "Patient.gender", "Observation.code", "code")
    assert unknown_elements(given_names, "Patient") == ["birthdate", "Observation.code", "code"]


@pytest.mark.rule("READ-4")
def test_a_part_is_tagged_once_and_says_so() -> None:
    part = summarized(PATIENT, "data")
    assert part.startswith(
        b'{"resourceType":"Patient","id":"a","meta":{"versionId":"3","profile":["http://p"],"tag":[%b]},' % TAG
    )
    assert is_subsetted(parse(part))
    assert Subset("data", ("gender",)).of(part).count(TAG) == 1
    assert not is_subsetted(parse(PATIENT))
    tagged = b'{"resourceType":"Patient","meta":{"tag":[{"system":"http://x","code":"SUBSETTED"}]}}'
    assert summarized(tagged, "true") == tagged[:-3] + b"," + TAG + b"]}}"


def test_a_part_is_a_valid_resource() -> None:
    for text in (PATIENT, OBSERVATION):
        for part in (summarized(text, "true"), summarized(text, "text"), with_elements(text, ("id",))):
            assert [issue for issue in findings(parse(part)) if issue.severity != "warning"] == []


def test_nothing_asked_for_is_the_whole() -> None:
    assert Subset().of(PATIENT) is PATIENT


@given(st.dictionaries(st.text(max_size=8), st.none() | st.integers() | st.text(max_size=5), max_size=4))
def test_whatever_object_it_is_only_typed_errors_go_out(members: dict[str, object]) -> None:
    with pytest.raises(MalformedContent):
        summarized(json.dumps({**members, "resourceType": "Nothing"}).encode(), "true")
