"""StructureMap resource, R4 or R5, as a client sends it -> tree.

Nothing is trusted: types, names, depth. What is unknown is refused, since a clause left out changes what a map does;
only narrative, identifiers and extensions of others are passed over. Undoes what structure_map_writer.py does for what
a resource has no place for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fhir_service.mapping.contained_maps import read_contained
from fhir_service.mapping.errors import Fault, MappingError
from fhir_service.mapping.map_metadata import OF_R5, Lines, elements, lines_of
from fhir_service.mapping.parameter_reader import expression, name
from fhir_service.mapping.resource_names import as_id, of_other_release
from fhir_service.mapping.resource_part import Part
from fhir_service.mapping.rule_reader import read_rules
from fhir_service.mapping.syntax import Expression, Group, Import, Input, Structure, StructureMap

_CONST = of_other_release("R4", "const")
_AROUND = ("resourceType", "meta", "language", "text", "contained")


def read_structure_map(resource: Mapping[str, Any]) -> StructureMap:
    """The tree. Raises MappingError whose `path` is the place, such as `StructureMap.group[0].rule[2].source[0]`."""
    if not isinstance(resource, Mapping) or resource.get("resourceType") != "StructureMap":
        raise MappingError("this is no StructureMap", path="StructureMap")
    part = Part(resource, "StructureMap")
    part.only(*_AROUND, *elements(), "structure", "import", "const", "group")
    groups = tuple(_group(entry) for entry in part.parts("group"))
    if not groups:
        part.refuse("a map has at least one group", "group")
    return StructureMap(
        url=part.url("url"),
        name=part.word("name") or part.refuse("this is missing", "name"),
        structure=tuple(_structure(entry) for entry in part.parts("structure")),
        imports=tuple(_imports(part)),
        group=groups,
        metadata=_metadata(part),
        contained=read_contained(part),
        constant=tuple(_constants(part)),
    )


def _metadata(part: Part) -> Lines:
    given = {key: value for key, value in part.value.items() if key in elements()}
    for key in OF_R5:
        value = part.extension(of_other_release("R4", key))
        if value is not None:
            given[key] = value
    own_id = str(given.get("url")).partition("|")[0].rpartition("/")[2]
    if given.get("id") == own_id and as_id(own_id) == own_id:
        del given["id"]
    for key, value in given.items():
        try:
            lines_of({key: value})
        except Fault as fault:
            part.refuse(str(fault), key)
    return lines_of(given)


def _structure(part: Part) -> Structure:
    part.only("url", "mode", "alias", "documentation")
    mode = part.code("mode", ("source", "queried", "target", "produced")) or part.refuse("this is missing", "mode")
    return Structure(part.url("url"), mode, part.word("alias"), part.position, part.text("documentation"))


def _imports(part: Part) -> list[Import]:
    found = []
    for index, url in enumerate(part.items("import")):
        key = f"import[{index}]"
        found.append(Import(Part({key: url}, part.path).url(key), part.at(key)))
    return found


def _constants(part: Part) -> list[tuple[str, Expression]]:
    found = []
    for entry in part.parts("const"):
        entry.only("name", "value")
        found.append((name(entry, "name"), expression(entry, "value") or entry.refuse("this is missing", "value")))
    for entry in part.parts("extension"):
        if entry.value.get("url") == _CONST:
            found.append(_constant_of_r4(entry))
    return found


def _constant_of_r4(entry: Part) -> tuple[str, Expression]:
    parts = {str(inner.value.get("url")): inner for inner in entry.parts("extension")}
    if parts.keys() != {"name", "value"}:
        entry.refuse("a constant has a name and a value")
    value = expression(parts["value"], "valueString") or parts["value"].refuse("this is missing", "valueString")
    return name(parts["name"], "valueId"), value


def _group(part: Part) -> Group:
    part.only("name", "extends", "typeMode", "documentation", "input", "rule")
    inputs = tuple(_input(entry) for entry in part.parts("input"))
    if not inputs:
        part.refuse("a group has at least one input", "input")
    return Group(
        name(part, "name"),
        inputs,
        name(part, "extends") if part.text("extends") is not None else None,
        part.code("typeMode", ("none", "types", "type-and-types")) or "none",
        read_rules(part),
        part.position,
        part.text("documentation"),
    )


def _input(part: Part) -> Input:
    part.only("name", "type", "mode", "documentation")
    mode = part.code("mode", ("source", "target")) or part.refuse("this is missing", "mode")
    return Input(name(part, "name"), mode, part.word("type"), part.position, part.text("documentation"))
