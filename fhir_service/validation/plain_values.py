"""What is asked of one value of a primitive type, to see at a glance that it is right: expressions of Python.

Of a text that was read from JSON without escapes less has to be asked than of any value (`careful`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from functools import cache, partial
from typing import Any, NamedTuple

from fhir_service.definitions.elements import Primitive, primitives
from fhir_service.formats.xhtml import narrative_fault
from fhir_service.validation.schema_validators import matches

LONGEST_STRING = 1024 * 1024
_REPEATED = frozenset({"canonical", "code", "date", "dateTime", "uri", "url"})
_REPEATING = frozenset({"base64Binary", "code", "oid"})
"""Those whose pattern repeats a group: `re` would take memory for every step of a long text."""
_MOST_TEXTS = 1024
_LONGEST_TEXT = 200


class Question(NamedTuple):
    """An expression over `{value}` and `{test}`, and what the latter stands for."""

    expression: str
    test: Any


_TEXT = Question("{value} > ''", None)
"""Nothing but a text can be compared with one; in JSON without escapes it has no control characters."""


class _Known(dict[str, bool]):
    """Texts that fit a pattern, some of them kept: codes, systems and times come again and again."""

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
def primitive(name: str, careful: bool) -> Question:
    form = primitives()[name]
    if form.json != "string":
        return _number_or_boolean(form, careful)
    if form.max_length is not None and not careful:
        return _TEXT
    fits = _fits(name, form.pattern)
    if name == "xhtml":
        return Question("{test}({value})", lambda value: fits(value) and not narrative_fault(value))
    if form.max_length is not None:
        return Question("{test}({value})", lambda value: len(value) <= LONGEST_STRING and fits(value))
    return Question("{test}[{value}]", _Known(fits)) if name in _REPEATED else Question("{test}({value})", fits)


def _fits(name: str, pattern: str) -> Callable[[str], Any]:
    return partial(matches, pattern) if name in _REPEATING else re.compile(_of_whole_characters(pattern)).fullmatch


def _of_whole_characters(pattern: str) -> str:
    """A pattern that half surrogate pairs do not fit either, which values that were not read from JSON can have."""
    return pattern.replace("[^", r"[^\ud800-\udfff")


def _number_or_boolean(form: Primitive, careful: bool) -> Question:
    if form.json == "boolean":
        return Question("{value}.__class__ is {test}", bool)
    if form.json == "number":
        is_finite = " and {value} - {value} == 0" if careful else ""  # JSON has no other numbers
        return Question("{value}.__class__ in {test}" + is_finite, frozenset({int, Decimal}))
    limits = f"{form.minimum} <= {{value}} <= {form.maximum}"
    return Question(f"{{value}}.__class__ is {{test}} and {limits}", int)


@cache
def reference(targets: tuple[str, ...], careful: bool) -> Question:
    """A literal reference, unless it begins with `#`; a relative one has to be to one of the targets."""
    allowed = f"(?:{'|'.join(targets)})[/?]|[^A-Za-z#]|[A-Za-z]+(?:[^A-Za-z/?]|\\Z)" if targets else "[^#]"
    string = _of_whole_characters(primitives()["string"].pattern)
    fits = re.compile(f"(?={allowed})(?:{string})\\Z" if careful else allowed).match
    return Question(f"{{test}}({{value}}) and len({{value}}) <= {LONGEST_STRING}", fits)
