"""StructureDefinitions read from JSON of any shape into what they say about elements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fhir_service.validation.profiles.element_rules import (
    BindingRule,
    Definition,
    Discriminator,
    ElementRule,
    InvariantRule,
    SlicingRule,
    TypedValue,
    TypeRule,
)
from fhir_service.validation.profiles.errors import BrokenProfile

_MAX_VALUE_SET = "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet"
_ADDITIONAL = (
    "http://hl7.org/fhir/5.0/StructureDefinition/extension-ElementDefinition.binding.additional",
    "http://hl7.org/fhir/tools/StructureDefinition/additional-binding",
)
_SYSTEM_TYPE = "http://hl7.org/fhirpath/System."
_CORE = "http://hl7.org/fhir/StructureDefinition/"
_VALUE_PREFIXES = ("fixed", "pattern", "minValue", "maxValue")
_ORDERED = frozenset(
    ["Date", "DateTime", "Instant", "Time", "Decimal", "Integer", "PositiveInt", "UnsignedInt", "Quantity"]
)
"""The types R4 lets minValue[x] and maxValue[x] have."""
MOST_ELEMENTS = 25_000


@dataclass(frozen=True, slots=True)
class _Reader:
    """Takes members of one JSON object by type; `place` is told where one has another."""

    held: Mapping[str, Any]
    place: str

    def text(self, name: str) -> str:
        return self._take(name, str, "a string") or ""

    def number(self, name: str) -> int | None:
        found: int | None = self._take(name, int, "an integer")
        if found is not None and (isinstance(found, bool) or found < 0):
            raise BrokenProfile(f"{self.place}.{name} is no integer from 0 on")
        return found

    def flag(self, name: str) -> bool:
        return self._take(name, bool, "true or false") is True

    def inner(self, name: str) -> _Reader | None:
        found = self._take(name, dict, "an object")
        return None if found is None else _Reader(found, f"{self.place}.{name}")

    def items(self, name: str) -> list[_Reader]:
        found = self._take(name, list, "an array") or []
        readers = [_Reader(item, f"{self.place}.{name}[{at}]") for at, item in enumerate(found)]
        for reader in readers:
            if not isinstance(reader.held, dict):
                raise BrokenProfile(f"{reader.place} is no object")
        return readers

    def texts(self, name: str) -> tuple[str, ...]:
        found = self._take(name, list, "an array") or []
        if not all(isinstance(item, str) for item in found):
            raise BrokenProfile(f"{self.place}.{name} holds something that is no string")
        return tuple(found)

    def _take(self, name: str, kind: type, wanted: str) -> Any:
        found = self.held.get(name)
        if found is not None and not isinstance(found, kind):
            raise BrokenProfile(f"{self.place}.{name} is not {wanted}")
        return found


def read_definition(resource: Mapping[str, Any]) -> Definition:
    """A StructureDefinition. Raises BrokenProfile, with the element, where it has another shape."""
    url = resource.get("url")
    if not isinstance(url, str) or not url:
        raise BrokenProfile("a StructureDefinition without a url")
    reader = _Reader(resource, url)
    differential, snapshot = (_elements(reader, name) for name in ("differential", "snapshot"))
    contexts = tuple((entry.text("type"), entry.text("expression")) for entry in reader.items("context"))
    return Definition(
        url,
        reader.text("type"),
        _canonical(reader.text("baseDefinition")),
        differential or snapshot,
        whole=not differential and bool(snapshot),
        kind=reader.text("kind"),
        version=reader.text("version"),
        contexts=contexts,
        context_invariants=reader.texts("contextInvariant"),
        modifies=next((entry.modifier for entry in differential or snapshot if entry.path == "Extension"), None),
        snapshot=snapshot,
    )


def _elements(reader: _Reader, name: str) -> tuple[ElementRule, ...]:
    part = reader.inner(name)
    elements = part.items("element") if part else []
    if len(elements) > MOST_ELEMENTS:
        raise BrokenProfile(f"{reader.place}.{name} has more than {MOST_ELEMENTS:,} elements")
    return tuple(map(_element, elements))


def _element(reader: _Reader) -> ElementRule:
    path = reader.text("path")
    if not path:
        raise BrokenProfile(f"{reader.place} has no path")
    reader = _Reader(reader.held, f"{reader.place} ({path})")
    maximum = reader.text("max")
    if maximum not in ("", "*") and not (maximum.isascii() and maximum.isdigit() and len(maximum) < 10):
        raise BrokenProfile(f"{reader.place}.max is neither a number nor *")
    values = {prefix: _value(reader, prefix) for prefix in _VALUE_PREFIXES}
    return ElementRule(
        reader.text("id"),
        path,
        reader.text("sliceName"),
        reader.number("min"),
        maximum,
        tuple(_type(entry) for entry in reader.items("type")),
        values["fixed"],
        values["pattern"],
        values["minValue"],
        values["maxValue"],
        reader.number("maxLength"),
        _bindings(reader),
        tuple(_invariant(entry) for entry in reader.items("constraint")),
        _slicing(reader),
        reader.flag("mustSupport"),
        reader.flag("isModifier") if "isModifier" in reader.held else None,
    )


def _value(reader: _Reader, prefix: str) -> TypedValue | None:
    for name, value in reader.held.items():
        if name.startswith(prefix) and name[len(prefix) :][:1].isupper():
            type_name = name[len(prefix) :]
            if prefix in ("fixed", "pattern") or type_name in _ORDERED:
                return TypedValue(type_name, value)
    return None


def _type(reader: _Reader) -> TypeRule:
    code = reader.text("code").removeprefix(_CORE)
    profiles = tuple(_canonical(entry) for entry in reader.texts("profile"))
    targets = tuple(_canonical(entry) for entry in reader.texts("targetProfile"))
    return TypeRule("" if code.startswith(_SYSTEM_TYPE) else code, profiles, targets)


def _canonical(text: str) -> str:
    """With its version, but for that of R4 itself, of which there is one only."""
    url, _, version = text.partition("|")
    return url if url.startswith(_CORE) and f"{version}.".startswith("4.0.") else text


def _bindings(reader: _Reader) -> tuple[BindingRule, ...]:
    binding = reader.inner("binding")
    if binding is None:
        return ()
    found = [BindingRule(binding.text("strength"), binding.text("valueSet"))]
    for extension in binding.items("extension"):
        if extension.text("url") == _MAX_VALUE_SET:
            found.append(BindingRule("required", extension.text("valueCanonical") or extension.text("valueUri")))
        elif extension.text("url") in _ADDITIONAL:
            found.extend(_additional(extension))
    return tuple(entry for entry in found if entry.value_set)


def _additional(extension: _Reader) -> list[BindingRule]:
    """An additional binding that holds everywhere; one with a usage, or about any single repetition, is left out."""
    parts = {part.text("url"): part for part in extension.items("extension")}
    purpose, value_set = parts.get("purpose"), parts.get("valueSet")
    if not purpose or not value_set or "usage" in parts:
        return []
    strength = {"required": "required", "maximum": "required", "extensible": "extensible"}.get(
        purpose.text("valueCode")
    )
    return [BindingRule(strength, value_set.text("valueCanonical"))] if strength else []


def _invariant(reader: _Reader) -> InvariantRule:
    return InvariantRule(
        reader.text("key"),
        reader.text("severity"),
        reader.text("human"),
        reader.text("expression"),
        reader.text("source").partition("|")[0],
    )


def _slicing(reader: _Reader) -> SlicingRule | None:
    slicing = reader.inner("slicing")
    if slicing is None:
        return None
    discriminators = tuple(
        Discriminator(entry.text("type"), entry.text("path")) for entry in slicing.items("discriminator")
    )
    return SlicingRule(discriminators, slicing.flag("ordered"), slicing.text("rules") or "open")
