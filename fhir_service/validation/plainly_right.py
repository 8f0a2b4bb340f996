"""A first look at a resource: is it plainly right, structure and invariants at once? No is no verdict.

Resources of one source have few shapes. For each shape of each kind of object, one row of tests is made of the element
catalogue, a test for each value; what breaks a rule by its keys alone has no row. So most resources need one walk and
little else. Whatever is not plain (nested resources, references into a resource itself, odd values) is left to the
layers, which say what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from fhir_service.definitions.codes import required_codes
from fhir_service.definitions.elements import (
    Primitive,
    Property,
    is_primitive,
    primitives,
    properties,
    resource_types,
)
from fhir_service.formats.xhtml import narrative_fault
from fhir_service.validation.invariant_checks import Check, Scope
from fhir_service.validation.invariant_programs import MOST_KEYS, MOST_SHAPES, Look, program
from fhir_service.validation.invariant_rules import Rule, rules_at
from fhir_service.validation.walk import breaks_by_keys

Test = Callable[[Any], Any]
"""Of one value; what is not true, or raises, is not plain."""

_LOOK = Look(warnings=False, anchors=False)
"""References with anchors are not plain."""
_NOWHERE = Scope.__new__(Scope)
"""Knows nothing, so that an invariant which asks for what is around an element raises."""
_NOT_ALONE = frozenset({"Bundle", "Parameters"})
"""Types whose parts say something together."""
_ANY = ("Resource",)
_REPEATED = frozenset({"canonical", "code", "uri", "url"})
_MOST_TEXTS = 4096
_LONGEST_TEXT = 200
_LONGEST = 1024 * 1024
_NOT_PLAIN = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""What tests raise for values of another type, and rules that ask for what is around an element."""


def is_plainly_right(resource: object, text: bytes = b"") -> bool:
    """Whether neither the structure of a resource nor an invariant that is an error is broken, for certain. The `text`
    it was read from makes that faster to see."""
    if not isinstance(resource, dict):
        return False
    name = resource.get("resourceType")
    if not isinstance(name, str) or name not in resource_types() or name in _NOT_ALONE:
        return False
    careful = not text or len(text) > _LONGEST or b"\\" in text
    try:
        return _kind(name, (), (), careful).holds(resource)
    except _NOT_PLAIN:
        return False


class _Row(NamedTuple):
    """What is asked of an object of one shape: of its values, then of all of it."""

    tests: tuple[tuple[str, Test], ...]
    checks: tuple[Check, ...]


_NEVER = _Row((), (lambda _element, _scope: False,))


class _Kind:
    """The objects of a holder, at places that have invariants of their own; of references, those to `targets`."""

    __slots__ = ("_careful", "_holder", "_places", "_rows", "_targets")

    def __init__(self, holder: str, places: tuple[str, ...], targets: tuple[str, ...], careful: bool) -> None:
        self._holder, self._places, self._targets, self._careful = holder, places, targets, careful
        self._rows: dict[tuple[str, ...], _Row] = {}

    def holds(self, value: dict[str, Any]) -> bool:
        tests, checks = self._rows.get(tuple(value)) or self._row(value)
        for key, test in tests:
            if not test(value[key]):
                return False
        for check in checks:  # noqa: SIM110  # `all` of a generator takes twice the time, and this runs most
            if check(value, _NOWHERE) is False:
                return False
        return True

    def _row(self, value: dict[str, Any]) -> _Row:
        shape = tuple(value)
        row = self._made(value)
        if len(self._rows) < MOST_SHAPES and len(shape) <= MOST_KEYS:
            self._rows[shape] = row
        return row

    def _made(self, value: dict[str, Any]) -> _Row:
        if not value or breaks_by_keys(self._holder, value):
            return _NEVER
        invariants = program(self._holder, self._places, _LOOK)
        tests = []
        for key in value:
            test = self._test(key)
            if test is None:
                return _NEVER
            step = invariants.steps.get(key)
            tests.append((key, _with_rules(test, step.rules) if step and step.rules else test))
        return _Row(tuple(tests), tuple(rule.check for rule in invariants.plan(value).rules))

    def _test(self, key: str) -> Test | None:
        """The test of a property; None where it is unknown or not plain."""
        if key == "resourceType" and self._holder in resource_types():
            return {self._holder}.__contains__
        found = properties(self._holder).get(key.removeprefix("_"))
        if found is None or found.type == "Resource":
            return None
        if key[0] != "_":
            one = self._primitive(found) if is_primitive(found.type) else self._complex(found)
            return _of_all(one) if found.element.repeats else one
        if not is_primitive(found.type) or found.element.repeats or found.element.attribute or found.type == "xhtml":
            return None
        return _kind("Element", (), (), self._careful).holds

    def _primitive(self, found: Property) -> Test:
        binding = found.element.binding
        codes = required_codes(binding.value_set) if binding and binding.strength == "required" else None
        if codes is not None:
            return frozenset(code for listed in codes.values() for code in listed).__contains__
        if self._holder == "Reference" and found.name == "reference":
            return _reference(self._targets, self._careful)
        if self._holder == "Reference" and found.name == "type" and self._targets:
            return frozenset(self._targets).__contains__
        return _primitive(found.type, self._careful)

    def _complex(self, found: Property) -> Test:
        place = f"{self._holder}.{found.name}"
        places = (place, *found.element.profiles.get(found.type, ()))
        own = tuple(other for other in places if other != found.holder and rules_at(other, found.holder))
        targets = found.element.targets.get("Reference", ())
        holds = _kind(found.holder, own, () if targets == _ANY else targets, self._careful).holds
        binding = found.element.binding
        codes = required_codes(binding.value_set) if binding and binding.strength == "required" else None
        if codes is None or found.type != "CodeableConcept":
            return holds
        members = frozenset((system, code) for system, listed in codes.items() for code in listed)
        return lambda concept: holds(concept) and _has_one_of(members, concept)


