"""How a map is entered: what its first group, or the one that was asked for, reads and makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fhir_service.mapping.errors import Fault
from fhir_service.mapping.interpreter import Interpreter
from fhir_service.mapping.loaded_map import LoadedMap
from fhir_service.mapping.shapes import Shape
from fhir_service.mapping.steps import Argument, GroupCode
from fhir_service.mapping.syntax import Group, Input


def enter(
    interpreter: Interpreter, module: LoadedMap, group: Group, source: Mapping[str, Any]
) -> tuple[GroupCode, Shape]:
    """The code of a group for this source, and the shape of what it makes. Raises Fault and MappingError."""
    arguments = [entry_argument(interpreter, module, entry) for entry in group.input]
    reads = [at for at, entry in enumerate(group.input) if entry.mode == "source"]
    makes = [at for at, entry in enumerate(group.input) if entry.mode == "target"]
    if len(reads) != 1 or len(makes) != 1:
        raise Fault("a map is entered by a group with one source and one target")
    arguments[reads[0]] = _of_source(interpreter, arguments[reads[0]], source)
    made = arguments[makes[0]][0]
    if made is None or made.kind == "primitive" or made.is_abstract:
        raise Fault("what the map makes is not known: declare its type with uses … as target")
    return interpreter.group(module, group, tuple(arguments)), made


def entry_argument(interpreter: Interpreter, module: LoadedMap, entry: Input) -> Argument:
    """The shape of a parameter of a first group; where it has no type, a single `uses` of its mode tells it."""
    if entry.type is not None:
        return interpreter.declared(module, entry), False
    declared = [item for item in module.tree.structure if item.mode == entry.mode]
    shape = interpreter.shapes.by_url(declared[0].url) if len(declared) == 1 else None
    return shape, False


def _of_source(interpreter: Interpreter, argument: Argument, source: Mapping[str, Any]) -> Argument:
    """A source of no declared type is what its resourceType says; an element that this type lacks is then absent."""
    wanted, given = argument[0], source.get("resourceType")
    if wanted is None:
        found = interpreter.shapes.named(given) if isinstance(given, str) else None
        return (found, True) if found is not None and found.kind == "resource" else argument
    if wanted.kind == "resource" and not wanted.is_abstract and given != wanted.name:
        raise Fault(f"the map reads a {wanted.name}, a {given or 'content without resourceType'} was given")
    return argument
