"""What a run may use, and that whatever goes beyond it is cut with the rule named."""

from __future__ import annotations

import pytest

from fhir_service.mapping.errors import MappingLimit
from fhir_service.mapping.library import MapLibrary
from fhir_service.mapping.parser import parse_map
from fhir_service.mapping.run import Limits
from fhir_service.mapping.shapes import Shapes
from fhir_service.terminology.concept_maps import ConceptMaps

from .conftest import URL, library, map_text


def cut(rules: str, source: dict, more: str = "", **limits: float) -> MappingLimit:
    with pytest.raises(MappingLimit) as caught:
        library(map_text(rules, more=more)).transform(URL, source, limits=Limits(**limits))
    assert (caught.value.map_name, caught.value.line >= 4, caught.value.rule != "") == ("test", True, True)
    return caught.value


def test_a_run_that_writes_too_many_values_is_cut() -> None:
    rules = 'src.w as a -> tgt.name as n, n.text = a "many";'
    assert library(map_text(rules)).transform(URL, {"w": ["x"] * 10}, limits=Limits(values=20))["name"]
    error = cut(rules, {"w": ["x"] * 11}, values=20)
    assert (error.problem, error.rule, error.line) == ("the run was cut after 20 values", "many", 4)


def test_long_texts_count_by_their_length() -> None:
    rules = "src.w as a -> tgt.name as n, n.text = a;"
    assert library(map_text(rules)).transform(URL, {"w": "x" * 600}, limits=Limits(values=12))
    assert "12 values" in cut(rules, {"w": "x" * 800}, values=12).problem


def test_what_is_copied_counts_with_all_that_is_in_it() -> None:
    rules = "src.n as n -> tgt.name = n;"
    assert "20 values" in cut(rules, {"n": {"given": ["x"] * 30}}, values=20).problem


def test_a_value_put_at_two_places_is_two_values(mapped) -> None:
    rules = """src -> create('HumanName') as n, n.text = 'a' then {
      src -> tgt.name = n, n.family = 'later'; src -> tgt.name = n, n.use = 'usual'; };"""
    assert mapped(rules, {})["name"] == [
        {"use": "usual", "text": "a", "family": "later"},
        {"text": "a", "family": "later"},
    ]


def test_a_value_that_is_put_into_itself_again_and_again_is_cut() -> None:
    rules = "src -> tgt.extension as e, e.url = 'u' then double(e, e);"
    more = "group double(source s, target t : Extension) { s -> t.extension = t, t.extension = t then double(s, t); }"
    cut(rules, {}, more, values=20_000)


def test_writing_below_an_extension_that_was_copied_leaves_the_source_as_it_is(mapped) -> None:
    source = {"resourceType": "Patient", "birthDate": "2020", "_birthDate": {"extension": [{"url": "a"}]}}
    rules = "src.birthDate as b -> tgt.birthDate = b as d then { src -> d.extension as e, e.url = 'b'; };"
    assert mapped(rules, source, reads="Patient")["_birthDate"] == {"extension": [{"url": "a"}, {"url": "b"}]}
    assert source["_birthDate"] == {"extension": [{"url": "a"}]}


def test_groups_that_are_called_with_ever_more_combinations_of_types_are_cut_while_they_are_loaded() -> None:
    kinds = ("Patient", "Person", "Group", "Device", "Basic", "Bundle", "Encounter", "Condition", "Procedure", "Media")
    calls = " ".join(f"s -> create('{kind}') as n then many(s, n, a, b, c, d);" for kind in kinds)
    groups = f"group many(source s, target a, target b, target c, target d, target e) {{ {calls} }}"
    tree = parse_map(map_text("src -> tgt as p then many(src, p, p, p, p, p);", more=groups), "test")
    own = MapLibrary({}, ConceptMaps({}), Shapes(), Limits(seconds=0.1))
    with pytest.raises(MappingLimit) as caught:
        own.with_maps([tree])
    assert (caught.value.group, caught.value.problem[:36]) == ("many", "making the map ready took too long (")
