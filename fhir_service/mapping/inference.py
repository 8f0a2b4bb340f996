"""What can be told of a FHIRPath expression before it runs: its type, and the names at the head of its paths."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from decimal import Decimal

from fhir_service.fhir import fhirpath_parser as tree
from fhir_service.mapping.scope import Variable
from fhir_service.mapping.shapes import Shape, Shapes

_SAME = frozenset({"first", "last", "tail", "where", "single", "skip", "take", "distinct"})
_BOOLEAN = frozenset({"exists", "empty", "not", "all", "startsWith", "endsWith", "contains", "matches", "hasValue"})
_STRING = frozenset({"toString", "lower", "upper", "replace", "substring", "join", "replaceMatches", "trim"})
_COMPARING = frozenset(
    {"=", "!=", "~", "!~", "<", "<=", ">", ">=", "and", "or", "xor", "implies", "in", "contains", "is"}
)

_STANDARD = frozenset({"context", "resource", "rootResource", "ucum", "sct", "loinc"})


def infer(shapes: Shapes, node: tree.Node, variables: Mapping[str, Variable]) -> Shape | None:
    """The shape of what an expression gives, None where it is not plain."""
    match node:
        case tree.Variable(name=name) | tree.Member(of=None, name=name):
            return variables[name].shape if name in variables else None
        case tree.Member(of=of, name=name) if of is not None:
            return _below(shapes, infer(shapes, of, variables), name)
        case tree.Index(of=of):
            return infer(shapes, of, variables)
        case tree.Call(of=of, name=name):
            return _of_call(shapes, of, name, variables)
        case tree.Binary(operator=operator):
            return _of_operator(shapes, operator)
    return shapes.named(_literal(node.value)) if isinstance(node, tree.Literal) and node.value is not None else None


def _literal(value: str | bool | int | Decimal) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    return "decimal" if isinstance(value, Decimal) else "string"


def _below(shapes: Shapes, shape: Shape | None, name: str) -> Shape | None:
    if shape is None:
        return None
    if shape.kind == "primitive" and name == "value":
        return shape
    slot = shape.slots.get(name)
    if slot is None or slot.is_choice:
        return None
    found = shapes.named(slot.properties[0].shape)
    return None if found is None or found.is_abstract else found


def _of_call(shapes: Shapes, of: tree.Node | None, name: str, variables: Mapping[str, Variable]) -> Shape | None:
    if name in _BOOLEAN:
        return shapes.named("boolean")
    if name in _STRING:
        return shapes.named("string")
    if name in ("count", "length", "toInteger", "indexOf"):
        return shapes.named("integer")
    return infer(shapes, of, variables) if name in _SAME and of is not None else None


def _of_operator(shapes: Shapes, operator: str) -> Shape | None:
    if operator in _COMPARING:
        return shapes.named("boolean")
    return shapes.named("string") if operator == "&" else None


def head_names(node: tree.Node) -> Iterator[str]:
    """Names at the head of the paths of an expression, as far as they stand for variables of the whole expression.

    Names inside the arguments of a function belong to the items it goes through; they are left out.
    """
    match node:
        case tree.Member(of=None, name=name):
            yield name
        case tree.Member(of=of) | tree.Call(of=of) if of is not None:
            yield from head_names(of)
        case tree.Index(of=of):
            yield from head_names(of)
        case tree.Unary(of=of):
            yield from head_names(of)
        case tree.Binary(operator=operator, left=left, right=right):
            yield from head_names(left)
            if operator not in ("is", "as"):
                yield from head_names(right)


def unknown_variables(node: tree.Node, known: Container[str]) -> list[str]:
    """The `%names` anywhere in an expression that are neither known nor FHIRPath's own."""
    found = [node.name] if isinstance(node, tree.Variable) else []
    found += [name for part in tree.parts(node) for name in unknown_variables(part, known)]
    return [name for name in found if name not in known and name not in _STANDARD]
