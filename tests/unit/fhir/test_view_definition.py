"""ViewDefinitions are run as SQL on FHIR v2 has them, or refused when they are read."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from golden_cases import CASES

from fhir_service.definitions.catalogue import DEFAULT_BASE, catalogue
from fhir_service.definitions.elements import properties
from fhir_service.fhir.fhirpath import FhirPathError, evaluate
from fhir_service.fhir.nodes import plain
from fhir_service.fhir.view_definition import BrokenView, View, text_of

OBSERVATION = {
    "resourceType": "Observation",
    "id": "o1",
    "subject": {"reference": "Patient/p1"},
    "partOf": [{"reference": "Procedure/a"}, {"reference": "ImagingStudy/b"}, {"reference": "Procedure/c"}],
    "extension": [{"url": "u", "valueInteger": 3}, {"url": "v", "valueString": "x"}, {"url": "u", "valueInteger": 5}],
    "valueQuantity": {"value": Decimal("1.50")},
    "_effectiveDateTime": {"extension": [{"url": "u", "extension": [{"url": "w", "valueCode": "after"}]}]},
}


def view(*columns: dict[str, Any], **more: Any) -> View:
    return View({"name": "v", "resource": "Observation", "select": [{"column": list(columns)}], **more})


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("getResourceKey()", ["o1"]),
        ("subject.getReferenceKey(Patient)", ["p1"]),
        ("subject.getReferenceKey(Group)", []),
        ("partOf.getReferenceKey(Procedure)", ["a", "c"]),
        ("extension('u').value.ofType(integer)", [3, 5]),
        ("extension('u').value.ofType(string)", []),
        ("value.ofType(Quantity).value", [Decimal("1.50")]),
        ("effective.ofType(dateTime).extension('u').extension('w').value.ofType(code)", ["after"]),
        ("partOf.where(reference.startsWith('Imaging')).exists()", [True]),
    ],
)
def test_a_path_gives_its_values(path: str, found: list[Any]) -> None:
    assert view({"name": "x", "path": path, "collection": True}).row(OBSERVATION) == {"x": found}


def test_a_column_that_is_no_collection_has_one_value_or_none() -> None:
    one = view({"name": "x", "path": "status"}, {"name": "y", "path": "id"})
    assert one.row(OBSERVATION) == {"x": None, "y": "o1"}
    with pytest.raises(FhirPathError, match=r"column x .* 2 values"):
        view({"name": "x", "path": "extension('u').value.ofType(integer)"}).row(OBSERVATION)
    with pytest.raises(FhirPathError, match="object"):
        view({"name": "x", "path": "subject"}).row(OBSERVATION)


def test_where_and_the_type_say_what_a_view_is_about() -> None:
    about = view({"name": "x", "path": "id"}, where=[{"path": "value.ofType(Quantity).exists()"}, {"path": "true"}])
    assert about.row(OBSERVATION) == {"x": "o1"}
    assert about.row({"resourceType": "Observation", "id": "o2", "valueBoolean": True}) is None
    assert about.row(OBSERVATION | {"resourceType": "Condition"}) is None


@pytest.mark.parametrize(
    "definition",
    [
        {"select": [{"forEach": "name", "column": []}]},
        {"select": [{"column": [{"name": "x", "path": "id", "tag": []}]}]},
        {"select": [{"column": []}], "constant": []},
        {"select": [{"column": [{"name": "x", "path": "id ("}]}]},
        {"select": [{"column": [{"name": "x", "path": "id"}, {"name": "x", "path": "id"}]}]},
        {"select": [{"column": [{"name": "x", "path": "a.b().ofType(Quantity)"}]}]},
        {"select": [{"column": [{"name": "x", "path": "subject.getResourceKey()"}]}]},
    ],
)
def test_what_cannot_be_run_is_refused_when_it_is_read(definition: dict[str, Any]) -> None:
    with pytest.raises(BrokenView, match="the view odd"):
        View({"name": "odd", "resource": "Patient", **definition})


@pytest.mark.parametrize(
    ("value", "text"), [(Decimal("8.0"), "8.0"), (Decimal("1E+2"), "100"), (True, "true"), (6, "6")]
)
def test_a_number_keeps_its_digits(value: Any, text: str) -> None:
    assert text_of(value) == text


def test_fhirpathpy_finds_the_same_behind_every_path_of_ours() -> None:
    """Keys aside, which are of SQL on FHIR; its own extension() finds the first of several only."""
    resources = [entry["resource"] for case in CASES.values() for entry in case.mapped()["entry"]]
    compared = 0
    for definition in catalogue().views.values():
        rows = [(resource, row) for resource in resources if (row := View(definition).row(resource)) is not None]
        for column in definition["select"][0]["column"]:
            for resource, row in rows[:4] if "Key(" not in column["path"] else ():
                cell = row[column["name"]]
                ours = cell if isinstance(cell, list) else [] if cell is None else [cell]
                path = re.sub(r"extension\((.*?)\)", r"extension.where(url = \1)", column["path"])
                theirs = [value for item in evaluate(path, resource) if (value := plain(item)) is not None]
                assert list(map(text_of, ours)) == list(map(text_of, theirs)), column["path"]
                compared += 1
    assert compared > 100


def test_our_views_can_be_shared_with_other_runners() -> None:
    """The invariants of ShareableViewDefinition: URL, name, FHIR version, and a type for each column."""
    for url, definition in catalogue().views.items():
        assert url == f"{DEFAULT_BASE}/ViewDefinition/{definition['id']}"
        assert definition["resourceType"] == "ViewDefinition"
        assert definition["fhirVersion"] == ["4.0.1"]
        assert definition["status"] == "active"
        assert properties(definition["resource"])
        columns = [column for select in definition["select"] for column in select["column"]]
        for name in (definition["name"], *(column["name"] for column in columns)):
            assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name), name
        assert {column["type"] for column in columns} <= {
            "id",
            "code",
            "string",
            "dateTime",
            "decimal",
            "integer",
            "boolean",
        }
        assert all(column["description"] for column in columns)
