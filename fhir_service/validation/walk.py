"""What is wrong in a resource that the schema refused: one walk beside the element catalogue, every finding."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any, NamedTuple

from fhir_service.definitions.elements import Element, Property, children, is_primitive, properties, resource_types
from fhir_service.fhir.errors import Issue
from fhir_service.validation import wording
from fhir_service.validation.json_text import MAX_DEPTH
from fhir_service.validation.schema_validators import are_aligned
from fhir_service.validation.values import coding_fault, primitive_fault, reference_fault

MOST_FINDINGS = 1000
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class _Enough(Exception):
    """MOST_FINDINGS were found."""


def walk(resource: Any) -> list[Issue]:
    """Every fault in the structure of a parsed resource, as error issues: those of an object before those inside it."""
    walker = _Walker()
    try:
        walker.walk(resource)
    except _Enough:
        text = f"only the first {MOST_FINDINGS:,} findings are listed; mend these and send it again"
        walker.issues.append(Issue("information", "incomplete", text, rule="structure.more"))
    return walker.issues


class _Rules(NamedTuple):
    """What holds for an object as a whole, read off the catalogue once per holder."""

    required: tuple[tuple[str, Element, tuple[str, ...]], ...]
    choices: tuple[tuple[str, tuple[str, ...]], ...]
    repeating_primitives: tuple[str, ...]


@cache
def _rules(holder: str) -> _Rules:
    allowed, elements = properties(holder), children(holder)
    keys = {name: tuple(key for key, entry in allowed.items() if entry.name == name) for name in elements}
    return _Rules(
        required=tuple((name, element, keys[name]) for name, element in elements.items() if element.min),
        choices=tuple((name, keys[name]) for name in elements if name.endswith("[x]")),
        repeating_primitives=tuple(
            key for key, entry in allowed.items() if entry.element.repeats and _has_sibling(entry)
        ),
    )


def breaks_by_keys(holder: str, keys: Collection[str]) -> bool:
    """Whether an object that has these properties lacks a required element, or has two types of one choice."""
    names = {key.removeprefix("_") for key in keys}
    rules = _rules(holder)
    lacks = any(names.isdisjoint(possible) for _, _, possible in rules.required)
    return lacks or any(len(names.intersection(possible)) > 1 for _, possible in rules.choices)


class _Walker:
    """Holds what is still to be looked at in a list, not on Python's stack, which hostile nesting would exhaust."""

    def __init__(self) -> None:
        self.issues: list[Issue] = []
        self._inner: list[tuple[str, dict[str, Any], str, int]] = []

    def walk(self, resource: Any) -> None:
        self._resource(resource, "", 0)
        waiting = self._inner
        while waiting:
            self._inner = []
            self._object(*waiting.pop())
            waiting.extend(reversed(self._inner))

    def _resource(self, value: Any, where: str, depth: int) -> None:
        """A resource: the outermost one (`where` is empty) or one nested in another."""
        if not isinstance(value, dict):
            self._found("type", where or "Resource", wording.not_a_resource(value))
            return
        name = value.get("resourceType")
        if not isinstance(name, str) or name not in resource_types():
            self._found("unknown-type", where or "Resource", wording.unknown_resource_type(name, resource_types()))
            return
        self._inner.append((name, value, where or name, depth))

    def _object(self, holder: str, value: dict[str, Any], where: str, depth: int) -> None:
        if depth > MAX_DEPTH:
            self._found("depth", where, wording.too_deep(MAX_DEPTH))
            return
        allowed = properties(holder)
        if not value:
            self._found("empty", where, wording.empty_object())
            return
        for key, part in value.items():
            if key == "resourceType" and holder in resource_types():
                continue
            found = self._known(holder, allowed, key, where)
            if found:
                self._property(found, key, part, f"{where}.{_stem(found.name)}", depth)
        self._missing(holder, value, where)
        self._choices(holder, value, where)
        self._alignment(holder, value, where)

    def _known(self, holder: str, allowed: Mapping[str, Property], key: Any, where: str) -> Property | None:
        if not isinstance(key, str):
            self._found("unknown-element", where, wording.key_is_no_string(key))
            return None
        name = key.removeprefix("_")
        found = allowed.get(name)
        if found is not None and (key == name or _has_sibling(found)):
            return found
        rule = "choice" if wording.choice_of(name, children(holder)) else "unknown-element"
        self._found(rule, f"{where}.{_step(key)}", wording.unknown_element(holder, key, children(holder), allowed))
        return None

    def _property(self, found: Property, key: str, part: Any, path: str, depth: int) -> None:
        if part is None:
            self._found("empty", path, wording.null(key))
        elif not found.element.repeats:
            if isinstance(part, list):
                self._found("cardinality", path, wording.array_not_allowed(key, len(part)))
            else:
                self._value(found, key, part, path, depth)
        elif not isinstance(part, list):
            self._found("cardinality", path, wording.array_needed(key))
        elif not part:
            self._found("empty", path, wording.empty_array(key))
        else:
            self._items(found, key, part, path, depth)

    def _items(self, found: Property, key: str, part: list[Any], path: str, depth: int) -> None:
        gaps_allowed = _has_sibling(found)
        for index, item in enumerate(part):
            if item is not None:
                self._value(found, key, item, f"{path}[{index}]", depth)
            elif not gaps_allowed:
                self._found("empty", f"{path}[{index}]", wording.null(key))

    def _value(self, found: Property, key: str, value: Any, path: str, depth: int) -> None:
        if key.startswith("_"):
            self._complex("Element", "Element", value, path, depth)
        elif is_primitive(found.type):
            if fault := primitive_fault(found, value):
                self._found(fault.rule, path, fault.text)
        elif found.type == "Resource":
            self._resource(value, path, depth + 1)
        else:
            self._complex(found.holder, found.type, value, path, depth)
            for fault in (coding_fault(found, value), reference_fault(found, value)):
                if fault:
                    self._found(fault.rule, f"{path}{fault.below}", fault.text)

    def _complex(self, holder: str, type_name: str, value: Any, path: str, depth: int) -> None:
        if isinstance(value, dict):
            self._inner.append((holder, value, path, depth + 1))
        else:
            self._found("type", path, wording.object_needed(type_name, value))

    def _missing(self, holder: str, value: dict[str, Any], where: str) -> None:
        for name, element, keys in _rules(holder).required:
            if not any(_is_present(key, value) for key in keys):
                self._found("required", f"{where}.{_stem(name)}", wording.required(holder, name, element))

    def _choices(self, holder: str, value: dict[str, Any], where: str) -> None:
        for name, keys in _rules(holder).choices:
            chosen = [key for key in keys if _is_present(key, value)]
            if len(chosen) > 1:
                self._found("choice", f"{where}.{_stem(name)}", wording.several_choices(name, chosen))

    def _alignment(self, holder: str, value: dict[str, Any], where: str) -> None:
        for key in _rules(holder).repeating_primitives:
            values, siblings = value.get(key), value.get(f"_{key}")
            if siblings is None and isinstance(values, list) and None in values:
                self._found("empty", f"{where}.{key}[{values.index(None)}]", wording.gap_without_sibling(key))
            elif not are_aligned(values, siblings):
                self._found("alignment", f"{where}.{key}", wording.not_aligned(key))

    def _found(self, rule: str, where: str, text: str) -> None:
        if len(self.issues) >= MOST_FINDINGS:
            raise _Enough
        self.issues.append(Issue("error", wording.ISSUE_CODES[rule], text, (where,), f"structure.{rule}"))


def _has_sibling(found: Property) -> bool:
    return is_primitive(found.type) and found.type != "xhtml" and not found.element.attribute


def _stem(name: str) -> str:
    return name.removesuffix("[x]")


def _is_present(key: str, value: dict[str, Any]) -> bool:
    return key in value or f"_{key}" in value


def _step(key: str) -> str:
    """A property name as a step of a FHIRPath expression."""
    if _PLAIN_NAME.fullmatch(key):
        return key[:80]
    escaped = key[:80].encode("unicode_escape").decode().replace("`", "\\`")
    return f"`{escaped}`"
