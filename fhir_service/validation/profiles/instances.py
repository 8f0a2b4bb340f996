"""The items of an element in a resource: values with the `_` sibling of a primitive, their type and place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from fhir_service.definitions.elements import children, is_primitive, properties


class Item(NamedTuple):
    """One repetition. `value` is None where a primitive has only its sibling; `step` is what to add to a path."""

    value: Any
    sibling: Any
    type: str
    step: str


Fetch = Callable[[Any], list[Item]]
"""The items of one element in its parent object."""


def fetcher(holder: str, name: str) -> Fetch:
    """For the element of that name (`value[x]`) in a holder. Raises UnknownElement."""
    stem = name.removesuffix("[x]")
    spelled = [(key, entry.type) for key, entry in properties(holder).items() if entry.name == name]
    if children(holder)[name].repeats:
        ((key, type_name),) = spelled
        return _repeating(key, f".{key}", type_name)
    if len(spelled) == 1:
        ((key, type_name),) = spelled
        return (
            _primitive(key, f".{stem}", type_name) if is_primitive(type_name) else _single(key, f".{stem}", type_name)
        )
    return _choice(tuple(spelled), f".{stem}")


def _single(key: str, step: str, type_name: str) -> Fetch:
    def fetch(parent: Any) -> list[Item]:
        value = parent.get(key)
        return [] if value is None else [Item(value, None, _actual(value, type_name), step)]

    return fetch


def _primitive(key: str, step: str, type_name: str) -> Fetch:
    beside = f"_{key}"

    def fetch(parent: Any) -> list[Item]:
        value, sibling = parent.get(key), parent.get(beside)
        return [] if value is None and sibling is None else [Item(value, sibling, type_name, step)]

    return fetch


def _choice(spelled: tuple[tuple[str, str], ...], step: str) -> Fetch:
    by_key = dict(spelled)
    by_key.update({f"_{key}": type_name for key, type_name in spelled})

    def fetch(parent: Any) -> list[Item]:
        for key in parent:
            if key in by_key:
                name = key.removeprefix("_")
                return [Item(parent.get(name), parent.get(f"_{name}"), by_key[key], step)]
        return []

    return fetch


def _repeating(key: str, step: str, type_name: str) -> Fetch:
    beside = f"_{key}"

    def fetch(parent: Any) -> list[Item]:
        values = parent.get(key)
        siblings = parent.get(beside) if beside in parent else None
        if siblings is None:
            if not isinstance(values, list):
                return []
            return [
                Item(value, None, _actual(value, type_name), f"{step}[{at}]")
                for at, value in enumerate(values)
                if value is not None
            ]
        return _with_siblings(values, siblings, type_name, step)

    return fetch


def _with_siblings(values: Any, siblings: Any, type_name: str, step: str) -> list[Item]:
    values = values if isinstance(values, list) else []
    siblings = siblings if isinstance(siblings, list) else []
    found = []
    for at in range(max(len(values), len(siblings))):
        value = values[at] if at < len(values) else None
        sibling = siblings[at] if at < len(siblings) else None
        if value is not None or sibling is not None:
            found.append(Item(value, sibling, type_name, f"{step}[{at}]"))
    return found


def _actual(value: Any, type_name: str) -> str:
    """The type of a value; a resource says its own."""
    if type_name == "Resource" and isinstance(value, dict):
        stated = value.get("resourceType")
        return stated if isinstance(stated, str) else type_name
    return type_name
