"""What each search type is found by, in the terms and scopes that a query is written in."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fhir_service.search import terms
from fhir_service.search.collector import HIGHEST
from fhir_service.search.dates import EARLIEST, LATEST, date_range
from fhir_service.search.index_values import IndexValues, index_values
from fhir_service.search.parameters import indexed_parameters, links_of
from fhir_service.search.text_folding import sounds

BASE = "https://fhir.example.org/r4"
UCUM = "http://unitsofmeasure.org"


def of(kind: str, **elements: Any) -> IndexValues:
    return index_values({"resourceType": kind, **elements}, BASE)


def texts(values: IndexValues, parameter: str, variant: terms.TextVariant = "string") -> set[str]:
    scope = terms.text_scope(values.resource_type, parameter, variant)
    return {value.text for value in values.texts if value.scope == scope}


def numbers(values: IndexValues, parameter: str, unit: str = "") -> list[tuple[float, float]]:
    scope = terms.interval_scope(values.resource_type, parameter, unit)
    return [(value.low, value.high) for value in values.numbers if value.scope == scope]


def dates(values: IndexValues, parameter: str) -> list[tuple[float, float]]:
    scope = terms.interval_scope(values.resource_type, parameter)
    return [(value.low, value.high) for value in values.dates if value.scope == scope]


def units(values: IndexValues, parameter: str) -> set[str]:
    prefix = terms.interval_scope(values.resource_type, parameter)
    return {value.scope.removeprefix(prefix) for value in values.numbers if value.scope.startswith(prefix)}


def quantity(value: Any, code: str = "mg/dL", **more: Any) -> dict[str, Any]:
    return {"value": value, "unit": code, "system": UCUM, "code": code, **more}


# tokens


@pytest.mark.rule("TOK-1", "TOK-3")
def test_a_code_is_found_in_any_system_in_its_own_and_by_its_system() -> None:
    values = of("Observation", code={"coding": [{"system": "http://loinc.org", "code": "A-1"}, {"code": "b"}]})
    wanted = {
        terms.code_term("Observation", "code", "a-1"),
        terms.token_term("Observation", "code", "http://loinc.org", "a-1"),
        terms.system_term("Observation", "code", "http://loinc.org"),
        terms.code_term("Observation", "code", "B"),
        terms.token_term("Observation", "code", None, "b"),
    }
    assert wanted <= set(values.terms)
    assert terms.token_term("Observation", "code", None, "a-1") not in values.terms
    assert terms.token_term("Observation", "code", "http://LOINC.org", "a-1") not in values.terms


@pytest.mark.rule("TOK-4")
def test_the_texts_of_a_token_are_its_text_its_displays_and_the_type_of_an_identifier() -> None:
    values = of(
        "Observation",
        code={"text": "Blood Glucose", "coding": [{"code": "x", "display": "Glücose"}]},
        identifier=[{"value": "1", "type": {"text": "Accession", "coding": [{"display": "not this"}]}}],
    )
    assert texts(values, "code", "text") == {"blood glucose", "glucose"}
    assert texts(values, "identifier", "text") == {"accession"}


@pytest.mark.rule("TOK-8")
def test_an_identifier_is_found_by_the_coding_of_its_type_and_its_value() -> None:
    coding = [{"system": "v2", "code": "MR"}, {"code": "no system"}]
    values = of("Patient", identifier=[{"value": "Ab1", "system": "s", "type": {"coding": coding}}])
    assert terms.of_type_term("Patient", "identifier", "v2", "mr", "ab1") in values.terms
    assert len([term for term in values.terms if "of-type" in term]) == 1


@pytest.mark.rule("TOK-2")
def test_a_code_of_a_required_value_set_has_its_system() -> None:
    values = of("Observation", status="final")
    assert terms.token_term("Observation", "status", "http://hl7.org/fhir/observation-status", "final") in values.terms
    assert terms.token_term("Observation", "status", None, "final") in values.terms
    assert not [term for term in of("Observation", status="bogus").terms if "observation-status" in term]


@pytest.mark.rule("BASE-1")
def test_tags_labels_profiles_and_sources_are_found_on_every_type() -> None:
    coding = {"system": "s", "code": "c"}
    meta = {"tag": [coding], "security": [coding], "profile": ["http://p|1"], "source": "urn:x"}
    for kind in ("Patient", "Bundle", "StructureMap"):
        found = of(kind, meta=meta).terms
        assert terms.token_term(kind, "_tag", "s", "c") in found
        assert terms.token_term(kind, "_security", "s", "c") in found
        assert {terms.uri_term(kind, "_profile", "http://p|1"), terms.uri_term(kind, "_profile", "http://p")} <= {
            *found
        }
        assert terms.uri_term(kind, "_source", "urn:x") in found


# strings


@pytest.mark.rule("STR-2")
def test_a_name_is_found_by_any_of_its_parts_and_as_a_whole() -> None:
    name = {"family": "Van Dyck", "given": ["Anna", "Zoë"], "prefix": ["Dr."], "text": "Zoë the Great", "use": "usual"}
    values = of("Patient", name=[name])
    assert texts(values, "name") == {"van dyck", "anna", "zoe", "dr", "zoe the great", "anna zoe van dyck"}
    assert texts(values, "given") == {"anna", "zoe"}
    assert texts(values, "family") == {"van dyck"}
    assert terms.exact_term("Patient", "name", "Zoë") in values.terms
    assert terms.exact_term("Patient", "name", "zoe") not in values.terms
    assert not [term for term in values.terms if "usual" in term]


@pytest.mark.rule("STR-2")
def test_an_address_is_found_by_any_of_its_parts_and_as_a_whole() -> None:
    values = of("Patient", address=[{"line": ["1 High St."], "city": "York", "postalCode": "YO1", "use": "home"}])
    assert texts(values, "address") == {"1 high st", "york", "yo1", "1 high st york yo1"}
    assert texts(values, "address-city") == {"york"}


def test_names_are_found_by_their_sound() -> None:
    assert indexed_parameters("Patient")["phonetic"].by_sound
    values = of("Patient", name=[{"family": "Smyth", "given": ["Jon"]}])
    assert {*sounds("Smith"), *sounds("John")} == texts(values, "phonetic")
    assert not [term for term in values.terms if "phonetic\x1fexact" in term]


def test_the_string_of_a_choice_and_of_a_concept_are_found() -> None:
    assert texts(of("Observation", valueString="Dark Red"), "value-string") == {"dark red"}
    assert texts(of("Observation", valueCodeableConcept={"text": "Red"}), "value-string") == {"red"}


# uris


@pytest.mark.rule("URI-1")
def test_a_uri_is_found_as_it_is_written() -> None:
    values = of("ValueSet", url="http://x.example/A", version="2")
    assert terms.uri_term("ValueSet", "url", "http://x.example/A") in values.terms
    assert terms.uri_term("ValueSet", "url", "http://x.example/a") not in values.terms
    assert texts(values, "url", "uri") == {"http://x.example/A"}


@pytest.mark.rule("REF-4")
def test_a_canonical_is_found_with_its_version_and_without() -> None:
    assert terms.uri_term("ValueSet", "url", "http://x|2") in of("ValueSet", url="http://x", version="2").terms
    found = of("Procedure", instantiatesCanonical=["http://x/p|1.0"]).terms
    for target in ("http://x/p", "http://x/p|1.0"):
        assert terms.reference_term("Procedure", "instantiates-canonical", target) in found


# dates


@pytest.mark.rule("DATE-2", "DATE-5")
@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ({"effectiveDateTime": "2020-05"}, date_range("2020-05")),
        ({"effectiveInstant": "2020-05-01T00:00:00.5Z"}, date_range("2020-05-01T00:00:00.5Z")),
        ({"effectivePeriod": {"start": "2020", "end": "2021"}}, (date_range("2020").low, date_range("2021").high)),
        ({"effectivePeriod": {"start": "2020"}}, (date_range("2020").low, LATEST)),
        ({"effectivePeriod": {"end": "2020"}}, (EARLIEST, date_range("2020").high)),
        (
            {
                "effectiveTiming": {
                    "event": ["2021", "2019"],
                    "repeat": {"boundsPeriod": {"start": "2020", "end": "2023"}},
                }
            },
            (date_range("2019").low, date_range("2023").high),
        ),
    ],
)
def test_dates_are_half_open_ranges_and_a_timing_its_outer_limits(
    elements: dict[str, Any], expected: tuple[int, int]
) -> None:
    values = of("Observation", **elements)
    assert dates(values, "date") == [tuple(expected)]
    assert values.sort_date == expected[0]
    assert values.sort_values["date"] == tuple(expected)


@pytest.mark.parametrize(
    "elements", [{"effectivePeriod": {}}, {"effectiveTiming": {}}, {"effectiveDateTime": "2020-13"}]
)
def test_what_is_no_date_gives_no_range(elements: dict[str, Any]) -> None:
    assert of("Observation", **elements).dates == ()


# numbers and quantities


@pytest.mark.rule("NUM-3")
@pytest.mark.parametrize("value", [Decimal("0.50"), 0.5])
def test_a_number_is_a_point(value: Any) -> None:
    assert numbers(of("RiskAssessment", prediction=[{"probabilityDecimal": value}]), "probability") == [(0.5, 0.5)]


@pytest.mark.rule("QTY-1")
def test_a_quantity_is_found_by_number_by_code_and_by_unit() -> None:
    values = of("Observation", valueQuantity=quantity(Decimal("5.40"), "mmol/L", unit="millimole"))
    for unit in ("", "|mmol/L", "|millimole", "ucum:mol/m**3"):
        assert numbers(values, "value-quantity", unit) == [(5.4, 5.4)]
    assert values.sort_values["value-quantity"] == (5.4, 5.4)


@pytest.mark.rule("QTY-2")
def test_quantities_of_one_kind_meet_in_base_units() -> None:
    one, other = of("Observation", valueQuantity=quantity(100)), of("Observation", valueQuantity=quantity(1, "g/L"))
    assert (
        numbers(one, "value-quantity", "ucum:kg/m**3") == numbers(other, "value-quantity", "ucum:kg/m**3") == [(1, 1)]
    )


@pytest.mark.rule("QTY-2")
@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ({"code": "mg/dL", "system": "http://other"}, {"", "|mg/dL", "http://other|mg/dL"}),
        ({"unit": "tablets"}, {"", "|tablets"}),
        ({"code": "{score}", "system": UCUM}, {"", "|{score}", f"{UCUM}|{{score}}"}),
        ({}, {""}),
        ({"unit": 5, "system": [], "code": None}, {""}),
    ],
)
def test_units_that_are_not_known_stand_as_they_are_printed(held: dict[str, Any], expected: set[str]) -> None:
    assert units(of("Observation", valueQuantity={"value": 1, **held}), "value-quantity") == expected


@pytest.mark.parametrize(
    ("comparator", "inside", "outside"),
    [("<", 4.999, 5.0), ("<=", 5.0, 5.001), (">", 5.001, 5.0), (">=", 5.0, 4.999)],
)
def test_a_comparator_makes_an_interval_without_an_end(comparator: str, inside: float, outside: float) -> None:
    values = of("Observation", valueQuantity=quantity(5, comparator=comparator))
    ((low, high),) = numbers(values, "value-quantity")
    assert low <= inside <= high
    assert not low <= outside <= high
    assert HIGHEST in (-low, high)


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ({"low": {"value": 40, "unit": "a"}, "high": {"value": 50, "unit": "a"}}, (40, 50)),
        ({"low": {"value": 40}}, (40, HIGHEST)),
        ({"high": {"value": 50}}, (-HIGHEST, 50)),
    ],
)
def test_a_range_is_an_interval(ends: dict[str, Any], expected: tuple[float, float]) -> None:
    assert numbers(of("Condition", onsetRange=ends), "onset-age") == [expected]


def test_a_range_of_two_units_has_none() -> None:
    low, high = {"value": 1, "system": UCUM, "code": "mo"}, {"value": 1, "system": UCUM, "code": "a"}
    assert units(of("Condition", onsetRange={"low": low, "high": high}), "onset-age") == {""}


@pytest.mark.rule("QTY-2")
@pytest.mark.parametrize(
    ("sampled", "expected"),
    [
        ({"data": "1 3 -2 E"}, (6.0, 16.0)),
        ({"data": "1 U L", "lowerLimit": -5, "upperLimit": 5}, (0.0, 20.0)),
        ({"lowerLimit": 0, "upperLimit": 1}, (10.0, 12.0)),
    ],
)
def test_sampled_data_covers_all_its_points(sampled: dict[str, Any], expected: tuple[float, float]) -> None:
    held = {"origin": quantity(10, "mV"), "period": 1, "factor": 2, "dimensions": 1, **sampled}
    assert numbers(of("Observation", valueSampledData=held), "value-quantity", "|mV") == [expected]


def test_money_is_found_by_its_currency() -> None:
    values = of("Invoice", totalNet={"value": 12, "currency": "EUR"})
    assert numbers(values, "totalnet", "urn:iso:std:iso:4217|EUR") == numbers(values, "totalnet", "|EUR") == [(12, 12)]


@pytest.mark.parametrize("value", [None, True, "5", Decimal("1e999"), 10**400, Decimal("NaN"), [], {}])
def test_what_is_no_number_is_not_found_by_one(value: Any) -> None:
    assert of("Observation", valueQuantity=quantity(value)).numbers == ()


# references


@pytest.mark.rule("REF-1")
@pytest.mark.parametrize("reference", ["Patient/a", f"{BASE}/Patient/a", "Patient/a/_history/2"])
def test_a_reference_to_this_server_is_a_link(reference: str) -> None:
    values = of("Observation", subject={"reference": reference})
    assert [tuple(link) for link in values.links] == [(terms.link_scope("Observation", "subject"), "Patient", "a")]
    assert terms.reference_term("Observation", "subject", "Patient/a") in values.terms


@pytest.mark.parametrize(
    "reference", ["https://x.example/Patient/a", "#a", "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"]
)
def test_a_reference_elsewhere_is_no_link(reference: str) -> None:
    assert of("Observation", subject={"reference": reference}).links == ()


def test_a_narrower_parameter_is_answered_by_the_wider_and_has_a_presence_of_its_own() -> None:
    assert indexed_parameters("Observation")["patient"].indexed_as == "subject"
    group = of("Observation", subject={"reference": "Group/g"})
    assert terms.presence_term("Observation", "subject") in group.terms
    assert terms.presence_term("Observation", "patient") not in group.terms
    assert "patient" in of("Observation", subject={"reference": "Patient/g"}).sort_values


@pytest.mark.rule("REF-3")
def test_the_identifier_of_a_reference_is_a_token() -> None:
    found = of("Observation", subject={"type": "Patient", "identifier": {"system": "s", "value": "V"}}).terms
    for parameter in ("subject", "patient"):
        name = terms.identifier_of(parameter)
        assert terms.token_term("Observation", name, "s", "v") in found
        assert terms.code_term("Observation", name, "v") in found
        assert terms.presence_term("Observation", parameter) in found


@pytest.mark.rule("REF-2")
def test_the_types_a_reference_may_point_at_are_known() -> None:
    known = indexed_parameters("Observation")
    assert known["patient"].targets == ("Patient",)
    assert {"Patient", "Group", "Device", "Location"} == set(known["subject"].targets)


def test_what_an_include_follows_is_known_by_scope() -> None:
    assert links_of("Observation", "patient") == {terms.link_scope("Observation", "subject"): ("Patient",)}
    assert set(links_of("Observation")[terms.link_scope("Observation", "subject")]) >= {"Patient", "Group"}
    assert links_of("Observation", "code") == links_of("Observation", "bogus") == {}


# composites


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


@pytest.mark.rule("CMP-1")
@pytest.mark.parametrize("parameter", ["combo-code-value-quantity", "code-value-quantity"])
def test_a_combined_composite_reads_the_components_too(parameter: str) -> None:
    code = {"coding": [{"code": "x"}]}
    scope = terms.composite_scope(
        terms.code_term("Observation", parameter, "x"), terms.interval_scope("Observation", parameter)
    )
    whole = of("Observation", code=code, valueQuantity=quantity(1))
    part = of("Observation", component=[{"code": code, "valueQuantity": quantity(1)}])
    assert scope in {value.scope for value in whole.numbers}
    assert (scope in {value.scope for value in part.numbers}) is parameter.startswith("combo")


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


# presence, words, order


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