@cache
def _kind(holder: str, places: tuple[str, ...], targets: tuple[str, ...], careful: bool) -> _Kind:
    return _Kind(holder, places, targets, careful)


def _of_all(test: Test) -> Test:
    def of_all(values: Any) -> bool:
        if type(values) is not list:
            return False
        for value in values:  # `all` of a generator takes twice the time, and this runs most
            if not test(value):
                return False
        return bool(values)

    return of_all


def _with_rules(test: Test, rules: tuple[Rule, ...]) -> Test:
    return lambda value: test(value) and all(rule.check(value, _NOWHERE) is not False for rule in rules)


def _has_one_of(members: frozenset[tuple[str, str]], concept: Mapping[str, Any]) -> bool:
    return any((coding.get("system"), coding.get("code")) in members for coding in concept["coding"])


class _Known(dict[str, bool]):
    """Texts that fit a pattern, kept where they are short: codes and systems come again and again."""

    def __init__(self, fits: Callable[[str], Any]) -> None:
        self._fits = fits

    def __missing__(self, text: str) -> bool:
        if not self._fits(text):
            return False
        if len(text) <= _LONGEST_TEXT:
            if len(self) >= _MOST_TEXTS:
                self.clear()
            self[text] = True
        return True


@cache
def _primitive(name: str, careful: bool) -> Test:
    form = primitives()[name]
    if form.json != "string":
        return _number_or_boolean(form)
    if form.max_length is not None and not careful:
        return str.__len__  # text without escapes that is read from JSON cannot break the pattern of a string
    fits = re.compile(form.pattern).fullmatch
    if name == "xhtml":
        return lambda value: fits(value) and not narrative_fault(value)
    if form.max_length is not None:
        return lambda value: len(value) <= _LONGEST and fits(value)
    return _Known(fits).__getitem__ if name in _REPEATED else fits


def _number_or_boolean(form: Primitive) -> Test:
    if form.json == "boolean":
        return lambda value: value is True or value is False
    if form.json == "number":
        return lambda value: type(value) is int or (type(value) is Decimal and value.is_finite())
    least, most = form.minimum or 0, form.maximum or 0
    return lambda value: type(value) is int and least <= value <= most


@cache
def _reference(targets: tuple[str, ...], careful: bool) -> Test:
    """A literal reference, unless it begins with `#`; a relative one has to be to one of the targets."""
    allowed = f"(?:{'|'.join(targets)})[/?]|[^A-Za-z#]|[A-Za-z]+(?:[^A-Za-z/?]|\\Z)" if targets else "[^#]"
    fits = re.compile(allowed).match
    if not careful:
        return fits
    is_string = _primitive("string", careful)
    return lambda value: fits(value) and is_string(value)
