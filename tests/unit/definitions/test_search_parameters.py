"""Search parameters come by resource type, each with its own part of the expression."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from fhir_service.definitions import search_parameters
from fhir_service.definitions.catalogue import Catalogue
from fhir_service.definitions.search_parameters import SearchParameter, alternatives, expression_for, parameters_of

OWN = {
    "resourceType": "SearchParameter",
    "url": "https://vertebral-augmentation.example.org/fhir/SearchParameter/adverse-event-body-site",
    "name": "AdverseEventBodySite",
    "status": "active",
    "description": "The levels of an adverse event",
    "code": "body-site",
    "base": ["AdverseEvent"],
    "type": "token",
    "expression": "AdverseEvent.extension('https://example.org/level').value",
}


@pytest.fixture
def own_parameters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A mappings folder that only the test writes into."""
    folder = tmp_path / "search-parameters"
    folder.mkdir()
    search_parameters.all_parameters.cache_clear()
    parameters_of.cache_clear()
    monkeypatch.setattr(search_parameters, "catalogue", lambda base: Catalogue(tmp_path, base))
    yield folder
    search_parameters.all_parameters.cache_clear()
    parameters_of.cache_clear()


def test_a_parameter_of_many_types_is_cut_to_the_type_asked_for(own_parameters: Path) -> None:
    code = parameters_of("Condition")["code"]
    assert (code.type, code.expression) == ("token", "Condition.code")
    date = parameters_of("AllergyIntolerance")["date"]
    assert date.expression == "AllergyIntolerance.recordedDate"


def test_filters_inside_an_expression_stay(own_parameters: Path) -> None:
    patient = parameters_of("Procedure")["patient"]
    assert patient.expression == "Procedure.subject.where(resolve() is Patient)"


def test_every_type_has_the_parameters_of_all_resources(own_parameters: Path) -> None:
    found = parameters_of("Bundle")
    assert found["_id"].expression == "Resource.id"
    assert found["_lastUpdated"].type == "date"
    assert "_text" not in found
    assert "_text" in parameters_of("Patient")


def test_composites_name_their_components(own_parameters: Path) -> None:
    pair = parameters_of("Observation")["code-value-quantity"]
    assert [part.expression for part in pair.component] == ["code", "value.as(Quantity)"]
    assert all(part.definition in search_parameters.all_parameters() for part in pair.component)


def test_hl7s_examples_of_search_parameters_are_left_out(own_parameters: Path) -> None:
    assert not any("/example" in url for url in search_parameters.all_parameters())


def test_our_own_parameters_join_hl7s(own_parameters: Path) -> None:
    (own_parameters / "body-site.json").write_text(json.dumps(OWN))
    found = parameters_of("AdverseEvent")
    assert found["body-site"].url == OWN["url"]
    assert found["severity"].url == "http://hl7.org/fhir/SearchParameter/AdverseEvent-severity"


def test_our_own_parameter_wins_over_hl7s_of_the_same_code(own_parameters: Path) -> None:
    (own_parameters / "severity.json").write_text(json.dumps({**OWN, "code": "severity"}))
    assert parameters_of("AdverseEvent")["severity"].url == OWN["url"]


def test_every_expression_belongs_to_each_of_its_types(own_parameters: Path) -> None:
    def lost(parameter: SearchParameter) -> bool:
        return bool(parameter.expression) and not all(
            expression_for(base, parameter.expression) for base in parameter.base
        )

    assert [entry.url for entry in search_parameters.all_parameters().values() if lost(entry)] == []


@pytest.mark.parametrize(
    ("expression", "parts"),
    [
        ("", []),
        ("Patient.name", ["Patient.name"]),
        ("A.b | C.d", ["A.b", "C.d"]),
        ("(A.b | A.c).where(x = 'y | z') | D", ["(A.b | A.c).where(x = 'y | z')", "D"]),
    ],
)
def test_only_the_outermost_union_is_split(expression: str, parts: list[str]) -> None:
    assert list(alternatives(expression)) == parts
