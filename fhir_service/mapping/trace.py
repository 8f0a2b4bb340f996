"""The trace of a run: which rule wrote which element of the output from which part of the source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fhir_service.fhir.nodes import Node, PrimitiveNode
from fhir_service.mapping.output import Paths
from fhir_service.mapping.run import Origin, Written


@dataclass(frozen=True, slots=True)
class TraceEntry:
    """One value written. Paths are FHIRPath from the root (`case[0].sex.code`, `Bundle.entry[3].resource.gender`)."""

    map_url: str
    group: str
    rule: str
    line: int
    source: str
    target: str


def read_trace(written: Sequence[Written], source: Any, targets: Paths) -> tuple[TraceEntry, ...]:
    """The trace with paths, without what left nothing in the output. `targets`: path of each node by identity."""
    sources: dict[int, str] = {}
    _walk(source, "", sources)
    entries: list[TraceEntry] = []
    for item in written:
        target, origin = _target_path(item, targets), item.origin
        if target is None or origin is None:
            continue
        place = origin.place
        at = _source_path(origin, sources, targets)
        entries.append(TraceEntry(place.map_url, place.group, place.rule, place.position.line, at, target))
    return tuple(entries)


def _walk(value: Any, path: str, found: dict[int, str]) -> None:
    if isinstance(value, dict):
        found[id(value)] = path
        for key, child in value.items():
            _walk(child, f"{path}.{key}" if path else key, found)
    elif isinstance(value, list):
        for index, child in enumerate(value):
            _walk(child, f"{path}[{index}]", found)


def _target_path(item: Written, targets: Paths) -> str | None:
    node = item.node
    if not item.key:
        return targets.get(id(node))
    value = node.get(item.key) if isinstance(node, Node) else None
    if isinstance(value, list) and item.index is not None and item.index < len(value):
        value = value[item.index]
    if isinstance(value, Node) and id(value) in targets:
        return targets[id(value)]
    if isinstance(value, Node) and type(value) is not PrimitiveNode:
        return None
    parent = targets.get(id(node))
    if parent is None:
        return None
    return f"{parent}.{item.key}" if item.index is None else f"{parent}.{item.key}[{item.index}]"


def _source_path(origin: Origin, sources: dict[int, str], targets: Paths) -> str:
    parent = sources.get(id(origin.parent), targets.get(id(origin.parent), ""))
    path = ".".join(part for part in (parent, origin.element) if part)
    return path if origin.index is None else f"{path}[{origin.index}]"
