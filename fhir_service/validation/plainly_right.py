"""A first look at a resource: is it plainly right, structure and invariants at once? No is no verdict.

Resources of one source have few shapes. For each shape of each kind of object, a row of questions is made of the
element catalogue, one for each value; what breaks a rule by its keys alone has no row. So most resources need one walk
and little else. Whatever is not plain (nested resources, references into a resource itself, odd values) is left to the
layers, which say what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from fhir_service.definitions.codes import required_codes
from fhir_service.definitions.elements import Property, is_primitive, properties, resource_types
from fhir_service.validation.invariant_checks import Scope
from fhir_service.validation.invariant_programs import MOST_KEYS, Look, program
from fhir_service.validation.invariant_rules import rules_at
from fhir_service.validation.plain_values import LONGEST_STRING, Question, primitive, reference
from fhir_service.validation.walk import breaks_by_keys

Test = Callable[[Any], Any]
"""Of one value; what is not true, or raises, is not plain."""

_LOOK = Look(warnings=False, anchors=False)
"""References with anchors are not plain."""
_NOWHERE = Scope.__new__(Scope)
"""Knows nothing, so that an invariant which asks for what is around an element raises."""
_NOT_ALONE = frozenset({"Bundle", "Parameters"})
"""Types whose parts say something together."""
_MOST_SHAPES = 64
"""Of one kind; others are not plain, so that nobody fills the memory."""
_ANY = ("Resource",)
_NOT_PLAIN = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""What tests raise for values of another type, and rules that ask for what is around an element."""


def is_plainly_right(resource: Any, text: bytes = b"") -> bool:
    """Whether neither the structure of a resource nor an invariant that is an error is broken, for certain. The `text`
    it was read from makes that faster to see."""
    if len(text) > LONGEST_STRING:
        return False  # what is so long takes its time; a no after a second look at all of it would take twice as much
    kinds = _CAREFUL if not text or b"\\" in text else _QUICK
    try:
        return bool(kinds[resource["resourceType"]][tuple(resource)](resource))
    except _NOT_PLAIN:
        return False


class _Kind(dict[tuple[str, ...], Test]):
    """The objects of a holder, at places that have invariants of their own; of references, those to `targets`: by
    shape the test of an object of that shape."""

    def __init__(self, holder: str, places: tuple[str, ...], targets: tuple[str, ...], careful: bool) -> None:
        self._holder, self._places, self._targets, self._careful = holder, places, targets, careful

    def __missing__(self, shape: tuple[str, ...]) -> Test:
        if not shape or len(self) >= _MOST_SHAPES or len(shape) > MOST_KEYS or breaks_by_keys(self._holder, shape):
            return _never
        test = self._made(shape)
        if test is not _never:
            self[shape] = test
        return test

    def _made(self, shape: tuple[str, ...]) -> Test:
        invariants = program(self._holder, self._places, _LOOK)
        asked = []
        for key in shape:
            question = self._question(key)
            if question is None:
                return _never
            asked.append((question, key))
            if (step := invariants.steps.get(key)) is not None:
                asked += [(Question("{test}({value}, nowhere) is not False", rule.check), key) for rule in step.rules]
        rules = invariants.plan(dict.fromkeys(shape)).rules
        asked += [(Question("{test}(element, nowhere) is not False", rule.check), "") for rule in rules]
        return _compiled(asked)

    def _question(self, key: str) -> Question | None:
        """What is asked of a property; None where it is unknown or not plain."""
        if key == "resourceType" and self._holder in resource_types():
            return Question("{value} in {test}", {self._holder})
        found = properties(self._holder).get(key.removeprefix("_"))
        if found is None or found.type == "Resource":
            return None
        if key[0] != "_":
            return self._primitive(found) if is_primitive(found.type) else self._complex(found)
        if not is_primitive(found.type) or found.element.repeats or found.element.attribute or found.type == "xhtml":
            return None
        return Question(_OBJECT, _kind("Element", (), (), self._careful))

    def _primitive(self, found: Property) -> Question:
        question = self._one_primitive(found)
        return Question("{test}({value})", _of_all(_compiled([(question, "")]))) if found.element.repeats else question

    def _one_primitive(self, found: Property) -> Question:
        if (codes := _required_codes(found)) is not None:
            return Question("{value} in {test}", frozenset(code for listed in codes.values() for code in listed))
        if self._holder == "Reference" and found.name == "reference":
            return reference(self._targets, self._careful)
        if self._holder == "Reference" and found.name == "type" and self._targets:
            return Question("{value} in {test}", frozenset(self._targets))
        return primitive(found.type, self._careful)

    def _complex(self, found: Property) -> Question:
        place = f"{self._holder}.{found.name}"
        places = (place, *found.element.profiles.get(found.type, ()))
        own = tuple(other for other in places if other != found.holder and rules_at(other, found.holder))
        targets = found.element.targets.get("Reference", ())
        kind = _kind(found.holder, own, () if targets == _ANY else targets, self._careful)
        codes = _required_codes(found) if found.type == "CodeableConcept" else None
        if codes is None:
            return Question("{test}({value})", _of_all_of(kind)) if found.element.repeats else Question(_OBJECT, kind)
        test = _with_one_of(frozenset((system, code) for system, listed in codes.items() for code in listed), kind)
        return Question("{test}({value})", _of_all(test) if found.element.repeats else test)


