"""Every transform of the mapping language."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fhir_service.mapping.errors import MappingError

from .conftest import URL, library, map_text

LEVELS = "https://example.org/ConceptMap/levels"
L1 = {"system": "http://snomed.info/sct", "code": "66794005", "display": "L1"}


def value(mapped, transform: str, source: dict | None = None):
    """What a transform of `x` makes of an Observation's value, without its type."""
    found = mapped(f"src.x as x -> tgt.value = {transform};", source or {"x": "abc"}, target="Observation")
    return next((content for name, content in found.items() if name.startswith("value")), None)


def test_truncate_append_and_escape_make_texts(mapped) -> None:
    assert value(mapped, "truncate(x, 2)") == "ab"
    assert value(mapped, "append(x, ' ', 5, ' ', 1.50, ' ', true)") == "abc 5 1.50 true"
    assert value(mapped, "escape(x, 'plain', 'xml')", {"x": "a<b & 'c'"}) == "a&lt;b &amp; &apos;c&apos;"
    assert value(mapped, "escape(x, 'json', 'plain')", {"x": r"a\"b\\n"}) == 'a"b\\n'
    assert value(mapped, "escape(x, 'xml', 'json')", {"x": "&quot;"}) == '\\"'


def test_append_of_nothing_is_nothing(mapped) -> None:
    rules = "src -> (src.none) as none then { src -> tgt.gender = append('a', none); };"
    assert mapped(rules, {}) == {"resourceType": "Patient"}


@pytest.mark.parametrize(
    ("given", "wanted", "found"),
    [
        ("5", "integer", 5),
        ("5.0", "decimal", Decimal("5.0")),
        ("true", "boolean", True),
        (Decimal("8.0"), "string", "8.0"),
        (False, "string", "false"),
        ("2020-02", "dateTime", "2020-02"),
        (7, "integer", 7),
    ],
)
def test_cast_makes_another_primitive_type(mapped, given, wanted, found) -> None:
    rules = f"src.x as x -> tgt.extension as e, e.url = 'u', e.value = cast(x, '{wanted}');"
    extension = mapped(rules, {"x": given})["extension"][0]
    key = f"value{wanted[0].upper()}{wanted[1:]}"
    assert (extension[key], str(extension[key]), type(extension[key])) == (found, str(found), type(found))


@pytest.mark.parametrize(
    ("given", "wanted"), [("x", "integer"), ("1.5", "integer"), ("yes", "boolean"), ("soon", "date")]
)
def test_cast_refuses_a_text_that_is_not_of_the_type(refused, given, wanted) -> None:
    rules = f"src.x as x -> tgt.extension as e, e.url = 'u', e.value = cast(x, '{wanted}');"
    assert f"'{given}' is no {wanted}" in refused(rules, {"x": given}).problem


def test_translate_gives_what_the_row_says_in_the_form_that_is_asked_for(mapped) -> None:
    for output, found in (("Coding", L1), ("CodeableConcept", {"coding": [L1]})):
        element = "code.coding" if output == "Coding" else "code"
        rules = {
            "code.coding": f"src.x as x -> tgt.code as c, c.coding = translate(x, '{LEVELS}', 'Coding');",
            "code": f"src.x as x -> tgt.code = translate(x, '{LEVELS}|1', 'CodeableConcept');",
        }[element]
        code = mapped(rules, {"x": "L1"}, target="Observation")["code"]
        assert (code["coding"][0] if output == "Coding" else code) == found
    for output, found in (("code", "66794005"), ("display", "L1"), ("system", "http://snomed.info/sct")):
        rules = f"src.x as x -> tgt.name as n, n.text = translate(x, '{LEVELS}', '{output}');"
        assert mapped(rules, {"x": "L1"})["name"] == [{"text": found}]


@pytest.mark.parametrize("code", ["L9", "near", "unheard"])
def test_translate_never_guesses(mapped, code) -> None:
    assert value(mapped, f"translate(x, '{LEVELS}', 'CodeableConcept')", {"x": code}) is None


def test_translate_reads_codings_and_concepts_by_their_system(mapped) -> None:
    transform = f"translate(x, '{LEVELS}', 'CodeableConcept')"
    right = {"system": "urn:levels", "code": "L1"}
    wrong = {"system": "urn:others", "code": "L1"}
    assert value(mapped, transform, {"x": right}) == {"coding": [L1]}
    assert value(mapped, transform, {"x": {"coding": [wrong, right]}}) == {"coding": [L1]}
    assert value(mapped, transform, {"x": wrong}) is None


