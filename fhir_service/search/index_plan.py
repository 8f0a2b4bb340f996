"""How a resource type is read for its index values: one walk through each member, each element met once.

The paths of all search parameters of the type form a tree; at its nodes stand the readers of the values there. What
several members of the resource say together has readers of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from fhir_service.definitions.elements import children, resource_types
from fhir_service.search.collector import Collector, Reader
from fhir_service.search.composite_values import composite_reader
from fhir_service.search.date_values import date_reader
from fhir_service.search.expressions import Path, Step
from fhir_service.search.link_values import reference_reader
from fhir_service.search.number_values import number_reader
from fhir_service.search.parameters import (
    CompositeElement,
    IndexedParameter,
    indexed_parameters,
    presence_parameters,
    unions,
)
from fhir_service.search.string_values import string_reader
from fhir_service.search.terms import presence_term
from fhir_service.search.token_values import presence_reader, token_reader
from fhir_service.search.uri_values import uri_reader, versioned_url_reader

_NO_VALUE = frozenset({"id", "extension"})
"""What an element may hold and still have no value (rest-rules MOD-1)."""


class Node:
    """A place in a resource type: who reads the values there, and what is below, by member and by filter."""

    __slots__ = ("_below", "_branches", "presence", "readers")

    def __init__(self) -> None:
        self.readers: list[Reader] = []
        self.presence: list[str] = []
        """The terms that say there is a value."""
        self._branches: Branches = {}
        self._below: dict[Step, Node] = {}

    def at(self, steps: Sequence[Step]) -> Node:
        """The node that these steps lead to, made if need be."""
        node = self
        for step in steps:
            after = node._below.get(step)
            if after is None:
                after = node._below[step] = Node()
                branch = (step.keep, after.readers, after.presence, after._branches)
                node._branches.setdefault(step.member, []).append(branch)
            node = after
        return node

    @property
    def branches(self) -> Branches:
        return self._branches


Branches = dict[str, list[tuple[Callable[[Any], bool] | None, list[Reader], list[str], "Branches"]]]
"""By member: a filter, where there is one; the readers, presence terms and branches of the node of what it keeps."""


class Together(NamedTuple):
    """A reader of a resource that looks at some of its members at once; it finds nothing where one of `needed` has none
    of its members."""

    reader: Reader
    members: frozenset[str]
    needed: tuple[frozenset[str], ...] = ()


class TypePlan(NamedTuple):
    """A resource type: the branches of its members, what they say together, and by parameter those it is a part of."""

    branches: Branches
    together: tuple[Together, ...]
    wholes: Mapping[str, Sequence[str]]


def read_below(branches: Branches, held: Mapping[str, Any], found: Collector) -> None:
    """Read the members of an object, this being its node. Whatever its shape, this does not raise."""
    for name in held:
        if name not in branches:
            continue
        child = held[name]
        for item in child if isinstance(child, list) else (child,):
            if item is None:
                continue
            for keep, readers, presence, below in branches[name]:
                if keep is not None and not keep(item):
                    continue
                for reader in readers:
                    reader(item, found)
                if presence and _has_value(item):
                    found.terms += presence
                if below and isinstance(item, dict):
                    read_below(below, item, found)


@cache
def plan_of(resource_type: str) -> TypePlan:
    """The plan of a resource type; empty for what is none."""
    root = Node()
    together: list[Together] = []
    shared: dict[tuple[str, Path], list[IndexedParameter]] = {}
    composites: dict[CompositeElement, list[IndexedParameter]] = {}
    for parameter in indexed_parameters(resource_type).values():
        if parameter.parts:
            continue
        for element in parameter.elements:
            composites.setdefault(element, []).append(parameter)
        if parameter.type in _READERS and not parameter.expression.presence:
            for path in parameter.expression.paths:
                shared.setdefault((parameter.type, path), []).append(parameter)
    for element, parameters in composites.items():
        reader = composite_reader(resource_type, parameters, element)
        if element.root.steps:
            root.at(element.root.steps).readers.append(reader)
        else:
            needed = _members(element.firsts), _members(element.seconds)
            together.append(Together(reader, needed[0] | needed[1], needed))
    for (kind, path), parameters in shared.items():
        node = root.at(path.steps)
        node.readers.append(_READERS[kind](resource_type, parameters, path))
        node.presence += [presence_term(resource_type, parameter.code) for parameter in parameters]
        if kind == "uri" and _is_canonical_url(resource_type, path):
            needed = frozenset({"url"}), frozenset({"version"})
            together.append(Together(versioned_url_reader(resource_type, parameters), needed[0] | needed[1], needed))
    for parameter in presence_parameters(resource_type):
        reader = presence_reader(resource_type, parameter)
        together.append(Together(reader, _members(parameter.expression.paths)))
    return TypePlan(root.branches, tuple(together), _wholes(resource_type))


def _members(paths: Iterable[Path]) -> frozenset[str]:
    return frozenset(path.steps[0].member for path in paths)


def _wholes(resource_type: str) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = {}
    for whole, parts in unions(resource_type).items():
        for part in parts:
            found.setdefault(part, []).append(whole)
    return found


_READERS: dict[str, Callable[[str, Sequence[IndexedParameter], Path], Reader]] = {
    "token": token_reader,
    "reference": reference_reader,
    "date": date_reader,
    "string": string_reader,
    "number": number_reader,
    "quantity": number_reader,
    "uri": uri_reader,
}


def _is_canonical_url(resource_type: str, path: Path) -> bool:
    members = [step.member for step in path.steps]
    return members == ["url"] and resource_type in resource_types() and "version" in children(resource_type)


def _has_value(held: Any) -> bool:
    if not isinstance(held, dict):
        return bool(held != "")
    for name in held:  # noqa: SIM110  # any() would take three times as long, for every element there is
        if name not in _NO_VALUE and name[:1] != "_":
            return True
    return False
