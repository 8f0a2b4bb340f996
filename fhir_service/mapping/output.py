"""The finished tree as plain R4 JSON: FHIR's key order, `_name` siblings, nothing empty."""

from __future__ import annotations

from typing import Any

from fhir_service.fhir.nodes import Node, PrimitiveNode

Paths = dict[int, str]


def finish(node: Node, paths: Paths | None = None) -> dict[str, Any]:
    """The JSON of a tree. `paths`, where given, is filled with the path of every node by its identity."""
    name = node.shape.name
    return _object(node, paths, name) or ({"resourceType": name} if node.shape.kind == "resource" else {})


def _object(node: Node, paths: Paths | None, path: str) -> dict[str, Any] | None:
    shape = node.shape
    found: dict[str, Any] = {}
    for key in shape.in_order(tuple(node)) if len(node) > 1 else node:
        value = node[key]
        kind = type(value)
        if kind is str or kind is bool:
            found[key] = value
        elif kind is list:
            _put_list(found, key, value, paths, path)
        elif kind is PrimitiveNode:
            _put_primitive(found, key, value, paths, path)
        elif kind is Node:
            inner = _object(value, paths, "" if paths is None else f"{path}.{key}")
            if inner:
                found[key] = inner
        elif isinstance(value, list):
            _put_list(found, key, value, paths, path)
        else:
            found[key] = value
    if found and paths is not None:
        paths[id(node)] = path
    if found and shape.kind == "resource":
        return {"resourceType": shape.name, **found}
    return found or None


def _put_primitive(found: dict[str, Any], key: str, value: PrimitiveNode, paths: Paths | None, path: str) -> None:
    here = "" if paths is None else f"{path}.{key}"
    if value.value is not None:
        found[key] = value.value
        if paths is not None:
            paths[id(value)] = here
    beside = _object(value, paths, here) if value else None
    if beside:
        found["_" + key] = beside


def _put_list(found: dict[str, Any], key: str, items: list[Any], paths: Paths | None, path: str) -> None:
    if items and type(items[0]) is not Node:
        _put_primitive_list(found, key, items, paths, path)
        return
    kept: list[Any] = []
    for item in items:
        inner = _object(item, paths, "" if paths is None else f"{path}.{key}[{len(kept)}]")
        if inner:
            kept.append(inner)
    if kept:
        found[key] = kept


def _put_primitive_list(found: dict[str, Any], key: str, items: list[Any], paths: Paths | None, path: str) -> None:
    values: list[Any] = []
    beside: list[Any] = []
    for item in items:
        value, sibling = item, None
        if type(item) is PrimitiveNode:
            here = "" if paths is None else f"{path}.{key}[{len(values)}]"
            value, sibling = item.value, _object(item, paths, here) if item else None
            if value is None and sibling is None:
                continue
            if paths is not None:
                paths[id(item)] = here
        values.append(value)
        beside.append(sibling)
    if any(value is not None for value in values):
        found[key] = values
    if any(beside):
        found["_" + key] = beside
