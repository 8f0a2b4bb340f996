"""FHIR content in the making: JSON objects that know their type, and primitives that carry extensions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


class ContentFault(Exception):
    """Content that is not what it should be; whoever knows the place says where."""


class Node(dict[str, Any]):
    """A JSON object and its type. Choice elements are under their JSON name (`valueQuantity`).

    `placed`: it is a part of another node already.
    """

    __slots__ = ("placed", "shape")

    def __init__(self, shape: Any) -> None:
        self.shape = shape
        self.placed = False


class PrimitiveNode(Node):
    """A primitive: `value` (None where only extensions are known); its keys are `id` and `extension`."""

    __slots__ = ("value",)

    def __init__(self, shape: Any, value: Any = None) -> None:
        super().__init__(shape)
        self.value = value


def copied(node: Node) -> Node:
    """A copy of a node and of the nodes in it."""
    copy = PrimitiveNode(node.shape, node.value) if isinstance(node, PrimitiveNode) else Node(node.shape)
    copy.placed = True
    for key, value in node.items():
        if isinstance(value, list):
            copy[key] = [copied(item) if isinstance(item, Node) else item for item in value]
        else:
            copy[key] = copied(value) if isinstance(value, Node) else value
    return copy


def plain(value: Any) -> Any:
    """The bare value of a primitive; anything else as it is."""
    return value.value if type(value) is PrimitiveNode else value


def child_items(parent: dict[str, Any], key: str, shape: Any = None) -> list[Any]:
    """The items under a JSON key; a primitive with a `_key` sibling comes as PrimitiveNode of `shape`."""
    value = parent.get(key)
    sibling = parent.get("_" + key)
    if sibling is not None:
        return list(_with_siblings(value, sibling, shape))
    if value is None:
        return []
    if type(value) is list:
        return value if None not in value else [item for item in value if item is not None]
    return [value]


def _with_siblings(value: Any, sibling: Any, shape: Any) -> Iterator[Any]:
    values = value if isinstance(value, list) else [value]
    siblings = sibling if isinstance(sibling, list) else [sibling]
    for index in range(max(len(values), len(siblings))):
        bare = values[index] if index < len(values) else None
        beside = siblings[index] if index < len(siblings) else None
        if beside is not None and not isinstance(beside, dict):
            raise ContentFault("what stands beside a primitive, under its name with _, is an object")
        if beside:
            node = PrimitiveNode(shape, bare)
            node.update(beside)
            yield node
        elif bare is not None:
            yield bare


def to_json(value: Any) -> Any:
    """Plain JSON of a value that may hold nodes, `_name` siblings written; resourceType is left to the caller."""
    if isinstance(value, Node):
        if type(value) is PrimitiveNode:
            return value.value
        found: dict[str, Any] = {}
        for key, child in value.items():
            _put(found, key, child)
        return found
    if isinstance(value, list):
        return [to_json(item) for item in value]
    return value


def _put(into: dict[str, Any], key: str, child: Any) -> None:
    items = child if isinstance(child, list) else [child]
    bare = [to_json(item) for item in items]
    beside = [_siblings_of(item) for item in items]
    if any(item is not None for item in bare):
        into[key] = bare if isinstance(child, list) else bare[0]
    if any(beside):
        into["_" + key] = beside if isinstance(child, list) else beside[0]


def _siblings_of(item: Any) -> dict[str, Any] | None:
    if type(item) is not PrimitiveNode or not item:
        return None
    return {key: to_json(child) for key, child in item.items()}
