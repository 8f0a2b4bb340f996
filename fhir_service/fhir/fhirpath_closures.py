"""The common part of FHIRPath as closures over plain JSON; whatever is not here is left to fhirpathpy.

A closure takes the focus (a list) and the environment (a sequence, variables by index) and gives a list. Comparisons
follow FHIRPath 2.0: an empty side gives empty, logic has three values. Numbers are compared as numbers (8.0 = 8).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from fhir_service.fhir import fhirpath_parser as tree
from fhir_service.fhir.nodes import PrimitiveNode, child_items

Environment = Sequence[Any]
Closure = Callable[[list[Any], Environment], list[Any]]


class Unsupported(Exception):
    """This part of the language is left to fhirpathpy."""


class EvaluationFault(Exception):
    """The expression cannot be evaluated on this content."""


def build(node: tree.Node, variables: Mapping[str, int]) -> Closure:
    """A closure for an expression. A head name that is a variable is that variable. Raises Unsupported."""
    builder = _BUILDERS.get(type(node))
    if builder is None:
        raise Unsupported
    return builder(node, variables)


def members(item: Any, name: str) -> list[Any]:
    """The children of one item by element name: also a choice by its stem, and `value` of a primitive."""
    if type(item) is PrimitiveNode and name == "value":
        return [] if item.value is None else [item.value]
    if not isinstance(item, dict):
        return [item] if name == "value" else []
    if name in item or "_" + name in item:
        return child_items(item, name)
    for key in item:
        if key.startswith(name) and key[len(name) :] in _CHOICE_SUFFIXES:
            return child_items(item, key)
    return []


_CHOICE_SUFFIXES = frozenset(
    "Base64Binary Boolean Canonical Code Date DateTime Decimal Id Instant Integer Markdown Oid PositiveInt String Time "
    "UnsignedInt Uri Url Uuid Address Age Annotation Attachment CodeableConcept Coding ContactPoint Count Distance "
    "Duration HumanName Identifier Money Period Quantity Range Ratio Reference SampledData Signature Timing "
    "ContactDetail Contributor DataRequirement Expression ParameterDefinition RelatedArtifact TriggerDefinition "
    "UsageContext Dosage Meta".split()
)


def truth(items: list[Any]) -> bool | None:
    """Three-valued logic of a collection. Raises EvaluationFault for several items."""
    if not items:
        return None
    if len(items) > 1:
        raise EvaluationFault(f"a truth value was expected, there are {len(items)} items")
    value = _bare(items[0])
    return value if isinstance(value, bool) else True


def _bare(item: Any) -> Any:
    return item.value if type(item) is PrimitiveNode else item


def _literal(node: tree.Literal, _: Mapping[str, int]) -> Closure:
    constant = [] if node.value is None else [node.value]
    return lambda focus, env: constant


def _this(_node: tree.This, _: Mapping[str, int]) -> Closure:
    return lambda focus, env: focus


def _variable(index: int) -> Closure:
    def fetch(_focus: list[Any], env: Environment) -> list[Any]:
        value = env[index]
        return [] if value is None else [value]

    return fetch


def _named_variable(node: tree.Variable, variables: Mapping[str, int]) -> Closure:
    if node.name not in variables:
        raise Unsupported
    return _variable(variables[node.name])


def _member(node: tree.Member, variables: Mapping[str, int]) -> Closure:
    name = node.name
    if node.of is None:
        if name in variables:
            return _variable(variables[name])
        if name[:1].isupper():
            raise Unsupported  # a type name at the head filters; only fhirpathpy knows it
        return lambda focus, env: members(focus[0], name) if len(focus) == 1 else _all_members(focus, name)
    of = build(node.of, variables)

    def fetch(focus: list[Any], env: Environment) -> list[Any]:
        found = of(focus, env)
        return members(found[0], name) if len(found) == 1 else _all_members(found, name)

    return fetch


def _all_members(items: list[Any], name: str) -> list[Any]:
    return [child for item in items for child in members(item, name)]


def _index(node: tree.Index, variables: Mapping[str, int]) -> Closure:
    of, index = build(node.of, variables), build(node.index, variables)

    def fetch(focus: list[Any], env: Environment) -> list[Any]:
        at = index(focus, env)
        if len(at) != 1 or type(at[0]) is not int:
            raise EvaluationFault("an index is one integer")
        return of(focus, env)[at[0] : at[0] + 1] if at[0] >= 0 else []

    return fetch


def _binary(node: tree.Binary, variables: Mapping[str, int]) -> Closure:
    combine = _OPERATORS.get(node.operator)
    if combine is None:
        raise Unsupported
    left, right = build(node.left, variables), build(node.right, variables)
    return lambda focus, env: combine(left(focus, env), right(focus, env))


def _equal(left: list[Any], right: list[Any]) -> list[Any]:
    if not left or not right:
        return []
    if len(left) != len(right):
        return [False]
    return [all(_same(_bare(a), _bare(b)) for a, b in zip(left, right, strict=True))]


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, bool) != isinstance(right, bool):
        return False
    return bool(left == right)


def _unequal(left: list[Any], right: list[Any]) -> list[Any]:
    found = _equal(left, right)
    return [not found[0]] if found else []


def _in(left: list[Any], right: list[Any]) -> list[Any]:
    if not left:
        return []
    if len(left) > 1:
        raise EvaluationFault("the left side of 'in' is one item")
    return [any(_same(_bare(left[0]), _bare(item)) for item in right)]


def _and(left: list[Any], right: list[Any]) -> list[Any]:
    a, b = truth(left), truth(right)
    if a is False or b is False:
        return [False]
    return [True] if a and b else []


def _or(left: list[Any], right: list[Any]) -> list[Any]:
    a, b = truth(left), truth(right)
    if a or b:
        return [True]
    return [False] if a is False and b is False else []


def _xor(left: list[Any], right: list[Any]) -> list[Any]:
    a, b = truth(left), truth(right)
    return [] if a is None or b is None else [a != b]


def _implies(left: list[Any], right: list[Any]) -> list[Any]:
    a = truth(left)
    return _or([] if a is None else [not a], right)


def _join(left: list[Any], right: list[Any]) -> list[Any]:
    return [text(left) + text(right)]


def text(items: list[Any]) -> str:
    """The one string of a collection, empty where there is none. Raises EvaluationFault."""
    if not items:
        return ""
    value = _bare(items[0])
    if len(items) > 1 or not isinstance(value, str):
        raise EvaluationFault("one string was expected")
    return value


def _plus(left: list[Any], right: list[Any]) -> list[Any]:
    if not left or not right:
        return []
    a, b = _bare(left[0]), _bare(right[0])
    if isinstance(a, str) and isinstance(b, str):
        return [text(left) + text(right)]
    if len(left) == len(right) == 1 and _is_number(a) and _is_number(b):
        return [a + b]
    raise EvaluationFault("'+' takes two strings or two numbers")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, Decimal)) and not isinstance(value, bool)


def _compared(accept: Callable[[Any, Any], bool]) -> Callable[[list[Any], list[Any]], list[Any]]:
    def compare(left: list[Any], right: list[Any]) -> list[Any]:
        if not left or not right:
            return []
        a, b = _bare(left[0]), _bare(right[0])
        numbers = _is_number(a) and _is_number(b)
        if len(left) > 1 or len(right) > 1 or not (numbers or (isinstance(a, str) and isinstance(b, str))):
            raise EvaluationFault("these values have no order")
        return [accept(a, b)]

    return compare


def _union(left: list[Any], right: list[Any]) -> list[Any]:
    found: list[Any] = []
    for item in (*left, *right):
        if not any(_same(_bare(item), _bare(known)) for known in found):
            found.append(item)
    return found


_OPERATORS: dict[str, Callable[[list[Any], list[Any]], list[Any]]] = {
    "=": _equal,
    "!=": _unequal,
    "in": _in,
    "contains": lambda left, right: _in(right, left),
    "and": _and,
    "or": _or,
    "xor": _xor,
    "implies": _implies,
    "&": _join,
    "+": _plus,
    "|": _union,
    "<": _compared(lambda a, b: bool(a < b)),
    "<=": _compared(lambda a, b: bool(a <= b)),
    ">": _compared(lambda a, b: bool(a > b)),
    ">=": _compared(lambda a, b: bool(a >= b)),
}


def _call(node: tree.Call, variables: Mapping[str, int]) -> Closure:
    of = build(node.of, variables) if node.of is not None else _this(tree.This(0), variables)
    arguments = [build(argument, variables) for argument in node.arguments]
    if (simple := _COLLECTION.get(node.name)) and not arguments:
        return lambda focus, env: simple(of(focus, env))
    if (each := _PER_ITEM.get(node.name)) and len(arguments) == 1:
        criterion = arguments[0]
        return lambda focus, env: each(of(focus, env), criterion, env)
    if (textual := _TEXT.get((node.name, len(arguments)))) is not None:

        def apply(focus: list[Any], env: Environment) -> list[Any]:
            found = of(focus, env)
            given = [argument(focus, env) for argument in arguments]
            if not found or not all(given):
                return []
            return [textual(text(found), *(_bare(values[0]) for values in given))]

        return apply
    raise Unsupported


_COLLECTION: dict[str, Callable[[list[Any]], list[Any]]] = {
    "exists": lambda items: [bool(items)],
    "empty": lambda items: [not items],
    "not": lambda items: [not found] if (found := truth(items)) is not None else [],
    "first": lambda items: items[:1],
    "last": lambda items: items[-1:],
    "tail": lambda items: items[1:],
    "count": lambda items: [len(items)],
    "hasValue": lambda items: [len(items) == 1 and not isinstance(_bare(items[0]), (dict, type(None)))],
}


def _holds(item: Any, criterion: Closure, env: Environment) -> bool:
    return truth(criterion([item], env)) is True


_PER_ITEM: dict[str, Callable[[list[Any], Closure, Environment], list[Any]]] = {
    "where": lambda items, criterion, env: [item for item in items if _holds(item, criterion, env)],
    "exists": lambda items, criterion, env: [any(_holds(item, criterion, env) for item in items)],
    "all": lambda items, criterion, env: [all(_holds(item, criterion, env) for item in items)],
    "select": lambda items, projection, env: [found for item in items for found in projection([item], env)],
}

_TEXT: dict[tuple[str, int], Callable[..., Any]] = {
    ("startsWith", 1): lambda value, other: value.startswith(other),
    ("endsWith", 1): lambda value, other: value.endswith(other),
    ("contains", 1): lambda value, other: other in value,
    ("matches", 1): lambda value, pattern: re.search(pattern, value) is not None,
    ("replace", 2): lambda value, old, new: value.replace(old, new),
    ("lower", 0): lambda value: value.lower(),
    ("upper", 0): lambda value: value.upper(),
    ("length", 0): lambda value: len(value),
}

_BUILDERS: dict[type[tree.Node], Callable[..., Closure]] = {
    tree.Literal: _literal,
    tree.This: _this,
    tree.Variable: _named_variable,
    tree.Member: _member,
    tree.Index: _index,
    tree.Binary: _binary,
    tree.Call: _call,
}
