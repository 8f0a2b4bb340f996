"""The elements of a profile as a tree, laid over the tree of the profile it rests on.

A tree says only what profiles say beyond R4 itself, which the structure layer has checked. Choices are under their own
name (`value[x]`) with a slice for each type that is spoken of.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field, replace

from fhir_service.definitions.elements import UnknownElement, children, is_primitive, properties, resource_types, types
from fhir_service.validation.profiles.element_rules import (
    BindingRule,
    Definition,
    Discriminator,
    ElementRule,
    InvariantRule,
    SlicingRule,
    TypedValue,
    TypeRule,
)
from fhir_service.validation.profiles.errors import BrokenProfile

_CORE = "http://hl7.org/fhir/StructureDefinition/"
_BY_TYPE = SlicingRule((Discriminator("type", "$this"),))
_BY_URL = SlicingRule((Discriminator("value", "url"),))
_DEEPEST = 60
"""Steps in one path."""


@dataclass(slots=True)
class Node:
    """What holds for one element, or one slice of it. `holder` is where its children are, empty where none can be told
    yet (a choice of several types); `max` is None without a limit."""

    name: str
    holder: str
    slice_name: str = ""
    min: int = 0
    max: int | None = None
    types: tuple[TypeRule, ...] = ()
    fixed: TypedValue | None = None
    pattern: TypedValue | None = None
    least: TypedValue | None = None
    most: TypedValue | None = None
    max_length: int | None = None
    bindings: tuple[BindingRule, ...] = ()
    invariants: tuple[InvariantRule, ...] = ()
    slicing: SlicingRule | None = None
    must_support: bool = False
    children: dict[str, Node] = field(default_factory=dict)
    slices: dict[str, Node] = field(default_factory=dict)


def root(type_name: str) -> Node:
    """The tree of a type that nothing is said about."""
    return Node(type_name, type_name)


def laid_over(base: Node, definition: Definition) -> Node:
    """A copy of `base` with what a profile says added. Raises BrokenProfile."""
    tree = deepcopy(base)
    ids_tell = all(":" in rule.id for rule in definition.elements if rule.slice_name)
    placed = _Placed(tree, definition.url, ids_tell=ids_tell)
    for rule in definition.elements:
        placed.add(rule)
    return tree


class _Placed:
    """Finds the node of each element; remembers the slice that paths are in, for elements whose ids do not tell."""

    def __init__(self, tree: Node, url: str, *, ids_tell: bool) -> None:
        self._tree = tree
        self._url = url
        self._ids_tell = ids_tell
        self._open: dict[str, str] = {}

    def add(self, rule: ElementRule) -> None:
        steps = rule.path.split(".")
        if len(steps) > _DEEPEST:
            raise BrokenProfile(f"{self._url}: {rule.path[:200]} has more than {_DEEPEST} steps")
        node = self._tree
        for name, slice_name in self._steps(rule, steps):
            node = self._child(node, name, rule)
            if slice_name and slice_name != node.slice_name:
                node = _slice(node, slice_name)
        _say(node, rule)

    def _steps(self, rule: ElementRule, steps: list[str]) -> Iterator[tuple[str, str]]:
        """Name and slice of each step below the root; slices are told by the id, else by what came before."""
        named = [token.partition(":") for token in rule.id.split(".")]
        if self._ids_tell and rule.id and len(named) == len(steps):
            slices = [slice_name for _, _, slice_name in named[:-1]] + [rule.slice_name or _type_slice_of(rule, named)]
        else:
            slices = [self._open.get(".".join(steps[: at + 1]), "") for at in range(len(steps) - 1)] + [rule.slice_name]
        self._remember(rule)
        return zip(steps[1:], slices[1:], strict=True)

    def _remember(self, rule: ElementRule) -> None:
        below = rule.path + "."
        self._open = {path: name for path, name in self._open.items() if not path.startswith(below)}
        self._open[rule.path] = rule.slice_name

    def _child(self, node: Node, name: str, rule: ElementRule) -> Node:
        holder = node.holder or _only_holder(node)
        try:
            known, spelled = children(holder), properties(holder)
        except UnknownElement:
            raise BrokenProfile(f"{self._url}: {rule.path[:200]} is no element of FHIR R4") from None
        if name in known:
            below = "" if name.endswith("[x]") and len(known[name].types) > 1 else spelled[_key(holder, name)].holder
            return node.children.setdefault(name, Node(name, below or _of_primitive(holder, name)))
        if name in spelled:
            choice = spelled[name]
            of = node.children.setdefault(choice.name, Node(choice.name, ""))
            return _slice(of, name, choice.type)
        if f"{name}[x]" in known:
            return node.children.setdefault(f"{name}[x]", Node(f"{name}[x]", ""))
        raise BrokenProfile(f"{self._url}: {rule.path[:200]} is no element of FHIR R4")


def _type_slice_of(rule: ElementRule, named: list[tuple[str, str, str]]) -> str:
    """The slice that only the id names: of a choice it is one of its types, of anything else a name without meaning."""
    return named[-1][2] if rule.path.endswith("[x]") else ""


def _key(holder: str, name: str) -> str:
    """The JSON property of an element that has one type."""
    if not name.endswith("[x]"):
        return name
    return next(key for key, entry in properties(holder).items() if entry.name == name)


def _of_primitive(holder: str, name: str) -> str:
    """Children of a primitive are those of every element: id and extension."""
    return "" if name.endswith("[x]") and len(children(holder)[name].types) > 1 else "Element"


def _only_holder(node: Node) -> str:
    """Where the children of a choice are: of its one type, else those that every type has."""
    codes = {rule.code for rule in node.types if rule.code}
    if len(codes) == 1:
        code = next(iter(codes))
        return "Element" if is_primitive(code) else code
    return "Element"


def _slice(node: Node, name: str, type_name: str = "") -> Node:
    """The slice of that name, made where it is new; `a/b` is slice b of slice a."""
    if name in node.slices:
        return node.slices[name]
    parent, _, last = name.rpartition("/")
    if last and parent in node.slices:
        return _slice(node.slices[parent], name, type_name)
    made = Node(node.name, node.holder, slice_name=name)
    if node.name.endswith("[x]"):
        _type_slice(made, type_name)
        node.slicing = node.slicing or _BY_TYPE
    elif node.name in ("extension", "modifierExtension"):
        node.slicing = node.slicing or _BY_URL
    node.slices[name] = made
    return made


def _type_slice(made: Node, type_name: str) -> None:
    """A slice of a choice whose name is that of a JSON property (`valueQuantity`) is about that type."""
    stem = made.name.removesuffix("[x]")
    told = made.slice_name.removeprefix(stem) if made.slice_name.startswith(stem) else ""
    code = type_name or _type_code(told)
    if code:
        made.types = (TypeRule(code),)
        made.holder = "Element" if is_primitive(code) else code


def _type_code(spelled: str) -> str:
    for name in (spelled, spelled[:1].lower() + spelled[1:]):
        if name in types() or is_primitive(name):
            return name
    return ""


def _say(node: Node, rule: ElementRule) -> None:
    """What the element of a profile says goes over what its base said; invariants are added."""
    node.min = max(node.min, rule.min or 0)
    if rule.max not in ("", "*"):
        limit = int(rule.max)
        node.max = limit if node.max is None else min(node.max, limit)
    node.types = _types(node, rule)
    node.holder = _holder(node)
    node.fixed, node.pattern = rule.fixed or node.fixed, rule.pattern or node.pattern
    node.least, node.most = rule.least or node.least, rule.most or node.most
    node.max_length = node.max_length if rule.max_length is None else rule.max_length
    node.bindings = rule.bindings or node.bindings
    added = {entry.key: entry for entry in (*node.invariants, *rule.invariants)}
    node.invariants = tuple(added.values())
    node.slicing = _slicing(node.slicing, rule.slicing)
    node.must_support = node.must_support or rule.must_support


def _slicing(before: SlicingRule | None, said: SlicingRule | None) -> SlicingRule | None:
    if before is None or said is None:
        return said or before
    return said if said.discriminators else replace(said, discriminators=before.discriminators)


def _types(node: Node, rule: ElementRule) -> tuple[TypeRule, ...]:
    return tuple(entry for entry in rule.types if entry.code) or node.types


def _holder(node: Node) -> str:
    """The children of something open (a choice, any resource) are those of the one type it is narrowed to."""
    codes = {entry.code for entry in node.types}
    if len(codes) != 1:
        return node.holder
    code = next(iter(codes))
    if node.name.endswith("[x]"):
        return "Element" if is_primitive(code) else code
    if node.holder in ("Resource", "DomainResource") and code in resource_types():
        return code
    return node.holder


def core_type(canonical: str) -> str:
    """The R4 type with that canonical, or empty."""
    name = canonical.removeprefix(_CORE)
    return name if name != canonical and name in types() else ""
