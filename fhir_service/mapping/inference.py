"""What can be told of a FHIRPath expression before it runs: its type, wrong element names, unknown variables."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from fhir_service.fhir import fhirpath_parser as tree
from fhir_service.mapping.errors import Fault
from fhir_service.mapping.scope import Variable
from fhir_service.mapping.shapes import Shape, Shapes, Slot

_SAME = frozenset({"first", "last", "tail", "where", "single", "skip", "take", "distinct"})
PER_ITEM = frozenset({"where", "exists", "all", "select", "repeat"})
TYPE_FUNCTIONS = frozenset({"ofType", "is", "as"})
_RESULTS = {
    **dict.fromkeys(("exists", "empty", "not", "all", "startsWith", "endsWith", "contains", "matches"), "boolean"),
    **dict.fromkeys(("hasValue", "subsetOf", "supersetOf", "isDistinct", "allTrue", "anyTrue"), "boolean"),
    **dict.fromkeys(("toString", "lower", "upper", "replace", "substring", "join", "replaceMatches", "trim"), "string"),
    **dict.fromkeys(("count", "length", "toInteger", "indexOf"), "integer"),
    "toDecimal": "decimal",
}
_COMPARING = frozenset(
    {"=", "!=", "~", "!~", "<", "<=", ">", ">=", "and", "or", "xor", "implies", "in", "contains", "is"}
)
_STANDARD = frozenset({"context", "resource", "rootResource", "ucum", "sct", "loinc"})


@dataclass(frozen=True, slots=True)
class Sight:
    """What an expression can see: variables, and the shape of `$this` where it is known."""

    shapes: Shapes
    variables: Mapping[str, Variable]
    this: Shape | None
    by_key: bool = False
    """Whether a choice is to be written as the keys that it can have."""

    def variable(self, name: str) -> Shape | None:
        """The shape of a variable; None where only content decides it."""
        found = self.variables.get(name)
        return None if found is None or found.lenient else found.shape


def infer(sight: Sight, node: tree.Node) -> Shape | None:
    """The shape of what an expression gives, None where it is not plain. Raises Fault for an element a type lacks."""
    match node:
        case tree.Variable(name=name):
            return sight.variable(name)
        case tree.Member():
            return _member(sight, node)
        case tree.Call():
            return _call(sight, node)
        case tree.Binary():
            return _binary(sight, node)
        case tree.This():
            return sight.this
    return _other(sight, node)


def _other(sight: Sight, node: tree.Node) -> Shape | None:
    if isinstance(node, tree.Literal):
        return sight.shapes.named(_literal(node.value)) if node.value is not None else None
    found = [infer(sight, part) for part in tree.parts(node)]
    return found[0] if isinstance(node, tree.Index | tree.Unary) else None


def _literal(value: str | bool | int | Decimal) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    return "decimal" if isinstance(value, Decimal) else "string"


def _member(sight: Sight, node: tree.Member) -> Shape | None:
    if node.of is not None:
        return _below(sight.shapes, infer(sight, node.of), node.name)
    if node.name in sight.variables:
        return sight.variable(node.name)
    return None if node.name[:1].isupper() else _below(sight.shapes, sight.this, node.name)


def _below(shapes: Shapes, shape: Shape | None, name: str) -> Shape | None:
    if shape is None or shape.is_abstract:
        return None
    if shape.kind == "primitive" and name == "value":
        return shape
    slot = shape.slots.get(name)
    if slot is None:
        raise Fault(f"{shape.name} has no element {name}")
    return None if slot.is_choice else shapes.named(slot.properties[0].shape)


def choice_at(sight: Sight, node: tree.Node) -> tuple[tree.Node, Slot] | None:
    """For a path that ends in a choice (`item.answer.value`): the path to the element around it, and the choice."""
    if not isinstance(node, tree.Member) or (node.of is None and node.name in sight.variables):
        return None
    around = node.of or tree.This(node.start)
    shape = infer(sight, around)
    slot = shape.slots.get(node.name) if shape is not None and not shape.is_abstract else None
    return (around, slot) if slot is not None and slot.is_choice else None


def _call(sight: Sight, node: tree.Call) -> Shape | None:
    base = infer(sight, node.of) if node.of is not None else sight.this
    if node.name in TYPE_FUNCTIONS:
        return None
    inside = replace(sight, this=base) if node.name in PER_ITEM else sight
    arguments = [infer(inside, argument) for argument in node.arguments]
    if node.name in _RESULTS:
        return sight.shapes.named(_RESULTS[node.name])
    if node.name == "select" and len(arguments) == 1:
        return arguments[0]
    return base if node.name in _SAME and node.of is not None else None


def _binary(sight: Sight, node: tree.Binary) -> Shape | None:
    infer(sight, node.left)
    if node.operator not in ("is", "as"):
        infer(sight, node.right)
    if node.operator in _COMPARING:
        return sight.shapes.named("boolean")
    return sight.shapes.named("string") if node.operator == "&" else None


def head_names(node: tree.Node) -> Iterator[str]:
    """Names at the head of the paths of an expression, as far as they stand for variables of the whole expression.

    Names inside the arguments of a function belong to the items it goes through; they are left out.
    """
    match node:
        case tree.Member(of=None, name=name):
            yield name
        case tree.Member(of=of) | tree.Call(of=of) if of is not None:
            yield from head_names(of)
        case tree.Index(of=of) | tree.Unary(of=of):
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
