"""`is`, `as` and `ofType` in the expressions of maps: JSON does not say types, keys and definitions do."""

from __future__ import annotations

import re

import pytest

from fhir_service.fhir.fhirpath_parser import parse_fhirpath
from fhir_service.fhir.fhirpath_text import fhirpath_text

OBSERVATION = {
    "resourceType": "Observation",
    "status": "final",
    "valueQuantity": {"value": 3, "unit": "mL"},
    "component": [
        {"code": {"text": "a"}, "valueQuantity": {"value": 1, "unit": "q"}},
        {"code": {"text": "b"}, "valueString": "s"},
        {"code": {"text": "c"}},
    ],
    "contained": [{"resourceType": "Device", "id": "d"}, {"resourceType": "Patient", "id": "p"}],
    "subject": {"reference": "Patient/1"},
}


@pytest.mark.parametrize(
    ("rule", "texts"),
    [
        ("src.component as c where value is Quantity -> tgt.note as n, n.text = (c.code.text);", ["a"]),
        ("src.component as c where (value is Quantity).not() -> tgt.note as n, n.text = (c.code.text);", ["b"]),
        ("src.component as c where value.is(string) -> tgt.note as n, n.text = (c.code.text);", ["b"]),
        ("src.component as c where value is Element -> tgt.note as n, n.text = (c.code.text);", ["a", "b"]),
        ("src.component as c where value is Period -> tgt.note as n, n.text = (c.code.text);", []),
        ("src.component as c -> tgt.note as n, n.text = ((c.value as Quantity).unit);", ["q"]),
        ("src.component as c -> tgt.note as n, n.text = (c.value.ofType(string));", ["s"]),
        ("src.component as c -> tgt.note as n, n.text = (c.value.ofType(FHIR.Quantity).value.toString());", ["1"]),
        ("src -> tgt.note as n, n.text = (src.component.where(value is string).code.text);", ["b"]),
        ("src.value as v where $this is Quantity -> tgt.note as n, n.text = (v.unit);", ["mL"]),
        ("src.value as v where %v is string -> tgt.note as n, n.text = 'x';", []),
        ("src.contained as c where $this is Patient -> tgt.note as n, n.text = (c.id);", ["p"]),
        ("src -> tgt.note as n, n.text = (src.contained.ofType(Device).id);", ["d"]),
        ("src.subject as s where $this is Reference -> tgt.note as n, n.text = (s.reference);", ["Patient/1"]),
        ("src.subject as s where $this is Patient -> tgt.note as n, n.text = 'x';", []),
    ],
)
def test_a_test_of_a_type_is_answered_by_the_key_and_the_definitions(mapped, rule, texts) -> None:
    found = mapped(rule, OBSERVATION, target="Observation", reads="Observation")
    assert [note["text"] for note in found.get("note", ())] == texts


def test_a_choice_is_seen_where_the_whole_of_fhirpath_is_needed(mapped) -> None:
    times = [{"valueDateTime": "1990-01-01"}, {"valuePeriod": {"start": "1991", "end": "2001"}}, {"valueInteger": 5}]
    source = {"resourceType": "Observation", "component": times}
    for condition, count in (
        ("value.as(dateTime) = @1990-01-01", 1),
        ("value.end >= @2000", 1),
        ("%c.value.start < @1990", 0),
    ):
        rule = f"src.component as c where {condition} -> tgt.note as n, n.text = 'x';"
        found = mapped(rule, source, target="Observation", reads="Observation")
        assert len(found.get("note", ())) == count, condition


def test_what_a_choice_is_taken_as_picks_the_property_of_the_target(mapped) -> None:
    rule = "src.component as c -> tgt.component as d, d.value = (c.value as Quantity);"
    found = mapped(rule, OBSERVATION, target="Observation", reads="Observation")
    assert found["component"] == [{"valueQuantity": {"value": 1, "unit": "q"}}]


def test_a_path_that_ends_in_a_choice_may_need_the_whole_of_fhirpath_on_its_way(mapped) -> None:
    source = {
        "resourceType": "QuestionnaireResponse",
        "item": [
            {"linkId": "1", "answer": [{"valueString": "Ito"}]},
            {"linkId": "2", "answer": [{"valueString": "x"}]},
        ],
    }
    rule = "src -> tgt.language = (src.item.where(linkId.toInteger() = 1).answer.value);"
    assert mapped(rule, source, reads="QuestionnaireResponse")["language"] == "Ito"


def test_tests_inside_tests_do_not_multiply(mapped) -> None:
    path = "src.component" + ".where(value is string)" * 30
    rule = f"src -> tgt.note as n, n.text = ({path}.code.text);"
    assert mapped(rule, OBSERVATION, target="Observation", reads="Observation")["note"] == [{"text": "b"}]


@pytest.mark.parametrize(
    "text",
    [
        "a.b[0].c(1, 'it\\'s \\\\ \\n', {}, true) = -(2.50)",
        "(a or b) and (%c is FHIR.Quantity)",
        "`a b`.where($this > @2020-01-01 and $index < 2).first()",
        "(1 'mg' as Quantity).unit | a & ('b' + c)",
        "%x implies a in b",
    ],
)
def test_a_tree_is_written_as_a_text_that_is_read_as_the_same_tree(text) -> None:
    written = fhirpath_text(parse_fhirpath(text))
    assert fhirpath_text(parse_fhirpath(written)) == written
    assert _bare(parse_fhirpath(written)) == _bare(parse_fhirpath(text))


def _bare(node: object) -> str:
    """A tree without the offsets of its nodes."""
    return re.sub(r"start=\d+", "", repr(node))