class _OfResources(dict[str, _Kind]):
    """By type of resource."""

    def __init__(self, *, careful: bool) -> None:
        self._careful = careful

    def __missing__(self, name: str) -> _Kind:
        if name not in resource_types() - _NOT_ALONE:
            raise LookupError(name)
        found = self[name] = _kind(name, (), (), self._careful)
        return found


_CAREFUL, _QUICK = _OfResources(careful=True), _OfResources(careful=False)
_OBJECT = "{test}[tuple({value})]({value})"


def _never(_element: Any) -> bool:
    return False


def _compiled(asked: Sequence[tuple[Question, str]]) -> Test:
    """One function that asks everything of the members of these names, or of the value itself where there is no name.

    Python is made of it, as `dataclasses` does, since this runs most: names come out of the catalogue alone.
    """
    names = {f"test{number}": question.test for number, (question, _) in enumerate(asked)}
    parts = []
    for name, (question, key) in zip(names, asked, strict=True):
        parts.append(question.expression.format(test=name, value=f"element[{key!r}]" if key else "element"))
    test: Test = eval(f"lambda element: {' and '.join(parts)}", names | {"nowhere": _NOWHERE})  # noqa: S307  # see above
    return test


def _required_codes(found: Property) -> Mapping[str, tuple[str, ...]] | None:
    binding = found.element.binding
    return required_codes(binding.value_set) if binding and binding.strength == "required" else None


@cache
def _kind(holder: str, places: tuple[str, ...], targets: tuple[str, ...], careful: bool) -> _Kind:
    return _Kind(holder, places, targets, careful)


def _of_all(test: Test) -> Test:
    """The test of every item of an array."""

    def of_all(values: Any) -> bool:
        if type(values) is not list:
            return False
        for value in values:  # `all` of a generator takes twice the time, and this runs most
            if not test(value):
                return False
        return bool(values)

    return of_all


def _of_all_of(kind: _Kind) -> Test:
    def of_all_of(values: Any) -> bool:
        for value in values:
            if not kind[tuple(value)](value):
                return False
        return type(values) is list and bool(values)

    return of_all_of


def _with_one_of(members: frozenset[tuple[str, str]], kind: _Kind) -> Test:
    """A concept with a coding from a value set."""

    def is_bound(concept: Any) -> bool:
        if not kind[tuple(concept)](concept):
            return False
        for coding in concept["coding"]:  # noqa: SIM110  # `any` of a generator takes twice the time, and this runs often
            if (coding.get("system"), coding.get("code")) in members:
                return True
        return False

    return is_bound
