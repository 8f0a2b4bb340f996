"""FHIRPath as the service runs it: its own closures and fhirpathpy must say the same."""

from __future__ import annotations

from decimal import Decimal

import fhirpathpy
import pytest
from fhirpathpy.models import models

from fhir_service.fhir.fhirpath import Expression, FhirPathError, compile_expression, compile_node, evaluate
from fhir_service.fhir.fhirpath_closures import Unsupported, build
from fhir_service.fhir.fhirpath_parser import parse_fhirpath

PATIENT = {
    "resourceType": "Patient",
    "active": True,
    "gender": "female",
    "birthDate": "1950",
    "name": [{"family": "A", "given": ["x", "y"]}, {"family": "B", "use": "old"}],
    "multipleBirthInteger": 2,
}
SAME = [
    "name.given",
    "name.family.first()",
    "name[1].use",
    "name.where(use = 'old').family",
    "name.exists(given = 'x')",
    "name.all(family.exists())",
    "name.select(family)",
    "name.given.count() = 2",
    "gender = 'female' and active",
    "gender = 'male' or active.not()",
    "gender != 'male' xor active",
    "active implies name.empty()",
    "nothing = 'x'",
    "nothing.exists() or gender.exists()",
    "nothing = 'x' and active = false",
    "gender in ('male' | 'female')",
    "name.given contains 'y'",
    "gender & ' ' & nothing & birthDate",
    "gender + 'x'",
    "gender.startsWith('fe') and gender.endsWith('le') and gender.contains('mal')",
    "gender.replace('fe', '').upper()",
    "gender.matches('^f.*e$')",
    "gender.length() > 5",
    "birthDate < '1960'",
    "name.given | name.given",
    "name.tail().family",
    "name.given.last()",
    "iif(active, gender, birthDate)",
    "1.0 = 1",
    "2 >= 3",
    "-5",
    "{}",
    "true",
    "name.given.distinct().count()",
    "multipleBirthInteger - 5",
    "multipleBirthInteger * 3",
    "multipleBirthInteger / 0",
    "nothing * 2",
    "(multipleBirthInteger - 5).abs()",
    "1 + 2 * 3 - 4",
]


@pytest.mark.parametrize("text", SAME)
def test_our_closures_agree_with_fhirpathpy(text: str) -> None:
    build(parse_fhirpath(text), {})
    assert evaluate(text, PATIENT) == fhirpathpy.evaluate(PATIENT, text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Patient.gender", ["female"]),
        ("name.given.skip(1)", ["y"]),
        ("gender.substring(0, 2)", ["fe"]),
        ("multipleBirth is integer", [True]),
        ("multipleBirth.ofType(integer) + 1", [3]),
        ("name.given.join('-')", ["x-y"]),
        ("birthDate.toInteger() mod 2", [0]),
        ("$this.gender.substring(0, 2)", ["fe"]),
        ("name.where($this.use = 'old').family.substring(0, 1)", ["B"]),
        ("@2020-01-02", ["2020-01-02"]),
    ],
)
def test_what_has_no_closure_is_run_by_fhirpathpy(text, found) -> None:
    with pytest.raises(Unsupported):
        build(parse_fhirpath(text), {})
    assert evaluate(text, PATIENT) == found


@pytest.mark.parametrize(
    ("number", "low", "high"), [("5.6", "5.55", "5.65"), ("41", "40.5", "41.5"), ("0.0", "-0.05", "0.05")]
)
def test_the_boundaries_of_a_number_are_what_it_may_be_rounded_from(number, low, high) -> None:
    assert evaluate(f"{number}.lowBoundary()", PATIENT) == [Decimal(low)]
    assert evaluate(f"{number}.highBoundary()", PATIENT) == [Decimal(high)]
    assert evaluate("nothing.lowBoundary()", PATIENT) == []


def test_a_tuple_is_a_variable_of_several_items() -> None:
    expression = Expression("%levels.count() = 2", parse_fhirpath("%levels.count() = 2"), {"levels": 0})
    assert expression.holds(PATIENT, [("T12", "L1")])


def test_a_choice_is_found_by_its_stem() -> None:
    quantity = {"resourceType": "Observation", "valueQuantity": {"value": Decimal("8.0")}}
    assert evaluate("value.value", quantity) == [Decimal("8.0")]
    assert str(evaluate("value.value", quantity)[0]) == "8.0"
    assert evaluate("value.exists() and value.value > 7.9 and value.value = 8", quantity) == [True]


def test_a_primitive_has_a_value_and_extensions() -> None:
    patient = {
        "birthDate": "1950",
        "_birthDate": {"extension": [{"url": "u"}]},
        "_gender": {"extension": [{"url": "v"}]},
    }
    assert evaluate("birthDate.value", patient) == ["1950"]
    assert evaluate("birthDate = '1950'", patient) == [True]
    assert evaluate("birthDate.extension.url", patient) == ["u"]
    assert evaluate("gender.exists()", patient) == [True]
    assert evaluate("gender.hasValue()", patient) == [False]
    assert evaluate("linkId.value in ('a' | 'b')", {"linkId": "b"}) == [True]


def test_this_is_the_focus() -> None:
    assert evaluate("$this.gender", PATIENT) == ["female"]
    assert evaluate("$this", 5) == [5]


def test_true_is_not_one() -> None:
    assert evaluate("a = b", {"a": True, "b": 1}) == [False]


