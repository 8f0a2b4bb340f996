"""A map as text, as a tree and as a StructureMap resource is the same map."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from generated_maps import maps, without_places
from hypothesis import HealthCheck, given, settings

from fhir_service.fhir.json_text import encode, exact_value
from fhir_service.mapping.library import MapLibrary
from fhir_service.mapping.map_text import to_text
from fhir_service.mapping.parser import parse_map
from fhir_service.mapping.shapes import Shapes
from fhir_service.mapping.structure_map_reader import read_structure_map
from fhir_service.mapping.structure_map_writer import to_resource
from fhir_service.mapping.syntax import StructureMap
from fhir_service.terminology.concept_maps import ConceptMaps
from fhir_service.validation.structure import findings

ROOT = Path(__file__).parents[3]
CASES = ROOT.parent / "shared" / "conformance" / "hl7-mapping"
FILES = [*sorted((ROOT / "mappings" / "structure-maps").glob("*.fml")), *sorted(CASES.glob("*.map"))]
here = settings(deadline=None, max_examples=10, suppress_health_check=list(HealthCheck))


def again(resource: dict[str, Any]) -> StructureMap:
    """What is read of a resource that went over the wire."""
    return read_structure_map(exact_value(encode(resource)))


@given(tree=maps())
@here
def test_any_map_is_the_same_after_a_way_as_text(tree: StructureMap) -> None:
    text = to_text(tree)
    read = parse_map(text, "m")
    assert without_places(read) == without_places(tree)
    assert to_text(read) == text


@given(tree=maps())
@here
def test_any_map_is_the_same_after_a_way_as_an_r4_resource_that_is_valid(tree: StructureMap) -> None:
    resource = to_resource(tree)
    assert findings(exact_value(encode(resource))) == []
    assert without_places(again(resource)) == without_places(tree)
    assert to_resource(again(resource)) == resource


@given(tree=maps())
@here
def test_any_map_is_the_same_after_a_way_as_an_r5_resource(tree: StructureMap) -> None:
    resource = to_resource(tree, release="R5")
    assert without_places(again(resource)) == without_places(tree)
    assert to_resource(again(resource), release="R5") == resource


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_our_maps_and_those_of_hl7_are_the_same_after_every_way(file: Path) -> None:
    tree = parse_map(file.read_text(), file.stem)
    text, r4, r5 = to_text(tree), to_resource(tree), to_resource(tree, release="R5")
    assert findings(exact_value(encode(r4))) == []
    for read in (parse_map(text, file.stem), again(r4), again(r5)):
        assert without_places(read) == without_places(tree)
        assert to_text(read) == text


@pytest.mark.skipif(not CASES.is_dir(), reason=f"{CASES} is not here")
@pytest.mark.parametrize("name", ["qr2pat-assignment", "qr2pat-gender", "qr2pat-humannametwice"])
@pytest.mark.parametrize("release", ["R4", "R5"])
def test_a_map_makes_the_same_of_a_source_after_a_way_as_a_resource(name: str, release: Any) -> None:
    tree = again(to_resource(parse_map((CASES / f"{name}.map").read_text(), name), release=release))
    library = MapLibrary({name: to_text(tree)}, ConceptMaps({}), Shapes())
    made = library.transform(tree.url, json.loads((CASES / "qr.json").read_text()))
    assert json.dumps(made) == json.dumps(json.loads((CASES / f"{name}-res.json").read_text()))
