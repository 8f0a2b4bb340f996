"""Paths of discriminators: read, and followed through an item (R4 profiling.html#discriminator)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from fhir_service.definitions.elements import is_primitive, types
from fhir_service.validation.profiles.instances import Item
from fhir_service.validation.profiles.runs import Run
from fhir_service.validation.profiles.type_checks import pointed_at

_STEP = re.compile(r"(?P<function>resolve|extension|ofType|as)\((?:'(?P<url>[^']*)'|(?P<type>\w*))\)|(?P<name>\$?\w+)")


class Step(NamedTuple):
    """`name` of an element, or of a function with its argument."""

    name: str
    argument: str = ""
    is_function: bool = False


def steps(path: str) -> list[Step] | None:
    """The steps of the path of a discriminator; None for what FHIRPath allows and discriminators do not."""
    found, at = [], 0
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None or (match.end() < len(path) and path[match.end()] != "."):
            return None
        if match["function"]:
            found.append(Step(match["function"], match["url"] or match["type"] or "", True))
        elif match["name"] != "$this":
            found.append(Step(match["name"]))
        at = match.end() + 1
    return found


def select(item: Item, path: Sequence[Step], run: Run) -> list[Item]:
    """What an item has at the end of a path. Of a resource that did not come along only the type is told."""
    found = [item]
    for step in path:
        run.budget.spend(len(found))
        found = [child for entry in found for child in _children(entry, step, run)]
    return found


def values_at(path: Sequence[Step]) -> Callable[[Item, Run], list[Any]]:
    """What `select` finds, without types: the quick way along plain names."""
    if any(step.is_function for step in path):
        return lambda item, run: [found.value for found in select(item, path, run)]
    names = tuple(step.name for step in path)

    def values(item: Item, _: Run) -> list[Any]:
        held = [item.value]
        for name in names:
            inner: list[Any] = []
            for value in held:
                if isinstance(value, dict):
                    child = value.get(name)
                    if child is None:
                        inner.extend(value.get(key) for key, _ in _keys(value, name))
                    elif isinstance(child, list):
                        inner.extend(child)
                    else:
                        inner.append(child)
            held = inner
        return held

    return values


def _children(item: Item, step: Step, run: Run) -> Iterator[Item]:
    if step.is_function:
        yield from _applied(item, step, run)
        return
    holder = item.value if isinstance(item.value, dict) else item.sibling
    if not isinstance(holder, dict):
        return
    for key, type_name in _keys(holder, step.name):
        values = holder.get(key)
        siblings = holder.get(f"_{key}")
        if isinstance(values, list):
            for value in values:
                yield Item(value, None, _type_of(value, type_name), "")
        elif values is not None or siblings is not None:
            yield Item(values, siblings, _type_of(values, type_name), "")


def _keys(holder: dict[str, Any], name: str) -> Iterator[tuple[str, str]]:
    if name in holder or f"_{name}" in holder:
        yield name, ""
        return
    for key in holder:
        bare = key.removeprefix("_")
        rest = bare[len(name) :] if bare.startswith(name) else ""
        if rest[:1].isupper():
            type_name = rest if rest in types() else rest[:1].lower() + rest[1:]
            if type_name in types() or is_primitive(type_name):
                yield bare, type_name
                return


def _type_of(value: Any, type_name: str) -> str:
    stated = value.get("resourceType") if isinstance(value, dict) else None
    return stated if isinstance(stated, str) else type_name


def _applied(item: Item, step: Step, run: Run) -> Iterator[Item]:
    if step.name == "resolve":
        if isinstance(item.value, dict):
            target, name = pointed_at(item.value, run)
            if name:
                yield Item(target, None, name, "")
    elif step.name == "extension":
        holder = item.value if isinstance(item.value, dict) else item.sibling
        extensions = holder.get("extension") if isinstance(holder, dict) else None
        for entry in extensions if isinstance(extensions, list) else ():
            if isinstance(entry, dict) and entry.get("url") == step.argument:
                yield Item(entry, None, "Extension", "")
    elif item.type in ("", step.argument):
        yield item
