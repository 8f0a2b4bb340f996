"""The common part of FHIRPath as closures over plain JSON; whatever is not here is left to fhirpathpy.

A closure takes the focus (a list) and the environment (a sequence, variables by index; a tuple is a variable of several
items) and gives a list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fhir_service.fhir import fhirpath_parser as tree
from fhir_service.fhir.fhirpath_budget import counted, gathered
from fhir_service.fhir.fhirpath_collections import NAVIGATION, SETS
from fhir_service.fhir.fhirpath_members import members
from fhir_service.fhir.fhirpath_operators import (
    COLLECTION,
    OPERATORS,
    TEXT,
    EvaluationFault,
    Items,
    text_of,
    truth,
)
from fhir_service.fhir.fhirpath_predicates import Predicate, predicate
from fhir_service.fhir.fhirpath_types import type_question

Environment = Sequence[Any]
Closure = Callable[[Items, Environment], Items]
Variables = Mapping[str, int]
_MANY = 8
"""Items of a variable from which on a set of them is worth it."""


class Unsupported(Exception):
    """This part of the language is left to fhirpathpy."""


def build(node: tree.Node, variables: Variables) -> Closure:
    """A closure for an expression. A head name that is a variable is that variable. Raises Unsupported."""
    builder = _BUILDERS.get(type(node))
    if builder is None:
        raise Unsupported
    return builder(node, variables)


def _literal(node: tree.Literal, _: Variables) -> Closure:
    constant = [] if node.value is None else [node.value]
    return lambda _focus, _env: constant


def _this(_node: tree.This, _: Variables) -> Closure:
    return lambda focus, _env: focus


def _variable(index: int) -> Closure:
    def fetch(_focus: Items, env: Environment) -> Items:
        value = env[index]
        if type(value) is tuple:
            return list(value)
        return [] if value is None else [value]

    return fetch


def _named_variable(node: tree.Variable, variables: Variables) -> Closure:
    if node.name not in variables:
        raise Unsupported
    return _variable(variables[node.name])


def _member(node: tree.Member, variables: Variables) -> Closure:
    name = node.name
    if node.of is None and name in variables:
        return _variable(variables[name])
    if node.of is None and name[:1].isupper():
        raise Unsupported  # a type name at the head filters; only fhirpathpy knows it
    of = build(node.of, variables) if node.of is not None else _this(tree.This(0), variables)

    def fetch(focus: Items, env: Environment) -> Items:
        found = of(focus, env)
        if len(found) == 1:
            return members(found[0], name)
        return gathered(members(item, name) for item in found)

    return fetch


def _index(node: tree.Index, variables: Variables) -> Closure:
    of, index = build(node.of, variables), build(node.index, variables)

    def fetch(focus: Items, env: Environment) -> Items:
        at = index(focus, env)
        if len(at) != 1 or type(at[0]) is not int:
            raise EvaluationFault("an index is one integer")
        return of(focus, env)[at[0] : at[0] + 1] if at[0] >= 0 else []

    return fetch


def _binary(node: tree.Binary, variables: Variables) -> Closure:
    if (ask := type_question(node.operator, node.right)) is not None:
        asked = build(node.left, variables)
        return lambda focus, env: ask(asked(focus, env))
    combine = OPERATORS.get(node.operator)
    if combine is None:
        raise Unsupported
    left, right = build(node.left, variables), build(node.right, variables)
    if node.operator == "in" and isinstance(node.right, tree.Variable):
        return _among(left, variables[node.right.name], lambda one, env: combine(one, right([], env)))
    return lambda focus, env: combine(left(focus, env), right(focus, env))


def _among(left: Closure, index: int, otherwise: Closure) -> Closure:
    """Whether something is in a variable. One of many texts is asked as a set, made once for each value it has: a rule
    that is asked of many facts would take their square."""
    made: tuple[Any, frozenset[str] | None] = ((), None)

    def ask(focus: Items, env: Environment) -> Items:
        nonlocal made
        one, many = left(focus, env), env[index]
        if len(one) != 1 or type(one[0]) is not str or type(many) is not tuple or len(many) < _MANY:
            return otherwise(one, env)
        held, texts = made  # read as one: several threads share the closure
        if held is not many:
            texts = frozenset(many) if all(type(item) is str for item in many) else None
            made = (many, texts)
        return otherwise(one, env) if texts is None else [one[0] in texts]

    return ask


def _unary(node: tree.Unary, _: Variables) -> Closure:
    of = node.of
    if not isinstance(of, tree.Literal) or of.value is None or isinstance(of.value, str | bool):
        raise Unsupported
    constant = [-of.value if node.operator == "-" else of.value]
    return lambda _focus, _env: constant


def _call(node: tree.Call, variables: Variables) -> Closure:
    of = build(node.of, variables) if node.of is not None else _this(tree.This(0), variables)
    if len(node.arguments) == 1 and (each := _PER_ITEM.get(node.name)) is not None:
        criterion = predicate(node.arguments[0], variables, build)
        return lambda focus, env: each(of(focus, env), criterion, env)
    if len(node.arguments) == 1 and (ask := type_question(node.name, node.arguments[0])) is not None:
        return lambda focus, env: ask(of(focus, env))
    arguments = [build(argument, variables) for argument in node.arguments]
    if not arguments and (simple := COLLECTION.get(node.name) or NAVIGATION.get(node.name)) is not None:
        return lambda focus, env: simple(of(focus, env))
    if len(arguments) == 1 and (both := _BOTH.get(node.name)) is not None:
        return both(of, arguments[0])
    if (textual := TEXT.get((node.name, len(arguments)))) is not None:
        return _text_call(of, arguments, textual)
    if node.name == "iif" and node.of is None and len(arguments) in (2, 3):
        return _iif(*arguments)
    raise Unsupported


def _text_call(of: Closure, arguments: list[Closure], apply: Callable[..., Any]) -> Closure:
    def call(focus: Items, env: Environment) -> Items:
        found = of(focus, env)
        given = [argument(focus, env) for argument in arguments]
        if not found or not all(given):
            return []
        return [apply(text_of(found), *map(text_of, given))]

    return call


def _iif(condition: Closure, yes: Closure, no: Closure | None = None) -> Closure:
    def choose(focus: Items, env: Environment) -> Items:
        if truth(condition(focus, env)):
            return yes(focus, env)
        return no(focus, env) if no is not None else []

    return choose


def _select(of: Closure, projection: Closure) -> Closure:
    return lambda focus, env: gathered(projection([item], env) for item in counted(of(focus, env)))


_PER_ITEM: dict[str, Callable[[Items, Predicate, Environment], Items]] = {
    "where": lambda items, holds, env: [item for item in counted(items) if holds(item, env) is True],
    "exists": lambda items, holds, env: [any(holds(item, env) is True for item in counted(items))],
    "all": lambda items, holds, env: [all(holds(item, env) is True for item in counted(items))],
}


def _set(combine: Callable[[Items, Items], Items]) -> Callable[[Closure, Closure], Closure]:
    return lambda of, other: lambda focus, env: combine(of(focus, env), other(focus, env))


def _extension(of: Closure, url: Closure) -> Closure:
    """All with that url; fhirpathpy gives the first one only."""

    def find(focus: Items, env: Environment) -> Items:
        wanted = url(focus, env)
        if not wanted:
            return []
        name = text_of(wanted)
        found = gathered(members(item, "extension") for item in of(focus, env))
        return [one for one in found if isinstance(one, dict) and one.get("url") == name]

    return find


_BOTH: dict[str, Callable[[Closure, Closure], Closure]] = {
    "extension": _extension,
    "select": _select,
    "trace": lambda of, _name: of,
    **{name: _set(combine) for name, combine in SETS.items()},
}

_BUILDERS: dict[type[tree.Node], Callable[..., Closure]] = {
    tree.Literal: _literal,
    tree.This: _this,
    tree.Variable: _named_variable,
    tree.Member: _member,
    tree.Index: _index,
    tree.Unary: _unary,
    tree.Binary: _binary,
    tree.Call: _call,
}
