"""What composites are found by, and what all parameters have: presence, words, order."""

from __future__ import annotations

from typing import Any

import pytest
from found_values import of, quantity

from fhir_service.search import terms
from fhir_service.search.dates import date_range
from fhir_service.search.parameters import indexed_parameters


@pytest.mark.rule("CMP-1")
def test_a_composite_joins_what_stands_on_one_element() -> None:
    code = {"coding": [{"system": "s", "code": "sys"}]}
    other = {"coding": [{"system": "s", "code": "dia"}]}
    values = of(
        "Observation",
        component=[{"code": code, "valueQuantity": quantity(120)}, {"code": other, "valueQuantity": quantity(80)}],
    )
    name = "component-code-value-quantity"
    for first in (terms.code_term("Observation", name, "SYS"), terms.token_term("Observation", name, "s", "sys")):
        for unit in ("", "|mg/dL"):
            scope = terms.composite_scope(first, terms.interval_scope("Observation", name, unit))
            assert [(value.low, value.high) for value in values.numbers if value.scope == scope] == [(120, 120)]
        base = terms.composite_scope(first, terms.interval_scope("Observation", name, "ucum:kg/m**3"))
        assert [value.low for value in values.numbers if value.scope == base] == [1.2]


@pytest.mark.parametrize(
    ("whole", "parts"),
    [
        ("combo-code", {"code", "component-code"}),
        ("combo-value-quantity", {"value-quantity", "component-value-quantity"}),
        ("combo-code-value-quantity", {"code-value-quantity", "component-code-value-quantity"}),
        ("code", set()),
    ],
)
def test_what_is_nothing_but_others_together_is_asked_for_by_these(whole: str, parts: set[str]) -> None:
    assert set(indexed_parameters("Observation")[whole].parts) == parts
    code = {"coding": [{"code": "x"}]}
    values = of("Observation", code=code, component=[{"code": code, "valueQuantity": quantity(1)}])
    own = {name for name in (*values.terms, *(value.scope for value in values.numbers)) if f"\x1f{whole}\x1f" in name}
    assert bool(own) is not bool(parts)
    assert whole in values.sort_values or whole.startswith("combo-code-")  # nobody sorts by pairs


@pytest.mark.rule("CMP-1")
@pytest.mark.parametrize(
    ("kind", "parameter", "elements", "first", "second"),
    [
        (
            "Observation",
            "code-value-concept",
            {"code": {"coding": [{"code": "a"}]}, "valueCodeableConcept": {"coding": [{"system": "s", "code": "b"}]}},
            "a",
            terms.token_term("Observation", "code-value-concept", "s", "b"),
        ),
        (
            "Group",
            "characteristic-value",
            {"characteristic": [{"code": {"coding": [{"code": "a"}]}, "valueBoolean": True}]},
            "a",
            terms.code_term("Group", "characteristic-value", "true"),
        ),
        (
            "DocumentReference",
            "relationship",
            {"relatesTo": [{"code": "replaces", "target": {"reference": "DocumentReference/d"}}]},
            "replaces",
            terms.reference_term("DocumentReference", "relationship", "DocumentReference/d"),
        ),
    ],
)
def test_composites_of_two_codes_or_a_code_and_a_reference_are_terms(
    kind: str, parameter: str, elements: dict[str, Any], first: str, second: str
) -> None:
    assert terms.composite_term(terms.code_term(kind, parameter, first), second) in of(kind, **elements).terms


@pytest.mark.rule("CMP-1")
def test_composites_with_a_date_or_a_text_are_scoped() -> None:
    code = {"coding": [{"code": "a"}]}
    date = terms.composite_scope(
        terms.code_term("Observation", "code-value-date", "a"), terms.interval_scope("Observation", "code-value-date")
    )
    text = terms.composite_scope(
        terms.code_term("Observation", "code-value-string", "a"),
        terms.text_scope("Observation", "code-value-string", "string"),
    )
    dated = of("Observation", code=code, valueDateTime="2020")
    assert (date, *date_range("2020")) in dated.dates
    assert (text, "dark red") in of("Observation", code=code, valueString="Dark Red").texts


