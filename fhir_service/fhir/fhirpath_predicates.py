"""FHIRPath expressions that are asked for yes or no, as closures over one item; they stop where the answer is known.

What is not here is evaluated as a collection; both give the same answer. None is FHIRPath's empty: not known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fhir_service.fhir import fhirpath_parser as tree
from fhir_service.fhir.fhirpath_budget import counted
from fhir_service.fhir.fhirpath_members import choice_keys
from fhir_service.fhir.fhirpath_operators import same, truth

Environment = Sequence[Any]
Predicate = Callable[[Any, Environment], bool | None]
Build = Callable[[tree.Node, Mapping[str, int]], Callable[[list[Any], Environment], list[Any]]]


def predicate(node: tree.Node, variables: Mapping[str, int], build: Build) -> Predicate:
    """Whether an expression holds for an item. `build` makes the closure of a part that gives a collection, and raises
    what it raises for one that it does not know."""
    match node:
        case tree.Binary() if (logic := _LOGIC.get(node.operator)) is not None:
            return logic(predicate(node.left, variables, build), predicate(node.right, variables, build))
        case tree.Binary(operator="=", left=tree.Member(of=None, name=name), right=tree.Literal(value=value)) if (
            isinstance(value, str | bool) and name not in variables and not name[:1].isupper()
        ):
            return _equals(name, value, _general(node, variables, build))
        case tree.Call(of=tree.Node() as of) if (known := _of_call(node, of, variables, build)) is not None:
            return known
    return _general(node, variables, build)


def _of_call(node: tree.Call, of: tree.Node, variables: Mapping[str, int], build: Build) -> Predicate | None:
    match node.name, node.arguments:
        case "not", ():
            return _not(predicate(of, variables, build))
        case "exists", ():
            return _exists(of, variables, build)
        case "empty", ():
            return _not(_exists(of, variables, build))
        case "exists", (criterion,):
            return _any(build(of, variables), predicate(criterion, variables, build))
    return None


def _general(node: tree.Node, variables: Mapping[str, int], build: Build) -> Predicate:
    closure = build(node, variables)
    return lambda item, env: truth(closure([item], env))


def _exists(of: tree.Node, variables: Mapping[str, int], build: Build) -> Predicate:
    if isinstance(of, tree.Call) and of.name == "where" and of.of is not None and len(of.arguments) == 1:
        return _any(build(of.of, variables), predicate(of.arguments[0], variables, build))
    closure = build(of, variables)
    if isinstance(of, tree.Member) and of.of is None and of.name not in variables:
        name = of.name
        others = choice_keys(name) | {f"_{name}"}

        def is_there(item: Any, env: Environment) -> bool:
            if type(item) is dict and others.isdisjoint(item):
                value = item.get(name)
                return value is not None and (type(value) is not list or any(part is not None for part in value))
            return bool(closure([item], env))

        return is_there
    return lambda item, env: bool(closure([item], env))


def _equals(name: str, value: str | bool, general: Predicate) -> Predicate:
    def equals(item: Any, env: Environment) -> bool | None:
        found = item.get(name) if type(item) is dict else None
        return same(found, value) if type(found) is str or type(found) is bool else general(item, env)

    return equals


def _any(items: Callable[[list[Any], Environment], list[Any]], criterion: Predicate) -> Predicate:
    return lambda item, env: any(criterion(found, env) is True for found in counted(items([item], env)))


def _not(inner: Predicate) -> Predicate:
    def negated(item: Any, env: Environment) -> bool | None:
        found = inner(item, env)
        return None if found is None else not found

    return negated


def _and(left: Predicate, right: Predicate) -> Predicate:
    def both(item: Any, env: Environment) -> bool | None:
        a = left(item, env)
        if a is False:
            return False
        b = right(item, env)
        if b is False:
            return False
        return True if a and b else None

    return both


def _or(left: Predicate, right: Predicate) -> Predicate:
    def either(item: Any, env: Environment) -> bool | None:
        a = left(item, env)
        if a:
            return True
        b = right(item, env)
        if b:
            return True
        return False if a is False and b is False else None

    return either


def _xor(left: Predicate, right: Predicate) -> Predicate:
    def one(item: Any, env: Environment) -> bool | None:
        a, b = left(item, env), right(item, env)
        return None if a is None or b is None else a != b

    return one


def _implies(left: Predicate, right: Predicate) -> Predicate:
    return _or(_not(left), right)


_LOGIC = {"and": _and, "or": _or, "xor": _xor, "implies": _implies}
