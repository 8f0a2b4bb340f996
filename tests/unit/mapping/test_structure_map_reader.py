"""A StructureMap as clients send it: read, or refused with the place of the mistake."""

from __future__ import annotations

import copy
import random
from pathlib import Path
from typing import Any

import pytest

from fhir_service.fhir.json_text import encode, exact_value
from fhir_service.fhir.outcomes import outcome_bytes
from fhir_service.mapping.errors import MappingError
from fhir_service.mapping.map_text import to_text
from fhir_service.mapping.parser import parse_map
from fhir_service.mapping.structure_map_reader import read_structure_map
from fhir_service.mapping.structure_map_writer import to_resource

MAPS = sorted((Path(__file__).parents[3] / "mappings" / "structure-maps").glob("*.fml"))
TEXT = """\
conceptmap "#c" { prefix s = "urn:s" prefix t = "urn:t" s:a - t:b }
uses "urn:a" alias A as source
imports "urn:b"
let x = 5;
group g(source s : A, target t) {
  s.a : Quantity 0..1 default ('x') first as a where (b) check (c) log (d) -> t.b = cc('u', a) as c share n, t.e = (a.b)
    then g((s.x), t) { s.y as y -> t.z = y; } "named";
}
"""


def resource(release: Any = "R4") -> dict[str, Any]:
    given: dict[str, Any] = to_resource(parse_map('map "urn:m" = "m"\n' + TEXT, "m"), release=release)
    return exact_value(encode(given))  # type: ignore[no-any-return]  # as a client would send it


def at(path: str, value: Any) -> dict[str, Any]:
    """The resource with another value at a path; `...` takes it away."""
    found = resource()
    node: Any = found
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    for step in steps:
        node = node[step]
    if value is ...:
        del node[last]
    elif isinstance(node, list) and last == len(node):
        node.append(value)
    else:
        node[last] = value
    return found


def refused(given: Any) -> MappingError:
    with pytest.raises(MappingError) as caught:
        read_structure_map(given)
    return caught.value


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        ("resourceType", "Patient", "StructureMap"),
        ("url", ..., "StructureMap.url"),
        ("url", "a b", "StructureMap.url"),
        ("name", ["m"], "StructureMap.name"),
        ("name", "a\nb", "StructureMap.name"),
        ("status", "done", "StructureMap.status"),
        ("version", 5.5, None),
        ("version", True, "StructureMap.version"),
        ("contact", {"name": "x"}, "StructureMap.contact"),
        ("contact", [{"nam": "x"}], "StructureMap.contact"),
        ("contact", [[]], "StructureMap.contact"),
        ("modifierExtension", [{"url": "urn:x", "valueBoolean": True}], "StructureMap"),
        ("implicitRules", "urn:x", "StructureMap"),
        ("group", [], "StructureMap.group"),
        ("group", {}, "StructureMap.group"),
        ("group.0", None, "StructureMap.group[0]"),
        ("group.0.name", ..., "StructureMap.group[0].name"),
        ("group.0.input", [], "StructureMap.group[0].input"),
        ("group.0.input.1.mode", "both", "StructureMap.group[0].input[1].mode"),
        ("group.0.typeMode", "all", "StructureMap.group[0].typeMode"),
        ("group.0.rule", "x", "StructureMap.group[0].rule"),
        ("group.0.rule.0.source", ..., "StructureMap.group[0].rule[0].source"),
        ("group.0.rule.0.sorce", [], "StructureMap.group[0].rule[0]"),
        ("group.0.rule.0.source.0.context", 1, "StructureMap.group[0].rule[0].source[0].context"),
        ("group.0.rule.0.source.0.element", "\ud800", "StructureMap.group[0].rule[0].source[0].element"),
        ("group.0.rule.0.source.0.min", -1, "StructureMap.group[0].rule[0].source[0].min"),
        ("group.0.rule.0.source.0.max", "many", "StructureMap.group[0].rule[0].source[0].max"),
        ("group.0.rule.0.source.0.max", "9" * 5000, "StructureMap.group[0].rule[0].source[0].max"),
        ("group.0.rule.0.source.0.condition", "a =", "StructureMap.group[0].rule[0].source[0].condition"),
        ("group.0.rule.0.source.0.condition", "(" * 9999, "StructureMap.group[0].rule[0].source[0].condition"),
        ("group.0.rule.0.source.0.condition", "a." * 9999 + "a", "StructureMap.group[0].rule[0].source[0].condition"),
        ("group.0.rule.0.source.0.defaultValueCoding", {}, "StructureMap.group[0].rule[0].source[0]"),
        (
            "group.0.rule.0.source.0.defaultValueInteger",
            1,
            "StructureMap.group[0].rule[0].source[0].defaultValueInteger",
        ),
        ("group.0.rule.0.target.0.contextType", "type", "StructureMap.group[0].rule[0].target[0].contextType"),
        ("group.0.rule.0.target.0.context", ..., "StructureMap.group[0].rule[0].target[0]"),
        ("group.0.rule.0.target.0.transform", "shout", "StructureMap.group[0].rule[0].target[0].transform"),
        ("group.0.rule.0.target.0.listRuleId", ..., "StructureMap.group[0].rule[0].target[0].listRuleId"),
        ("group.0.rule.0.target.0.listMode.0", None, "StructureMap.group[0].rule[0].target[0].listMode[0]"),
        ("group.0.rule.0.target.0.parameter.0", {}, "StructureMap.group[0].rule[0].target[0].parameter[0]"),
        (
            "group.0.rule.0.target.0.parameter.0",
            {"valueDecimal": exact_value(b"1E+999999")},
            "StructureMap.group[0].rule[0].target[0].parameter[0].valueDecimal",
        ),
        ("group.0.rule.0.target.1.parameter", [], "StructureMap.group[0].rule[0].target[1].parameter"),
        ("group.0.rule.0.dependent.0.variable", [], "StructureMap.group[0].rule[0].dependent[0]._variable"),
        ("group.0.rule.0.dependent.0.variable.1", "'a", "StructureMap.group[0].rule[0].dependent[0].variable[1]"),
        (
            "group.0.rule.0.dependent.0.parameter",
            [{"valueId": "s"}],
            "StructureMap.group[0].rule[0].dependent[0].parameter",
        ),
        ("structure.0.mode", ..., "StructureMap.structure[0].mode"),
        ("structure.0.url", 5, "StructureMap.structure[0].url"),
        ("import.0", {}, "StructureMap.import[0]"),
        ("const", [{"name": "y"}], "StructureMap.const[0].value"),
        ("contained.0.group", 5, "StructureMap.contained[0].group"),
        ("contained.0.group.0.element.0.code", ..., "StructureMap.contained[0].group[0].element[0].code"),
        ("contained.0.group.0.unmapped", [], "StructureMap.contained[0].group[0].unmapped"),
        ("contained.1", {"resourceType": "ConceptMap", "id": "c"}, "StructureMap.contained[1].id"),
    ],
)
def test_a_mistake_is_told_with_its_place(path: str, value: Any, place: str | None) -> None:
    if place is None:
        read_structure_map(at(path, "5.5"))
        return
    error = refused(at(path, value))
    assert error.path == place
    assert error.issues[0].expression == (place,)
    assert place.encode() in outcome_bytes(error.issues)
    assert len(str(error)) < 500