def test_several_targets_are_an_error_where_one_is_wanted(mapped, refused) -> None:
    rules = f"src.x as x -> tgt.gender = translate(x, '{LEVELS}', 'code');"
    assert "gives 2 codes where one is wanted" in refused(rules, {"x": "two"}).problem
    both = value(mapped, f"translate(x, '{LEVELS}', 'CodeableConcept')", {"x": "two"})
    assert [coding["code"] for coding in both["coding"]] == ["1", "2"]


def test_a_missing_concept_map_is_an_error_at_load(refused) -> None:
    error = refused("src.x as x -> tgt.gender = translate(x, 'https://example.org/none', 'code');")
    assert (error.problem, error.line) == ("there is no ConceptMap https://example.org/none", 4)
    assert "no ConceptMap" in refused(f"src.x as x -> tgt.gender = translate(x, '{LEVELS}|2', 'code');").problem


def test_codes_concepts_and_identifiers_are_made_from_their_parts(mapped) -> None:
    assert value(mapped, "cc(x)") == {"text": "abc"}
    assert value(mapped, "cc('urn:s', x)") == {"coding": [{"system": "urn:s", "code": "abc"}]}
    rules = "src.x as x -> tgt.code as c, c.coding = c('urn:s', x, 'shown'), tgt.identifier = id('urn:i', x, 'MR');"
    found = mapped(rules, {"x": "1"}, target="Observation")
    assert found["code"]["coding"] == [{"system": "urn:s", "code": "1", "display": "shown"}]
    kind = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]}
    assert found["identifier"] == [{"type": kind, "system": "urn:i", "value": "1"}]


def test_quantities_come_from_parts_or_from_their_text(mapped, refused) -> None:
    source = {"x": Decimal("6.0"), "u": "cc"}
    rules = "src.x as x, src.u as u -> tgt.value = qty(x, u, 'http://unitsofmeasure.org', 'mL');"
    quantity = mapped(rules, source, target="Observation")["valueQuantity"]
    assert quantity == {"value": 6, "unit": "cc", "system": "http://unitsofmeasure.org", "code": "mL"}
    assert str(quantity["value"]) == "6.0"
    assert (
        str(value(mapped, "qty(x)", {"x": ">=8.0 mg"})) == "{'value': Decimal('8.0'), 'comparator': '>=', 'unit': 'mg'}"
    )
    assert "is no quantity" in refused("src.x as x -> tgt.value = qty(x);", {"x": "much"}, target="Observation").problem


def test_contact_points_are_told_by_their_content(mapped, refused) -> None:
    rules = "src.x as x -> tgt.telecom = cp(x);"
    found = mapped(rules, {"x": ["a@b.org", "+49 30 123", "https://x.org"]})["telecom"]
    assert [point["system"] for point in found] == ["email", "phone", "url"]
    assert mapped("src.x as x -> tgt.telecom = cp('fax', x);", {"x": "1"})["telecom"] == [
        {"system": "fax", "value": "1"}
    ]
    assert "cp(system, value)" in refused(rules, {"x": "ask me"}).problem


def test_references_and_pointers_name_a_resource_by_its_id(mapped, refused) -> None:
    rules = """src -> tgt.entry as e, e.resource = create('Patient') as p, p.id = 'p1', e.fullUrl = pointer(p)
      then { src -> tgt.entry as f, f.resource = create('Observation') as o, o.subject = reference(p),
             o.focus = pointer(p),
             o.subject as s, s.display = reference(p); };"""
    entries = mapped(rules, {}, target="Bundle")["entry"]
    assert entries[0]["fullUrl"] == "urn:uuid:p1"
    assert entries[1]["resource"]["subject"] == {"reference": "Patient/p1", "display": "Patient/p1"}
    assert entries[1]["resource"]["focus"] == [{"reference": "urn:uuid:p1"}]
    assert "is no resource" in refused("src.x as x -> tgt.language = reference(x);", {"x": "1"}).problem