def test_the_parts_of_a_composite_have_the_type_of_what_they_read() -> None:
    parts = {
        (kind, code): [part.type for part in indexed_parameters(kind)[code].components]
        for kind, code in [("DocumentReference", "relationship"), ("Observation", "code-value-date")]
    }
    assert parts["DocumentReference", "relationship"] == ["token", "reference"]
    assert parts["Observation", "code-value-date"] == ["token", "date"]


@pytest.mark.rule("MOD-1")
@pytest.mark.parametrize(
    ("elements", "present"),
    [
        ({"code": {"text": "x"}}, True),
        ({"code": {"coding": [{"code": "x"}]}}, True),
        ({"code": {"extension": [{"url": "u"}]}}, False),
        ({"code": {"id": "a", "_text": {"extension": []}}}, False),
        ({"code": {}}, False),
        ({"_code": {"extension": []}}, False),
        ({}, False),
    ],
)
def test_extensions_alone_are_no_value(elements: dict[str, Any], present: bool) -> None:
    assert (terms.presence_term("Observation", "code") in of("Observation", **elements).terms) is present


@pytest.mark.rule("MOD-1")
@pytest.mark.parametrize(
    ("kind", "parameter", "elements"),
    [
        ("Patient", "family", {"name": [{"family": "a"}]}),
        ("Patient", "name", {"name": [{"family": "a"}]}),
        ("Observation", "value-quantity", {"valueQuantity": {"value": 1}}),
        ("Observation", "date", {"effectiveDateTime": "2020"}),
        ("RiskAssessment", "probability", {"prediction": [{"probabilityDecimal": 0.5}]}),
        ("ValueSet", "url", {"url": "http://x"}),
        ("Patient", "active", {"active": False}),
        ("Patient", "deceased", {}),
    ],
)
def test_every_search_type_says_whether_there_is_a_value(kind: str, parameter: str, elements: dict[str, Any]) -> None:
    term = terms.presence_term(kind, parameter)
    assert term in of(kind, **elements).terms
    assert (term in of(kind).terms) is (parameter == "deceased")


@pytest.mark.rule("BASE-1")
def test_the_words_of_the_narrative_come_without_its_mark_up() -> None:
    div = '<div xmlns="http://www.w3.org/1999/xhtml"><p title="no">Leak of <b>cement</b> &amp; pain</p></div>'
    values = of("Observation", text={"status": "generated", "div": div})
    assert values.narrative == "Leak of cement & pain"
    assert "Leak of cement & pain" in values.content


@pytest.mark.rule("BASE-1")
def test_the_content_is_what_a_person_reads_and_no_addresses() -> None:
    values = of(
        "Observation",
        id="o1",
        code={
            "text": "Pain score",
            "coding": [{"system": "http://loinc.org", "code": "38208-5", "display": "Severity"}],
        },
        note=[{"text": "worse"}],
        subject={"reference": "Patient/p", "display": "Anna"},
        effectiveDateTime="2020-01-01",
        valueString="eight",
        extension=[{"url": "http://e", "valueString": "more"}],
    )
    words = values.content.split()
    assert set(words) >= {"Pain", "score", "38208-5", "Severity", "worse", "Anna", "eight", "more"}
    assert not [word for word in words if "/" in word or word in ("o1", "2020-01-01", "Observation")]
    assert values.narrative == ""


def test_a_resource_is_ordered_by_its_least_and_its_greatest_value() -> None:
    values = of("Patient", name=[{"family": "Zander"}, {"family": "Änne"}], birthDate="2000", gender="male")
    assert values.sort_values["family"] == ("anne", "zander")
    assert values.sort_values["birthdate"] == tuple(date_range("2000"))
    assert values.sort_values["gender"] == ("male", "male")
    assert "given" not in values.sort_values
    long = of("Patient", name=[{"family": "a" * 500}])
    assert long.sort_values["family"] == ("a" * 64, "a" * 64)
