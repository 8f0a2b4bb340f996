"""Operators and functions of FHIRPath over collections of plain JSON (lists).

Comparisons follow FHIRPath 2.0: an empty side gives empty, logic has three values. Numbers are compared as numbers
(8.0 = 8) and keep their written form when they are handed on.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from types import NoneType
from typing import Any

import regex

from fhir_service.fhir.fhirpath_budget import room_for, search, spend, substitute
from fhir_service.fhir.nodes import ContentFault, PrimitiveNode

Items = list[Any]
_DIGITS = 400
"""A longer number is written with its exponent."""


class EvaluationFault(ContentFault):
    """The expression cannot be evaluated on this content."""


def bare(item: Any) -> Any:
    """An item without the extensions of a primitive."""
    return item.value if type(item) is PrimitiveNode else item


def truth(items: Items) -> bool | None:
    """Three-valued logic of a collection. Raises EvaluationFault for several items."""
    if not items:
        return None
    if len(items) > 1:
        raise EvaluationFault(f"a truth value was expected, there are {len(items)} items")
    value = bare(items[0])
    return value if isinstance(value, bool) else True


def text_of(items: Items) -> str:
    """The one string of a collection, empty where there is none. Raises EvaluationFault."""
    if not items:
        return ""
    value = bare(items[0])
    if len(items) > 1 or not isinstance(value, str):
        raise EvaluationFault("one string was expected")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, Decimal)) and not isinstance(value, bool)


def same(left: Any, right: Any) -> bool:
    """Equality of two items; true is not 1."""
    left, right = bare(left), bare(right)
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def _equal(left: Items, right: Items) -> Items:
    if not left or not right:
        return []
    if len(left) != len(right):
        return [False]
    return [all(same(a, b) for a, b in zip(left, right, strict=True))]


def _unequal(left: Items, right: Items) -> Items:
    found = _equal(left, right)
    return [not found[0]] if found else []


def _in(left: Items, right: Items) -> Items:
    if not left:
        return []
    if len(left) > 1:
        raise EvaluationFault("'in' and 'contains' look for one item")
    return [any(same(left[0], item) for item in right)]


def _and(left: Items, right: Items) -> Items:
    a, b = truth(left), truth(right)
    if a is False or b is False:
        return [False]
    return [True] if a and b else []


def _or(left: Items, right: Items) -> Items:
    a, b = truth(left), truth(right)
    if a or b:
        return [True]
    return [False] if a is False and b is False else []


def _xor(left: Items, right: Items) -> Items:
    a, b = truth(left), truth(right)
    return [] if a is None or b is None else [a != b]


def _implies(left: Items, right: Items) -> Items:
    a = truth(left)
    return _or([] if a is None else [not a], right)


def _plus(left: Items, right: Items) -> Items:
    if not left or not right:
        return []
    a, b = bare(left[0]), bare(right[0])
    if isinstance(a, str) and isinstance(b, str):
        return [_joined(text_of(left), text_of(right))]
    if len(left) == len(right) == 1 and _is_number(a) and _is_number(b):
        try:
            return [a + b]
        except ArithmeticError as error:
            raise EvaluationFault("the sum is no number") from error
    raise EvaluationFault("'+' takes two strings or two numbers")


def _calculated(combine: Callable[[Any, Any], Any]) -> Callable[[Items, Items], Items]:
    """Numbers to a number; nothing where there is none, as in a division by zero."""

    def calculate(left: Items, right: Items) -> Items:
        if not left or not right:
            return []
        a, b = bare(left[0]), bare(right[0])
        if len(left) > 1 or len(right) > 1 or not _is_number(a) or not _is_number(b):
            raise EvaluationFault("a calculation takes two numbers")
        try:
            return [combine(a, b)]
        except ArithmeticError:
            return []

    return calculate


def _divided(left: Any, right: Any) -> Decimal:
    return Decimal(left) / Decimal(right)


def _boundary(sign: int) -> Callable[[Items], Items]:
    """The least or the greatest number that a number as it is written can be rounded from: 5.6 is 5.55 to 5.65."""

    def boundary(items: Items) -> Items:
        if not items:
            return []
        value = bare(_single(items)[0])
        if not _is_number(value):
            raise EvaluationFault("a number was expected")
        exponent = Decimal(value).as_tuple().exponent
        half = Decimal((0, (5,), min(int(exponent), 0) - 1)) if isinstance(exponent, int) else Decimal(0)
        return [Decimal(value) + sign * half]

    return boundary


def _absolute(items: Items) -> Items:
    if items and not _is_number(bare(_single(items)[0])):
        raise EvaluationFault("a number was expected")
    return [abs(bare(items[0]))] if items else []


def _compared(accept: Callable[[Any, Any], bool]) -> Callable[[Items, Items], Items]:
    def compare(left: Items, right: Items) -> Items:
        if not left or not right:
            return []
        a, b = bare(left[0]), bare(right[0])
        comparable = (_is_number(a) and _is_number(b)) or (isinstance(a, str) and isinstance(b, str))
        if len(left) > 1 or len(right) > 1 or not comparable:
            raise EvaluationFault("these values have no order")
        return [accept(a, b)]

    return compare


def _union(left: Items, right: Items) -> Items:
    found: dict[Any, Any] = {}
    for item in (*left, *right):
        found.setdefault(identity(item), item)
    spend(len(left) + len(right))
    return list(found.values())


def identity(item: Any) -> Any:
    """A key that two items share only where they are equal; 8.0 is 8, true is not 1."""
    value = bare(item)
    if isinstance(value, dict):
        return frozenset((name, identity(child)) for name, child in value.items())
    if isinstance(value, list):
        return tuple(identity(child) for child in value)
    return isinstance(value, bool), value


def _joined(left: str, right: str) -> str:
    room_for(len(left) + len(right))
    return left + right


def _replaced(value: str, old: str, new: str) -> str:
    if len(new) > len(old):
        room_for(len(value) + value.count(old) * (len(new) - len(old)))
    return value.replace(old, new)


OPERATORS: dict[str, Callable[[Items, Items], Items]] = {
    "=": _equal,
    "!=": _unequal,
    "in": _in,
    "contains": lambda left, right: _in(right, left),
    "and": _and,
    "or": _or,
    "xor": _xor,
    "implies": _implies,
    "&": lambda left, right: [_joined(text_of(left), text_of(right))],
    "+": _plus,
    "-": _calculated(lambda a, b: a - b),
    "*": _calculated(lambda a, b: a * b),
    "/": _calculated(_divided),
    "|": _union,
    "<": _compared(lambda a, b: bool(a < b)),
    "<=": _compared(lambda a, b: bool(a <= b)),
    ">": _compared(lambda a, b: bool(a > b)),
    ">=": _compared(lambda a, b: bool(a >= b)),
}


def _single(items: Items) -> Items:
    if len(items) > 1:
        raise EvaluationFault(f"single() found {len(items)} items")
    return items


def _as_text(items: Items) -> Items:
    if not items:
        return []
    value = bare(_single(items)[0])
    if isinstance(value, bool):
        return ["true" if value else "false"]
    if isinstance(value, Decimal):
        return [format(value, "f") if abs(value.adjusted()) < _DIGITS else str(value)]
    return [str(value)] if isinstance(value, str | int) else []


COLLECTION: dict[str, Callable[[Items], Items]] = {
    "exists": lambda items: [bool(items)],
    "empty": lambda items: [not items],
    "not": lambda items: [not found] if (found := truth(items)) is not None else [],
    "first": lambda items: items[:1],
    "last": lambda items: items[-1:],
    "tail": lambda items: items[1:],
    "single": _single,
    "count": lambda items: [len(items)],
    "distinct": lambda items: _union(items, []),
    "hasValue": lambda items: [len(items) == 1 and not isinstance(bare(items[0]), dict | NoneType)],
    "toString": _as_text,
    "abs": _absolute,
    "lowBoundary": _boundary(-1),
    "highBoundary": _boundary(1),
}
"""Functions of a collection that take no argument."""


def _matches(value: str, pattern: str) -> bool:
    try:
        return search(pattern, value)
    except regex.error as error:
        raise EvaluationFault(f"'{pattern}' is no regular expression: {error}") from error


def _replaced_matches(value: str, pattern: str, replacement: str) -> str:
    try:
        return substitute(pattern, replacement, value)
    except (regex.error, IndexError) as error:
        raise EvaluationFault(f"'{pattern}' is no regular expression: {error}") from error


TEXT: dict[tuple[str, int], Callable[..., Any]] = {
    ("startsWith", 1): lambda value, other: value.startswith(other),
    ("endsWith", 1): lambda value, other: value.endswith(other),
    ("contains", 1): lambda value, other: other in value,
    ("matches", 1): _matches,
    ("replace", 2): _replaced,
    ("replaceMatches", 2): _replaced_matches,
    ("lower", 0): str.lower,
    ("upper", 0): str.upper,
    ("length", 0): len,
}
"""Functions of one string, by name and number of arguments."""
