"""The words of the structure findings: what is wrong, what is allowed, how to mend it. Never more than a few names."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from fhir_service.definitions.elements import Element, Property

ISSUE_CODES = {
    "alignment": "structure",
    "binding": "code-invalid",
    "cardinality": "structure",
    "choice": "structure",
    "depth": "too-costly",
    "empty": "structure",
    "primitive": "value",
    "reference-target": "value",
    "required": "required",
    "type": "structure",
    "unknown-element": "structure",
    "unknown-type": "not-supported",
}
"""Rule key, without `structure.`, to the code of http://hl7.org/fhir/issue-type."""

_FEW = 20


def not_a_resource(value: Any) -> str:
    return f"a resource is a JSON object with a resourceType, not {kind(value)}"


def unknown_resource_type(name: Any, known: Iterable[str]) -> str:
    if name is None:
        return "the resource has no resourceType; name its type, for instance Patient"
    return f"{quoted(name)} is not a resource type of FHIR R4{perhaps(name, known)}"


def too_deep(limit: int) -> str:
    return f"nested deeper than {limit} levels; what is below was not looked at"


def empty_object() -> str:
    return "an object without content; leave the element out, or say why it is missing with data-absent-reason"


def empty_array(name: str) -> str:
    return f"{name} is an array without items; leave it out"


def empty_string() -> str:
    return "an empty string; leave the element out"


def null(name: str) -> str:
    return f"{quoted(name)} is null; leave it out (null only keeps the place of a repeating primitive or its _ sibling)"


def key_is_no_string(key: Any) -> str:
    return f"the key {quoted(key)} is not a string"


def choice_of(name: str, known: Mapping[str, Element]) -> str | None:
    """The choice (`value[x]`) that a property name of no allowed type seems to mean (`valueAddress`)."""
    for choice in known:
        stem = choice.removesuffix("[x]")
        if stem != choice and (name == stem or (name.startswith(stem) and name[len(stem) :][:1].isupper())):
            return choice
    return None


def unknown_element(holder: str, key: str, known: Mapping[str, Element], allowed: Mapping[str, Property]) -> str:
    name = key.removeprefix("_")
    if name in allowed:
        return f"{name} of {holder} cannot have a {key}; only primitive elements have such a sibling"
    if choice := choice_of(name, known):
        names = [other for other, entry in allowed.items() if entry.name == choice]
        return f"{quoted(key)} is none of the types {choice} may have in {holder}; use {listed(names)}"
    if key == "fhir_comments":
        return "fhir_comments is not part of FHIR R4; remove it"
    hint = perhaps(name, allowed)
    return f"{holder} has no element {quoted(key)}{hint or '; remove it, or carry the fact in an extension'}"


def array_not_allowed(name: str, items: int) -> str:
    mend = "write it without the brackets" if items == 1 else "keep one value, without brackets"
    return f"{name} may occur once and is no array; {mend}"


def array_needed(name: str) -> str:
    return f"{name} may repeat and is always an array; put the value in brackets"


def object_needed(type_name: str, value: Any) -> str:
    what = "an object" if type_name in ("Element", "BackboneElement") else f"an object of type {type_name}"
    return f"{what} is needed here, not {kind(value)}"


def required(holder: str, name: str, element: Element) -> str:
    if name.endswith("[x]"):
        stem = name.removesuffix("[x]")
        names = [f"{stem}{code[0].upper()}{code[1:]}" for code in element.types]
        return f"{holder} needs {name}; add one of {listed(names)}"
    return f"{holder} needs {name}; add it"


def several_choices(name: str, chosen: Sequence[str]) -> str:
    return f"{name} may be given in one type only; keep one of {listed(chosen)}"


def gap_without_sibling(name: str) -> str:
    return f"{name} has a null, and no _{name} that says what stands in its place; remove the null"


def not_aligned(name: str) -> str:
    return (
        f"{name} and _{name} must have the same number of items, one for one, null where one of the two has nothing "
        "and never null in both"
    )


def primitive(type_name: str, form: str, value: Any) -> str:
    return f"{_shown(value)} is no {type_name}; write {form}"


def code_not_in_value_set(code: str, codes: Mapping[str, Sequence[str]], value_set: str) -> str:
    known = [entry for listed in codes.values() for entry in listed]
    return f"{quoted(code)} is not in the value set {value_set}; {_allowed(code, known)}"


def concept_not_in_value_set(codings: Sequence[Any], codes: Mapping[str, Sequence[str]], value_set: str) -> str:
    written = [coding["code"] for coding in codings if isinstance(coding, dict) and isinstance(coding.get("code"), str)]
    known = [entry for listed in codes.values() for entry in listed]
    what = f"none of the codings ({listed([quoted(code) for code in written])})" if written else "no coding"
    systems = " or ".join(codes)
    return f"{what} is in the value set {value_set}; add a coding with system {systems}; " + _allowed(
        written[0] if written else "", known
    )


def wrong_target(name: str, targets: Sequence[str]) -> str:
    return f"a reference to {quoted(name)} is not allowed here; allowed: {listed(targets)}"


def _allowed(code: str, known: Sequence[str]) -> str:
    if len(known) <= _FEW:
        return f"allowed: {listed(known)}"
    return f"{len(known)} codes are allowed{perhaps(code, known)}"


def perhaps(name: Any, known: Iterable[str]) -> str:
    """The nearest known names as a question, or nothing."""
    if not isinstance(name, str) or len(name) > 100:
        return ""
    by_lower = {entry.lower(): entry for entry in known}
    near = get_close_matches(name.lower(), by_lower, n=3, cutoff=0.7)
    return f"; did you mean {' or '.join(by_lower[entry] for entry in near)}?" if near else ""


def listed(names: Collection[str]) -> str:
    shown = list(names)[:_FEW]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def quoted(value: Any) -> str:
    text = str(value)
    shown = f"{text[:60]}…" if len(text) > 60 else text
    return "'" + shown.encode("utf-8", "backslashreplace").decode() + "'"


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return kind(value) if isinstance(value, dict | list) or value is None else str(value)[:60]


def kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case str():
            return "a string"
        case dict():
            return "an object"
        case list():
            return "an array"
        case _:
            return "a number"
