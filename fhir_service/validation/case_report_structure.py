"""Is this a CaseReport as the logical model spells it? Elements, JSON types, how often, primitives, codes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from functools import cache, lru_cache
from typing import Any, NamedTuple

from fhir_service.definitions.catalogue import DEFAULT_BASE
from fhir_service.definitions.elements import Element, Property
from fhir_service.fhir.errors import Issue
from fhir_service.terminology.terminologies import terminologies
from fhir_service.validation import wording
from fhir_service.validation.case_report_model import ROOT, ModelElement
from fhir_service.validation.values import primitive_fault

RESOURCE_TYPE = "resourceType"
"""Others may write the name of the model on top, as in a resource."""
_ISSUE_CODES = {
    "unknown-element": "structure",
    "type": "structure",
    "cardinality": "structure",
    "empty": "structure",
    "required": "required",
    "primitive": "value",
    "code": "code-invalid",
}
_FEW = 12
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Place(NamedTuple):
    """A value of the report, the element it stands for, and where: `case[0].complication[1].onset`."""

    element: ModelElement
    value: Any
    path: str


def structure_issues(report: Any, model: ModelElement, base: str = DEFAULT_BASE) -> Iterator[Issue]:
    """Every fault in the structure and the codes of a report, in the order it is written."""
    if not isinstance(report, Mapping):
        yield _issue("type", ROOT, f"a case report is a JSON object, not {wording.kind(report)}")
        return
    yield from _object(Place(model, report, ""), base)


def fits(element: ModelElement, value: Any) -> bool:
    """Whether a value is one of the primitive that the element is."""
    return primitive_fault(_property(element.type), value) is None


def items_of(element: ModelElement, value: Any, path: str) -> list[Place]:
    """The values of an element with the path of each; nothing where a list stands for one value, or the reverse."""
    if element.repeats != isinstance(value, list):
        return []
    if not element.repeats:
        return [Place(element, value, path)]
    return [Place(element, item, f"{path}[{index}]") for index, item in enumerate(value)]


def below(path: str, name: str) -> str:
    """The path of a member; a name that is none in FHIRPath stands in backquotes."""
    if not _PLAIN_NAME.fullmatch(name):
        name = f"`{name[:80].encode('unicode_escape').decode()}`"
    return f"{path}.{name[:90]}" if path else name[:90]


def _object(place: Place, base: str) -> Iterator[Issue]:
    element, value, path = place
    if not value:
        yield _issue("empty", path or ROOT, wording.empty_object())
        return
    for key, part in value.items():
        child = element.children.get(key)
        if child is not None:
            yield from _member(child, part, below(path, key), base)
        elif path or (key, part) != (RESOURCE_TYPE, ROOT):
            yield _issue("unknown-element", below(path, str(key)), _unknown(element, str(key)))
    for name, child in element.children.items():
        if child.required and name not in value:
            kind = "an array" if child.repeats else child.type or "an object"
            text = f"{element.name or ROOT} needs {name} ({kind}), and there is none; add it"
            yield _issue("required", below(path, name), text)
    yield from _code(place, base)


def _member(element: ModelElement, value: Any, path: str, base: str) -> Iterator[Issue]:
    if value is None:
        yield _issue("empty", path, f"{element.name} is null; leave it out where nothing is stated")
    elif element.repeats and not isinstance(value, list):
        text = f"{element.name} may be there several times and is an array, also of one: write [{wording.kind(value)}]"
        yield _issue("cardinality", path, text)
    elif isinstance(value, list) and not element.repeats:
        yield _issue("cardinality", path, f"{element.name} may be there once, found an array of {len(value)}; keep one")
    elif value == []:
        yield _issue("empty", path, wording.empty_array(element.name))
    else:
        for place in items_of(element, value, path):
            yield from _value(place, base)


def _value(place: Place, base: str) -> Iterator[Issue]:
    element, value, path = place
    if element.children:
        if isinstance(value, Mapping):
            yield from _object(place, base)
        else:
            names = wording.listed(_names(element))
            text = f"{element.name} has to be an object with {names}; found {wording.kind(value)}"
            hint = ': write {"code": …}, or {"text": …} for words' if isinstance(value, str) else ""
            yield _issue("type", path, text + (hint if {"code", "text"} <= element.children.keys() else ""))
    elif fault := primitive_fault(_property(element.type), value):
        yield _issue("primitive", path, f"{element.name}: {fault.text}")
    elif element.value_set and value not in (known := _codes(element.value_set, base)):
        yield _issue("code", path, _unknown_code(value, element.value_set, known))


def _code(place: Place, base: str) -> Iterator[Issue]:
    """The code inside a Coded, whose value set the element around it says."""
    element, value, path = place
    code = value.get("code")
    if element.value_set and isinstance(code, str) and code not in (known := _codes(element.value_set, base)):
        words = "" if "text" in value else "; words that no code stands for go into text, without a code"
        yield _issue("code", below(path, "code"), _unknown_code(code, element.value_set, known) + words)


def _unknown(element: ModelElement, key: str) -> str:
    near = wording.perhaps(key, element.children) or f"; it has {wording.listed(_names(element))}"
    return f"{element.name or ROOT} has no element {wording.quoted(key)}{near}"


def _unknown_code(code: str, value_set: str, known: Mapping[str, str]) -> str:
    text = f"{wording.quoted(code)} is no code of {value_set}"
    near = nearest(code, known)
    if near:
        text += f"; nearest: {wording.listed([f'{one} ({known[one]})' if known[one] else one for one in near])}"
    if len(known) <= _FEW or not near:
        text += f"; allowed: {wording.listed(known)}"
    return f"{text}; use one that means the same"


def nearest(code: str, known: Mapping[str, str]) -> list[str]:
    """The codes that are most like it, by themselves or by their displays."""
    if len(code) > 100:
        return []
    by_words: dict[str, str] = {}
    for one, display in known.items():
        by_words.setdefault(display.lower(), one)
        by_words[one.lower()] = one
    found = _close(code.lower().replace(" ", "-"), tuple(by_words))
    return list(dict.fromkeys(by_words[words] for words in found))[:3]


@lru_cache(1024)
def _close(code: str, words: tuple[str, ...]) -> list[str]:
    """To look takes milliseconds, and one wrong code may stand in thousands of facts."""
    return get_close_matches(code, words, n=5, cutoff=0.5)


def _names(element: ModelElement) -> Collection[str]:
    return element.children.keys()


@cache
def _codes(value_set: str, base: str) -> Mapping[str, str]:
    """The codes of a value set with their displays. Cached."""
    members = terminologies(base).value_sets.members(value_set)
    return {member.code: member.display or "" for member in members.values()}


@cache
def _property(name: str) -> Property:
    return Property(name, Element(types=(name,)), name, "")


def _issue(rule: str, path: str, text: str) -> Issue:
    return Issue("error", _ISSUE_CODES[rule], text, (path,), f"case-report.{rule}")
