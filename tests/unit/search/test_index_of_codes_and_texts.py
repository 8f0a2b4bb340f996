"""What tokens, strings, URIs and references are found by, in the terms and scopes a query is written in."""

from __future__ import annotations

import pytest
from found_values import BASE, of, texts

from fhir_service.search import terms
from fhir_service.search.parameters import indexed_parameters, links_of
from fhir_service.search.text_folding import sounds


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
