"""The `///` lines of a map and the elements of StructureMap that they stand for.

`/// contact.name = 'x'` is a path below StructureMap; a line without a value opens a complex element, or the next item
of one that repeats. url and name are kept apart, since a `map` line may give them. A map without status is a draft.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cache
from typing import Any

from fhir_service.definitions.codes import required_codes
from fhir_service.definitions.elements import Property, primitives, properties
from fhir_service.mapping.errors import Fault
from fhir_service.mapping.syntax import Constant

OF_R5 = ("versionAlgorithmString", "copyrightLabel")
"""Texts that only R5 has."""
_NOT_METADATA = ("meta", "implicitRules", "language", "text", "contained", "structure", "import", "group")
_NEVER = ("extension", "modifierExtension")
_MOST_STEPS = 10
_MOST_ITEMS = 1000

Lines = tuple[tuple[str, Constant | None], ...]


@cache
def elements() -> Mapping[str, Property]:
    """The elements that `///` lines can give, in FHIR's order; those of R5 after those of R4."""
    found = {key: entry for key, entry in properties("StructureMap").items() if key not in (*_NOT_METADATA, *_NEVER)}
    return found | dict.fromkeys(OF_R5, found["title"])


class Metadata:
    """The elements that were given so far."""

    def __init__(self) -> None:
        self.elements: dict[str, Any] = {}

    def add(self, path: str, value: Constant | None) -> None:
        """One line. Raises Fault for what is no element of StructureMap, or has a value of another kind."""
        steps = path.split(".")
        if len(steps) > _MOST_STEPS:
            raise Fault(f"a path of metadata has at most {_MOST_STEPS} steps")
        parent, known, holder = self.elements, elements(), "StructureMap"
        for step in steps[:-1]:
            entry = _known(known, step, holder)
            if not entry.holder:
                raise Fault(f"{step} is a {entry.type}, it has no elements")
            parent = _last_of(parent, step, entry)
            known, holder = properties(entry.holder), entry.holder
        entry = _known(known, steps[-1], holder)
        if entry.holder:
            if value is not None:
                raise Fault(f"{steps[-1]} is a {entry.type}; give its elements a value, as {path}.… = …")
            _open(parent, steps[-1], entry)
        elif value is not None:
            _put(parent, steps[-1], entry, primitive(entry, value))

    def lines(self) -> Lines:
        """All of it in FHIR's order, without url and name."""
        return lines_of(_pruned(self.elements) or {})


def lines_of(resource: Mapping[str, Any]) -> Lines:
    """The metadata of a StructureMap. Raises Fault where it is not as FHIR has it; extensions are left out."""
    given = {"status": "draft", **resource}
    return tuple(
        line
        for key, entry in elements().items()
        if key not in ("url", "name")
        for line in _lines(given, key, entry, key)
    )


def primitive(entry: Property, value: Any) -> Constant:
    """A value of a primitive element. Raises Fault where it is of another type, or no code of a required value set."""
    wanted = primitives()[entry.type]
    if wanted.json == "boolean" or isinstance(value, bool):
        if wanted.json != "boolean" or not isinstance(value, bool):
            raise Fault(f"{entry.name} is a {entry.type}, {_show(value)} is not")
        return value
    if wanted.json in ("number", "integer"):
        if not isinstance(value, int | Decimal | float):
            raise Fault(f"{entry.name} is a {entry.type}, {_show(value)} is not")
        return value if isinstance(value, int) else Decimal(str(value))
    text = str(value) if isinstance(value, int | Decimal) else value
    if not isinstance(text, str) or not text or not re.fullmatch(wanted.pattern or r"[\s\S]+", text):
        raise Fault(f"{entry.name} is a {entry.type}, {_show(value)} is not")
    binding = entry.element.binding
    systems = required_codes(binding.value_set) if binding is not None and binding.strength == "required" else None
    if systems is not None and not any(text in codes for codes in systems.values()):
        raise Fault(f"{entry.name} is one of {', '.join(code for codes in systems.values() for code in codes)}")
    return text


def _known(known: Mapping[str, Property], step: str, holder: str) -> Property:
    entry = known.get(step)
    if entry is None or step in _NEVER:
        raise Fault(f"{holder} has no element {step[:40]} that can stand in metadata")
    return entry


def _last_of(parent: dict[str, Any], step: str, entry: Property) -> dict[str, Any]:
    if step not in parent:
        _open(parent, step, entry)
    found = parent[step]
    last: dict[str, Any] = found[-1] if isinstance(found, list) else found
    return last


def _open(parent: dict[str, Any], step: str, entry: Property) -> None:
    if entry.element.repeats:
        items = parent.setdefault(step, [])
        if len(items) >= _MOST_ITEMS:
            raise Fault(f"{step} is given more than {_MOST_ITEMS} times")
        items.append({})
    elif step in parent:
        raise Fault(f"{step} is given twice")
    else:
        parent[step] = {}


def _put(parent: dict[str, Any], step: str, entry: Property, value: Constant) -> None:
    if entry.element.repeats:
        parent.setdefault(step, []).append(value)
    elif step in parent:
        raise Fault(f"{step} is given twice")
    else:
        parent[step] = value


def _pruned(value: Any) -> Any:
    """Without what was opened and got nothing; None where nothing is left."""
    if isinstance(value, dict):
        return {key: kept for key, part in value.items() if (kept := _pruned(part)) is not None} or None
    if isinstance(value, list):
        return [kept for part in value if (kept := _pruned(part)) is not None] or None
    return value


def _lines(parent: Mapping[str, Any], key: str, entry: Property, path: str) -> Iterator[tuple[str, Constant | None]]:
    if parent.get(key) is None:
        return
    if path.count(".") >= _MOST_STEPS:
        raise Fault(f"{path}: the metadata is nested too deeply")
    given = parent[key]
    if isinstance(given, list) != entry.element.repeats:
        raise Fault(f"{path} is {'a list' if entry.element.repeats else 'no list'}")
    for item in given if isinstance(given, list) else [given]:
        if not entry.holder:
            yield path, primitive(entry, item)
            continue
        if not isinstance(item, dict):
            raise Fault(f"{path} is an object, a {entry.type}")
        known = properties(entry.holder)
        unknown = next((name for name in item if name.removeprefix("_") not in known), None)
        if unknown is not None:
            raise Fault(f"{path}: {entry.holder} has no element {str(unknown)[:40]}")
        yield path, None
        for name, child in known.items():
            if name not in _NEVER:
                yield from _lines(item, name, child, f"{path}.{name}")


def _show(value: Any) -> str:
    return repr(value)[:60].encode("utf-8", "replace").decode()