def test_a_resource_without_an_id_gets_one_when_it_is_referred_to(mapped) -> None:
    rules = "src -> tgt.entry as e, e.resource = create('Patient') as p, e.fullUrl = pointer(p);"
    entry = mapped(rules, {}, target="Bundle", uuid=lambda: "fixed")["entry"][0]
    assert (entry["fullUrl"], entry["resource"]["id"]) == ("urn:uuid:fixed", "fixed")


def test_uuid_is_the_callers(mapped) -> None:
    assert mapped("src -> tgt.id = uuid();", {}, uuid=lambda: "0-1")["id"] == "0-1"
    assert len(mapped("src -> tgt.id = uuid();", {})["id"]) == 36


def test_evaluate_gives_one_item_or_an_error(mapped, refused) -> None:
    assert value(mapped, "evaluate(x, $this.where(n = 2).t.first() & '!')", {"x": {"n": 2, "t": ["a", "b"]}}) == "a!"
    assert mapped("src.x as x -> tgt.gender = (x.t);", {"x": {"t": "male"}})["gender"] == "male"
    assert mapped("src.x as x -> tgt.gender = ($this.t);", {"x": {"t": "male"}})["gender"] == "male"
    assert mapped("src.x as x -> tgt.gender = x.t;", {"x": {"t": "male"}})["gender"] == "male"
    assert mapped("src.x as x -> tgt.active = (x.n > 7 and x.n < 9);", {"x": {"n": Decimal("8.0")}})["active"] is True
    error = refused("src.x as x -> tgt.gender = (x.t);", {"x": {"t": ["a", "b"]}})
    assert error.problem == "x.t gives 2 items where one is wanted"


def test_fhirpath_beyond_our_own_is_run_by_the_library_with_the_variables_in_scope(mapped, refused) -> None:
    rules = "src.x as x -> tgt.gender = (%x.substring(0, 2) & x.substring(1, 1));"
    assert mapped(rules, {"x": "abc"})["gender"] == "abb"
    error = refused('src.x as x -> tgt.gender = (x.nothing()) "odd";', {"x": "abc"})
    assert (error.rule, error.line) == ("odd", 4)
    assert "nothing" in error.problem


@pytest.mark.parametrize(
    ("transform", "problem"),
    [
        ("(unknown.t)", "there is no variable unknown here; known are src, tgt, x"),
        ("(%unknown)", "there is no variable unknown here; known are src, tgt, x"),
        ("unknown", "there is no variable unknown here"),
        ("turn(x)", "there is no transform turn"),
        ("dateOp(x)", "neither R4 nor R5 defines it"),
        ("truncate(x)", "truncate takes 2 parameters, 1 were given"),
        ("truncate(x, 'a')", "truncate takes a text and a length"),
        ("append()", "append takes 1 or more parameters"),
        ("escape(x, 'plain', 'html')", "escape takes a text and two of java, json, plain, xml"),
        ("create(x)", "create takes the name of a type, in quotes"),
        ("create('Resource')", "a Resource cannot be created"),
        ("cast(x, 'Quantity')", "cast takes a value and the name of a primitive type"),
        (f"translate(x, '{LEVELS}', 'codes')", "and one of code, system, display, Coding, CodeableConcept"),
    ],
)
def test_a_transform_that_cannot_work_is_refused_at_load(refused, transform, problem) -> None:
    error = refused(f"src.x as x -> tgt.gender = {transform};")
    assert problem in error.problem
    assert error.line == 4


def test_a_concept_map_that_an_imported_map_holds_is_named_with_the_url_of_that_map() -> None:
    concept_map = 'conceptmap "#sex" { prefix s = "urn:s"  prefix t = "urn:t"  s:f - t:female }'
    codes = f'map "urn:codes" = "codes"\n{concept_map}\ngroup none(source a, target b) {{ a -> b; }}'
    rules = "src.x as x -> tgt.gender = translate(x, '{0}', 'code');"
    importing = map_text(rules.format("urn:codes#sex")).replace("group", 'imports "urn:codes"\ngroup', 1)
    assert library(importing, codes=codes).transform(URL, {"x": "f"})["gender"] == "female"
    for text in (importing.replace('imports "urn:codes"', ""), importing.replace("urn:codes#sex", "#sex")):
        with pytest.raises(MappingError, match="there is no ConceptMap"):
            library(text, codes=codes)
