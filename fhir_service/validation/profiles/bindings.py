"""Codes against the value sets that a profile binds them to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from fhir_service.terminology.errors import BrokenDefinition, NotExpandable, UnknownTerminology
from fhir_service.terminology.value_sets import ValueSets
from fhir_service.validation.profiles import wording
from fhir_service.validation.profiles.element_rules import BindingRule
from fhir_service.validation.profiles.instances import Item
from fhir_service.validation.profiles.runs import Run

Key = tuple[str, str]
_SEVERITY = {"required": "error", "extensible": "warning"}
_CODE_TYPES = frozenset({"code", "uri", "string", "canonical", "url", "id", "oid", "uuid", "markdown"})
_QUANTITIES = frozenset({"Quantity", "Age", "Count", "Distance", "Duration", "SimpleQuantity", "MoneyQuantity"})
_CANNOT_LIST = (UnknownTerminology, NotExpandable, BrokenDefinition, LookupError, TypeError, AttributeError)
"""Also what a value set of the wrong shape, sent along, leads to."""


class Terminology(Protocol):
    """What is needed of `terminology.Terminologies`."""

    @property
    def value_sets(self) -> ValueSets: ...


class BoundCodes:
    """The codes of value sets by canonical URL, each listed once."""

    def __init__(self, terminology: Terminology) -> None:
        self._value_sets = terminology.value_sets
        self._codes: dict[str, tuple[frozenset[Key], frozenset[str]] | None] = {}

    def of(self, value_set: str) -> tuple[frozenset[Key], frozenset[str]] | None:
        """System and code of all members, and the codes alone; None where it is unknown or cannot be listed."""
        if value_set not in self._codes:
            self._codes[value_set] = self._listed(value_set)
        return self._codes[value_set]

    def _listed(self, value_set: str) -> tuple[frozenset[Key], frozenset[str]] | None:
        try:
            members = frozenset(self._value_sets.members(_without_r4(value_set)))
        except _CANNOT_LIST:
            return None
        return members, frozenset(code for _, code in members)


def _without_r4(value_set: str) -> str:
    """With its version, but for that of R4 itself, of which there is one only."""
    url, _, version = value_set.partition("|")
    return url if f"{version}.".startswith("4.0.") else value_set


Check = Callable[[Item, str, Run], None]


def binding_check(binding: BindingRule, profile: str, *, of_choice: bool = False) -> Check | None:
    """A check for values of any type that can be bound; None where the strength asks for nothing.

    `of_choice`: the element has several types. Such a binding is about its coded types, and only advice for the units
    of a quantity: so HL7's validator has it, and R4's vital signs need it (a component with L/min).
    """
    severity = _SEVERITY.get(binding.strength)
    if severity is None:
        return None

    def check(item: Item, where: str, run: Run) -> None:
        if item.value is None:
            return
        held = run.codes.of(binding.value_set)
        if held is None:
            text = wording.value_set_not_listed(binding.value_set, profile)
            run.once("information", "not-supported", text, where, "profile.binding-not-checked")
            return
        written = list(_written(item))
        members, codes = held
        if any(key in members if key[0] else key[1] in codes for key in written):
            return
        if not written and (binding.strength != "required" or not _says_something(item)):
            return
        text = wording.code_not_in_value_set(binding, written, members, profile)
        advice = of_choice and item.type in _QUANTITIES
        run.found("warning" if advice else severity, "code-invalid", text, where, "profile.binding")

    return check


def _written(item: Item) -> Iterator[Key]:
    """System and code of every coding; the system of a bare code is empty."""
    value = item.value
    if item.type in _CODE_TYPES:
        if isinstance(value, str):
            yield "", value
    elif isinstance(value, dict):
        codings = value.get("coding") if item.type == "CodeableConcept" else [value]
        for coding in codings if isinstance(codings, list) else ():
            if isinstance(coding, dict) and isinstance(coding.get("code"), str):
                system = coding.get("system")
                yield (system if isinstance(system, str) else "urn:no-system"), coding["code"]


def _says_something(item: Item) -> bool:
    """A concept or quantity that only says why it is missing passes."""
    if not isinstance(item.value, dict) or item.type == "CodeableConcept":
        return isinstance(item.value, dict) and ("coding" in item.value or "text" in item.value)
    return (item.type in _QUANTITIES and "value" in item.value) or item.type == "Coding"
