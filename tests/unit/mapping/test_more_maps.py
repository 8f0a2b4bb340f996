"""A library that is given more maps, as trees, while it stays as it is."""

from __future__ import annotations

import pytest

from fhir_service.mapping.errors import MappingError
from fhir_service.mapping.library import MapLibrary
from fhir_service.mapping.parser import parse_map
from fhir_service.mapping.shapes import Shapes
from fhir_service.terminology.concept_maps import ConceptMaps

from .conftest import FHIR, URL, library, map_text

SHARED = "https://example.org/shared/{0}"
IMPORTING = map_text("src -> tgt.name as n then {0}(src, n);").replace("group", 'imports "{url}"\ngroup', 1)


def importing(group: str, url: str) -> str:
    return IMPORTING.replace("{0}", group).replace("{url}", url)


def shared(name: str, word: str) -> str:
    url = SHARED.format(name)
    return f'map "{url}" = "{name}" group {name}(source s, target t : HumanName) {{ s -> t.given = \'{word}\'; }}'


def test_a_library_is_built_of_trees_as_of_texts() -> None:
    text = map_text("src -> tgt.gender = 'male';")
    built = MapLibrary({"test": parse_map(text, "test")}, ConceptMaps({}), Shapes())
    assert built.transform(URL, {}) == library(text).transform(URL, {}) == {"resourceType": "Patient", "gender": "male"}


def test_a_map_that_is_added_uses_those_there_are() -> None:
    known = library(shared("one", "x"))
    more = known.with_maps([parse_map(importing("one", SHARED.format("*")), "test")])
    assert more.transform(URL, {})["name"] == [{"given": ["x"]}]
    assert (list(known.maps), set(more.maps)) == ([SHARED.format("one")], {SHARED.format("one"), URL})


def test_a_map_that_is_replaced_is_replaced_for_those_that_import_it_and_not_in_the_first_library() -> None:
    known = library(importing("one", SHARED.format("one")), one=shared("one", "old"))
    more = known.with_maps([parse_map(shared("one", "new"), "one")])
    assert known.transform(URL, {})["name"] == [{"given": ["old"]}]
    assert more.transform(URL, {})["name"] == [{"given": ["new"]}]


def test_a_map_that_is_added_can_break_the_ones_that_import_it() -> None:
    known = library(importing("one", SHARED.format("*")), one=shared("one", "x"))
    with pytest.raises(MappingError, match="several imported maps have a group one"):
        known.with_maps([parse_map(shared("two", "x").replace("group two", "group one"), "two")])
    assert known.transform(URL, {})["name"] == [{"given": ["x"]}]


def test_concept_maps_that_are_added_come_first() -> None:
    row = {"code": "a", "target": [{"code": "new", "equivalence": "equal"}]}
    more = ConceptMaps({"urn:m": {"url": "urn:m", "group": [{"element": [row]}]}})
    text = map_text("src.x as x -> tgt.gender = translate(x, 'urn:m', 'code');")
    assert library("map 'urn:none' = 'none' group g(source s, target t) {}").with_maps(
        [parse_map(text, "test")], more
    ).transform(URL, {"x": "a"}) == {"resourceType": "Patient", "gender": "new"}
    with pytest.raises(MappingError, match="there is no ConceptMap urn:m"):
        library(text)


def test_a_group_of_an_added_map_is_checked_at_once() -> None:
    wrong = f'map "{URL}" = "t" uses "{FHIR}Patient" alias Patient as target group g(source s, target t : Patient) {{ '
    with pytest.raises(MappingError, match="Patient has no element txt"):
        library(shared("one", "x")).with_maps([parse_map(wrong + "s -> t.txt = 'x'; }", "test")])
