"""Every object of a resource whose structure is right, with its place; slow, for when something is to be said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fhir_service.definitions.elements import properties

Place = tuple[str, dict[str, Any], str]


def objects(resource: dict[str, Any], path: str = "") -> Iterator[Place]:
    """Holder, object and FHIRPath of every object in the order of the resource; nested resources have their own holder.
    `path` is that of the resource, if it is nested."""
    name = resource["resourceType"]
    waiting: list[Place] = [(name, resource, path or name)]
    while waiting:
        place = waiting.pop()
        yield place
        waiting.extend(reversed(list(_inner(*place))))


def _inner(holder: str, value: dict[str, Any], path: str) -> Iterator[Place]:
    known = properties(holder)
    for key, part in value.items():
        found = known.get(key.removeprefix("_"))
        inner = "" if found is None else "Element" if key[0] == "_" else found.holder
        if found is None or not inner:
            continue
        place = f"{path}.{found.name.removesuffix('[x]')}"
        for index, item in enumerate(part if isinstance(part, list) else [part]):
            if isinstance(item, dict):
                at = f"{place}[{index}]" if isinstance(part, list) else place
                yield item["resourceType"] if found.type == "Resource" else inner, item, at