@pytest.mark.parametrize("given", [None, [], "StructureMap", 5, {}, {"resourceType": "StructureMap", 5: 5}])
def test_what_is_no_structure_map_is_refused(given: Any) -> None:
    assert refused(given).path == "StructureMap"


def test_rules_nested_ten_thousand_deep_are_refused() -> None:
    given = resource()
    rule: dict[str, Any] = {"name": "r", "source": [{"context": "s"}]}
    for _ in range(10_000):
        rule = {"name": "r", "source": [{"context": "s"}], "rule": [rule]}
    given["group"][0]["rule"] = [rule]
    error = refused(given)
    assert error.problem == "rules are nested more than 40 deep"
    assert error.path.startswith("StructureMap.group[0].rule[0].rule[0].rule[0]")


def test_r4_and_r5_are_the_same_map() -> None:
    assert to_text(read_structure_map(resource())) == to_text(read_structure_map(resource("R5")))


def test_a_constant_in_quotes_may_stand_as_variable_as_early_r4_engines_write_it() -> None:
    given = at("group.0.rule.0.dependent.0.variable.1", "'x'")
    assert "then g((s.x), 'x')" in to_text(read_structure_map(given))


def test_whatever_is_broken_in_a_map_is_an_error_of_the_map() -> None:
    """Any value of a real map exchanged for another, or taken away: read, or refused; nothing else."""
    chance = random.Random(4)
    whole = exact_value(encode(to_resource(parse_map(MAPS[0].read_text(), "m"))))
    others = [
        None,
        True,
        5,
        1.5,
        "",
        "x y",
        [],
        [None],
        {},
        {"url": "x"},
        "'",
        -(10**400),
        "\ud800",
        [[[]]],
        {"_x": []},
    ]
    places = []
    for _ in range(400):
        given = copy.deepcopy({**whole, "group": whole["group"][:1]})
        node, key = chance.choice(list(_places(given)))
        node[key] = copy.deepcopy(chance.choice(others))
        try:
            to_text(read_structure_map(given))
        except MappingError as error:
            places.append(error.path)
    assert len(places) > 200
    assert all(place.startswith("StructureMap") for place in places)


def _places(node: Any) -> Any:
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        yield node, key
        if isinstance(value, dict | list):
            yield from _places(value)