def test_variables_are_named_with_or_without_a_percent_sign_and_come_before_elements() -> None:
    def run(text: str, this: object, **variables: object) -> list:
        names = {name: at for at, name in enumerate(variables)}
        return compile_node(text, parse_fhirpath(text), names)(this, list(variables.values()))

    assert run("%a.b", None, a={"b": 1}) == [1]
    assert run("a.b & c", {"a": "element"}, a={"b": "x"}, c="y") == ["xy"]
    assert run("$this.a", {"a": "element"}, a="variable") == ["element"]
    assert run("items.where(code = wanted)", {"items": [{"code": 1}, {"code": 2}]}, wanted=2) == [{"code": 2}]
    assert run("a.substring(0, 1) & %b.substring(1, 1)", None, a="xy", b="zw") == ["xw"]
    assert run("a.exists()", None, a=None) == [False]


def test_one_item_or_a_truth_value_can_be_asked_for() -> None:
    assert compile_expression("gender").single(PATIENT) == "female"
    assert compile_expression("none").single(PATIENT) is None
    assert compile_expression("active").holds(PATIENT)
    assert not compile_expression("none").holds(PATIENT)
    assert compile_expression("gender").holds(PATIENT)
    with pytest.raises(FhirPathError, match="gives 2 items where one is wanted"):
        compile_expression("name.given").single(PATIENT)
    with pytest.raises(FhirPathError, match="a truth value was expected, there are 2 items"):
        compile_expression("name.given").holds(PATIENT)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name.given.single()", "single"),
        ("name.given > 1", "these values have no order"),
        ("name[gender]", "an index is one integer"),
        ("gender + 1", "two strings or two numbers"),
        ("name.family & 'x'", "one string was expected"),
        ("name.given in gender", "look for one item"),
        ("gender.unknownFunction()", "unknownFunction"),
        ("%nobody", "nobody"),
    ],
)
def test_an_expression_that_fails_says_so(text, problem) -> None:
    with pytest.raises(FhirPathError, match=problem):
        evaluate(text, PATIENT)


@pytest.mark.parametrize(
    ("text", "column"), [("name.", 6), ("a = ", 5), ("a b", 3), ("(a", 3), ("a['x'", 6), ("$thing", 1), ("a is 5", 6)]
)
def test_a_mistake_is_told_with_its_column(text, column) -> None:
    with pytest.raises(FhirPathError, match=f"column {column}"):
        compile_expression(text)


def test_what_is_evaluated_is_left_as_it_was() -> None:
    before = repr(PATIENT)
    evaluate("Patient.name.given.first().substring(0, 1)", PATIENT)
    evaluate("name.where(use = 'old')", PATIENT)
    assert repr(PATIENT) == before


BUNDLE = {
    "resourceType": "Bundle",
    "entry": [
        {"resource": {"resourceType": "Patient", "id": "a"}},
        {"resource": {"resourceType": "Device", "id": "b"}},
        {"resource": {"resourceType": "Bundle", "id": "c"}},
    ],
}


@pytest.mark.parametrize(
    "text",
    [
        "entry.resource.ofType(Patient).id",
        "entry.resource.ofType(FHIR.Device).id",
        "entry.resource.where($this is Patient).id",
        "entry.where(resource is Device).count()",
        "entry[0].resource is Patient",
        "entry[0].resource is DomainResource",
        "entry[2].resource is DomainResource",
        "entry[0].resource.is(Device)",
        "(entry[0].resource as Patient).id",
        "entry[0].resource.as(Device)",
        "entry[9].resource is Patient",
        "id.ofType(Patient)",
    ],
)
def test_the_type_of_a_resource_is_asked_as_in_fhirpathpy(text: str) -> None:
    build(parse_fhirpath(text), {})
    assert evaluate(text, BUNDLE) == fhirpathpy.evaluate(BUNDLE, text, model=models["r4"])


def test_of_type_finds_the_types_derived_from_one() -> None:
    assert evaluate("entry.resource.ofType(DomainResource).id", BUNDLE) == ["a", "b"]
    assert evaluate("entry.resource.ofType(Resource).id", BUNDLE) == ["a", "b", "c"]


@pytest.mark.parametrize("text", ["entry.resource is Patient", "entry.resource.as(Patient)"])
def test_is_and_as_want_one_item(text: str) -> None:
    with pytest.raises(FhirPathError, match="one item"):
        evaluate(text, BUNDLE)


@pytest.mark.parametrize("text", ["extension('u')", "extension('u').where(value.substring(0, 1) != '9')"])
def test_all_extensions_of_a_url_are_found_also_by_fhirpathpy(text: str) -> None:
    two = [{"url": "u", "valueString": "1"}, {"url": "v"}, {"url": "u", "valueString": "2"}]
    patient = {"resourceType": "Patient", "extension": two, "birthDate": "1950", "_birthDate": {"extension": two}}
    assert evaluate(f"{text}.value", patient) == ["1", "2"]
    assert evaluate("birthDate.extension('u').value", patient) == ["1", "2"]
    assert evaluate("extension('w')", patient) == []
    assert evaluate("extension(nothing)", patient) == []


@pytest.mark.parametrize("many", [3, 300])
def test_one_of_many_in_a_variable_is_found_whatever_their_number_and_kind(many: int) -> None:
    names = {"ids": 0}
    holds = compile_node("id in %ids", parse_fhirpath("id in %ids"), names)
    texts = tuple(f"a{number}" for number in range(many))
    for ids in (texts, (*texts, 7), (7, True, *texts)):
        assert holds({"id": f"a{many - 1}"}, [ids]) == [True]
        assert holds({"id": "b"}, [ids]) == [False]
        assert holds({"id": 7}, [ids]) == [7 in ids]
        assert holds({"id": True}, [ids]) == [any(one is True for one in ids)]
        assert holds({}, [ids]) == []
