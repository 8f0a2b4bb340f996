"""What a StructureMap resource says of a map."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from fhir_service.fhir.json_text import encode, exact_value
from fhir_service.mapping.errors import MappingError
from fhir_service.mapping.parser import parse_map
from fhir_service.mapping.structure_map_writer import to_resource
from fhir_service.validation.invariants import invariant_findings
from fhir_service.validation.structure import findings

HEAD = 'map "http://example.org/StructureMap/m" = "M"\n'
EXPRESSION = "http://hl7.org/fhir/StructureDefinition/cqf-expression"


def written(rules: str, release: Any = "R4", head: str = HEAD) -> dict[str, Any]:
    return to_resource(parse_map(f"{head}group g(source s, target t) {{{rules}}}", "m"), release=release)


def rule(text: str, release: Any = "R4") -> dict[str, Any]:
    first: dict[str, Any] = written(text, release)["group"][0]["rule"][0]
    return first


def test_metadata_lines_are_elements_and_a_map_without_status_is_a_draft() -> None:
    lines = "/// version = '2'\n/// experimental = true\n"
    lines += "/// contact =\n/// contact.name = 'A'\n/// contact =\n/// contact.name = 'B'\n"
    found = written("s;", head=lines + HEAD)
    assert (found["id"], found["url"], found["name"], found["status"]) == (
        "m",
        "http://example.org/StructureMap/m",
        "M",
        "draft",
    )
    assert (found["version"], found["experimental"], found["contact"]) == ("2", True, [{"name": "A"}, {"name": "B"}])


def test_every_clause_of_a_rule_has_its_element() -> None:
    source = "s.a : Quantity 1..* default ('x') only_one as v where b = 1 check c log d"
    assert rule(source + " -> t.e = cc('u', v, 8.0) as w first \"n\";") == {
        "name": "n",
        "source": [
            {
                "context": "s",
                "min": 1,
                "max": "*",
                "type": "Quantity",
                "defaultValueString": "x",
                "element": "a",
                "listMode": "only_one",
                "variable": "v",
                "condition": "b = 1",
                "check": "c",
                "logMessage": "d",
            }
        ],
        "target": [
            {
                "context": "t",
                "contextType": "variable",
                "element": "e",
                "variable": "w",
                "listMode": ["first"],
                "transform": "cc",
                "parameter": [{"valueString": "u"}, {"valueId": "v"}, {"valueDecimal": Decimal("8.0")}],
            }
        ],
    }


def test_the_shorthand_is_written_as_the_reference_engine_does() -> None:
    found = rule("s.a -> t.b;")
    assert (found["name"], found["source"][0]["variable"]) == ("a-1", "vvv")
    assert found["target"][0] == {
        "context": "t",
        "contextType": "variable",
        "element": "b",
        "variable": "vvv",
        "transform": "create",
    }


def test_an_argument_that_r4_has_no_place_for_is_a_variable_set_before() -> None:
    found = rule("s then g((s.x), 'y', t);")
    assert found["target"] == [
        {"variable": "parameter-1", "transform": "evaluate", "parameter": [{"valueString": "s.x"}]},
        {"variable": "parameter-2", "transform": "copy", "parameter": [{"valueString": "y"}]},
    ]
    call = found["dependent"][0]
    assert call["variable"] == ["parameter-1", "parameter-2", "t"]
    carried = [beside and beside["extension"][0]["valueExpression"]["expression"] for beside in call["_variable"]]
    assert carried == ["s.x", "'y'", None]


def test_a_variable_that_is_made_up_is_none_of_the_map() -> None:
    found = rule("s as `parameter-1` -> t.b = `parameter-1` then g((s.x), `parameter-1`);")
    assert found["dependent"][0]["variable"] == ["parameter-2", "parameter-1"]


def test_r5_has_constants_as_arguments_and_says_what_r4_says_by_extensions() -> None:
    text = "s.a default ('x') as a -> t.b = @2020-01-02, t.c = '' single then g(s, 'y', 5);"
    found = rule(text, "R5")
    assert "name" not in found
    assert found["source"][0]["defaultValue"] == "'x'"
    assert found["dependent"][0]["parameter"] == [{"valueId": "s"}, {"valueString": "y"}, {"valueInteger": 5}]
    assert (found["target"][0]["parameter"], found["target"][1]["listMode"]) == (
        [{"valueDate": "2020-01-02"}],
        ["single"],
    )
    assert rule(text)["target"][1]["_listMode"][0]["extension"][0]["valueCode"] == "single"
    assert written("s;", "R5", HEAD + "let x = 5;")["const"] == [{"name": "x", "value": "5"}]
    assert "const" not in written("s;", "R4", HEAD + "let x = 5;")


def test_a_name_that_is_no_id_stands_beside_one() -> None:
    found = rule('s as my_s -> t.b = my_s "Simple Assignment";')
    assert (found["name"], found["source"][0]["variable"]) == ("Simple-Assignment", "my-s")
    assert found["_name"]["extension"][0]["valueString"] == "Simple Assignment"


def test_the_narrative_is_the_map_as_it_was_written() -> None:
    text = HEAD + "// <why> & how\ngroup g(source s) { s where a < 1; }"
    resource = to_resource(parse_map(text, "m"), source=text)
    assert "<pre>map" in resource["text"]["div"]
    assert "// &lt;why&gt; &amp; how\ngroup g(source s) { s where a &lt; 1; }</pre>" in resource["text"]["div"]


def test_a_concept_map_that_has_no_text_is_contained_and_left_out_of_the_narrative() -> None:
    tree = parse_map(HEAD + "group g(source s) { s; }", "m")
    group = {"source": "urn:s", "element": [{"code": "a"}], "unmapped": {"mode": "fixed", "code": "x"}}
    concept_map = {"resourceType": "ConceptMap", "id": "c", "status": "active", "group": [group]}
    found = to_resource(replace(tree, contained={"c": concept_map}))
    assert found["contained"] == [concept_map]
    assert "conceptmap" not in found["text"]["div"]
    assert "group g(source s)" in found["text"]["div"]


def test_a_map_with_everything_is_a_valid_r4_resource() -> None:
    head = (
        HEAD
        + """conceptmap "#c" { prefix a = "urn:a" prefix b = "urn:b" unmapped for a = provided a:x == b:y a:z -- }
        uses "urn:l" alias L as queried  imports "urn:*"  let x = 'y';"""
    )
    text = """s.a -> t.b; s.c as my_c -> t.d = translate(my_c, '#c', 'code') share `the name`, append((a.b), '') as e
        then g((s.f), 'x') { s -> t.g = @T10; } "long name"; } group h(source s, target t) extends g <<type+>> {"""
    resource = exact_value(encode(written(text, head=head)))
    assert findings(resource) == []
    assert [issue for issue in invariant_findings(resource) if issue.severity == "error"] == []


def test_what_no_resource_can_say_is_refused_with_its_place() -> None:
    with pytest.raises(MappingError) as caught:
        written("s -> t.b = shout(s);")
    assert (caught.value.problem, caught.value.line) == ("there is no transform shout", 2)
    with pytest.raises(MappingError, match="the concept map a_b cannot stand in a resource"):
        written("s;", head=HEAD + 'conceptmap "#a_b" { }')
