"""The trace of a run: which rule wrote which element of the output from which part of the source.

A run notes every value as it is written; paths are only made when somebody reads the trace.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fhir_service.fhir.nodes import Node, PrimitiveNode, plain
from fhir_service.mapping.output import Paths, finish
from fhir_service.mapping.putting import PinnedList
from fhir_service.mapping.run import Origin, Place, Written


@dataclass(frozen=True, slots=True)
class TraceEntry:
    """One value written. Paths are FHIRPath from the root (`case[0].sex.code`, `Bundle.entry[3].resource.gender`).

    `line` counts from 1 (0: none). `value` is what was written where it is a primitive, of a resource its type, else
    None; `constant` says that the map itself gives it.
    """

    map_url: str
    group: str
    rule: str
    line: int
    source: str
    target: str
    value: Any = None
    constant: bool = False


class Trace:
    """What a run wrote, from `source`, into the tree of nodes below `target`."""

    def __init__(self, place: Place, written: Sequence[Written] | None, source: Any, target: Node) -> None:
        self._place, self._written, self._source, self._target = place, written or (), source, target
        self._wanted = written is not None

    def entries(self) -> tuple[TraceEntry, ...]:
        """One for each value that is in the output, in the order of writing; the first for the output as a whole."""
        if not self._wanted:
            return ()
        targets: Paths = {}
        finish(self._target, targets)
        sources: dict[int, str] = {}
        _walk(self._source, "", sources)
        name, at = self._target.shape.name, self._place
        whole = TraceEntry(at.map_url, at.group, at.rule, at.position.line, "", name, *_shown(self._target))
        return (whole, *_entries(_lasting(self._written), sources, targets))

    def places_by_item(self, key: str, part: str) -> list[dict[int, Place]]:
        """For each item of a list at the top of the output: the places of the rules that wrote below a part of it, by
        their identity."""
        owner: dict[int, int] = {}
        items = self._target.get(key, ())
        for number, item in enumerate(items):
            if isinstance(top := item.get(part), Node):
                _own(top, number, owner)
        found: list[dict[int, Place]] = [{} for _ in items]
        for origin, node, _, _, value, _ in self._written:
            at = owner.get(id(node))
            if at is None or origin is None:
                continue
            place, kind = origin[0], type(value)
            if (kind is not Node and kind is not PrimitiveNode) or id(value) in owner:
                found[at][id(place)] = place
        return found


def _own(node: Node, number: int, owner: dict[int, int]) -> bool:
    """Note the number of every node that leaves something in the output."""
    found = type(node) is PrimitiveNode and node.value is not None
    for value in node.values():
        kind = type(value)
        if kind is Node or kind is PrimitiveNode:
            found = _own(value, number, owner) or found
        elif kind is list or kind is PinnedList:
            for item in value:
                kind = type(item)
                is_node = kind is Node or kind is PrimitiveNode
                found = (_own(item, number, owner) if is_node else item is not None) or found
        else:
            found = found or value is not None
    if found:
        owner[id(node)] = number
    return found


def _lasting(written: Sequence[Written]) -> list[Written]:
    """Without the values of single elements that others took the place of."""
    seen: set[tuple[int, str]] = set()
    kept: list[Written] = []
    for item in reversed(written):
        _, node, key, index, value, _ = item
        if index is None and not isinstance(value, Node):
            if (id(node), key) in seen:
                continue
            seen.add((id(node), key))
        kept.append(item)
    kept.reverse()
    return kept


def _entries(written: Sequence[Written], sources: dict[int, str], targets: Paths) -> Iterator[TraceEntry]:
    for item in written:
        target, origin = _target_path(item, targets), item[0]
        if target is not None and origin is not None:
            place = origin[0]
            at = _source_path(origin, sources, targets)
            value, constant = _shown(item[4])
            line = place.position.line
            yield TraceEntry(place.map_url, place.group, place.rule, line, at, target, value, constant or item[5])


def _shown(value: Any) -> tuple[Any, bool]:
    """A primitive, or the type of a resource, which is a constant of the map."""
    if isinstance(value, Node) and not isinstance(value, PrimitiveNode):
        return (value.shape.name, True) if value.shape.kind == "resource" else (None, False)
    return plain(value), False


def _walk(value: Any, path: str, found: dict[int, str]) -> None:
    waiting = [(value, path)]
    while waiting:
        here, at = waiting.pop()
        if isinstance(here, dict):
            found[id(here)] = at
            waiting += [(child, f"{at}.{key}" if at else key) for key, child in here.items() if _inner(child)]
        else:
            waiting += [(child, f"{at}[{index}]") for index, child in enumerate(here) if _inner(child)]


def _inner(value: Any) -> bool:
    return isinstance(value, dict | list)


def _target_path(item: Written, targets: Paths) -> str | None:
    _, node, key, index, value, _ = item
    if isinstance(value, Node):
        known = targets.get(id(value))
        if known is not None or type(value) is not PrimitiveNode or not key:
            return known
    parent = targets.get(id(node))
    if parent is None or key not in node:
        return None
    if index is not None and type(node[key]) is PinnedList:
        index = node[key].index(value)
    return f"{parent}.{key}" if index is None else f"{parent}.{key}[{index}]"


def _source_path(origin: Origin | None, sources: dict[int, str], targets: Paths) -> str:
    """The path of the item; where that is a constant or was made on the way, the path of what it was made for."""
    while origin is not None:
        _, parent, element, item, outer = origin
        known = sources.get(id(parent), targets.get(id(parent)))
        if known is not None:
            path = ".".join(part for part in (known, element) if part)
            index = _index_of(parent, element, item)
            return path if index is None else f"{path}[{index}]"
        origin = outer
    return ""


def _index_of(parent: Any, element: str | None, item: Any) -> int | None:
    items = parent.get(element) if element is not None else None
    if not isinstance(items, list):
        return None
    return next((index for index, known in enumerate(items) if known is item), None)
