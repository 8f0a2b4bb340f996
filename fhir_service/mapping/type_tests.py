"""`is`, `as` and `ofType`, answered from what is known of the types when a map is loaded.

JSON does not say of what type an element is: the key of a choice does (`valueQuantity`), and the definitions do. So a
test is written as a path to that key, or as its answer. What is not known here is left as it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fhir_service.fhir import fhirpath_parser as tree
from fhir_service.mapping.errors import Fault
from fhir_service.mapping.inference import PER_ITEM, TYPE_FUNCTIONS, Sight, infer
from fhir_service.mapping.shapes import Property, Shape


def tests_types(node: tree.Node) -> bool:
    """Whether there is such a test anywhere in an expression."""
    named = node.operator if isinstance(node, tree.Binary) else node.name if isinstance(node, tree.Call) else ""
    return named in TYPE_FUNCTIONS or any(tests_types(part) for part in tree.parts(node))


def with_types(sight: Sight, node: tree.Node) -> tree.Node:
    """The same expression without the tests that are known. `sight` sees types that content decides, too."""
    match node:
        case tree.Binary(operator="is" | "as", left=left, right=right):
            of = with_types(sight, left)
            return _test(sight, replace(node, left=of), of, right, keeps=node.operator == "as")
        case tree.Call(name=name, arguments=(specifier,)) if name in TYPE_FUNCTIONS:
            of = tree.This(node.start) if node.of is None else with_types(sight, node.of)
            return _test(sight, replace(node, of=of), of, specifier, keeps=name != "is")
        case tree.Call():
            return _call(sight, node)
        case tree.Member():
            return _member(sight, node if node.of is None else replace(node, of=with_types(sight, node.of)))
        case tree.Unary():
            return replace(node, of=with_types(sight, node.of))
    return _operation(sight, node)


def _operation(sight: Sight, node: tree.Node) -> tree.Node:
    if isinstance(node, tree.Index):
        return replace(node, of=with_types(sight, node.of), index=with_types(sight, node.index))
    if isinstance(node, tree.Binary):
        return replace(node, left=with_types(sight, node.left), right=with_types(sight, node.right))
    return node


def _member(sight: Sight, node: tree.Member) -> tree.Node:
    entries = _choice(sight, node) if sight.by_key else ()
    if not entries:
        return node
    at, this = node.start, tree.This(node.start)
    first, *others = (tree.Member(at, this, entry.key) for entry in entries)
    found: tree.Node = first
    for key in others:
        found = tree.Call(at, found, "combine", (key,))
    return tree.Call(at, node.of or this, "select", (found,))


def _call(sight: Sight, node: tree.Call) -> tree.Node:
    of = None if node.of is None else with_types(sight, node.of)
    inside = sight
    if node.name in PER_ITEM:
        inside = replace(sight, this=sight.this if of is None else _shape(sight, of))
    return replace(node, of=of, arguments=tuple(with_types(inside, argument) for argument in node.arguments))


def _test(sight: Sight, node: tree.Node, of: tree.Node, specifier: tree.Node, *, keeps: bool) -> tree.Node:
    """`keeps`: the items of the type are wanted, not the answer."""
    name = _type_name(specifier)
    wanted = sight.shapes.named(name)
    if wanted is None:
        return node
    entries = _choice(sight, of)
    if entries and isinstance(of, tree.Member):
        return _by_key(sight, of, entries, name, keeps=keeps)
    given = _shape(sight, of)
    if given is not None and not given.is_abstract:
        answer: tree.Node = tree.Literal(of.start, sight.shapes.is_a(given.name, name))
    elif wanted.kind == "resource" and not wanted.is_abstract:
        key = tree.Member(of.start, tree.This(of.start), "resourceType")
        answer = tree.Binary(of.start, "=", key, tree.Literal(of.start, name))
    else:
        return node
    return tree.Call(of.start, of, "where" if keeps else "select", (answer,))


def _by_key(sight: Sight, of: tree.Member, entries: Sequence[Property], name: str, *, keeps: bool) -> tree.Node:
    at, this = of.start, tree.This(of.start)
    around = of.of or this
    keys = [tree.Member(at, this, entry.key) for entry in entries if sight.shapes.is_a(entry.shape, name)]
    if keeps and len(keys) == 1:
        return replace(keys[0], of=around)
    answer: tree.Node = tree.Literal(at, False)
    for key in keys:
        there = tree.Call(at, key, "exists", ())
        answer = tree.Binary(at, "or", answer, there)
    if keeps:
        return tree.Member(at, tree.Call(at, around, "where", (answer,)), of.name)
    each = tree.Member(at, this, of.name)
    told = tree.Call(at, None, "iif", (answer, tree.Literal(at, True), _false_for(each)))
    return tree.Call(at, around, "select", (told,))


def _false_for(items: tree.Node) -> tree.Node:
    """False for each item, nothing where there is none."""
    return tree.Call(items.start, items, "select", (tree.Literal(items.start, False),))


def _choice(sight: Sight, of: tree.Node) -> Sequence[Property]:
    """What a path that ends in a choice can be; nothing for any other."""
    if not isinstance(of, tree.Member) or (of.of is None and of.name in sight.variables):
        return ()
    around = sight.this if of.of is None else _shape(sight, of.of)
    slot = around.slots.get(of.name) if around is not None and not around.is_abstract else None
    return slot.properties if slot is not None and slot.is_choice else ()


def _shape(sight: Sight, node: tree.Node) -> Shape | None:
    try:
        return infer(sight, node)
    except Fault:
        return None


def _type_name(specifier: tree.Node) -> str:
    match specifier:
        case tree.Member(of=None | tree.Member(of=None, name="FHIR"), name=name):
            return name
    return ""
