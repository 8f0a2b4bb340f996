"""The filters of a value set: which concepts of a code system meet one (R4 valueset-filter-operator).

Patterns are run by an engine whose time grows with the text alone, since a client may send its own value set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import jsonschema_rs

from fhir_service.terminology.code_systems import CodeSystem, Concept
from fhir_service.terminology.errors import BrokenDefinition

_CODE = frozenset({"concept", "code"})
"""Names under which a filter means the code itself."""
_PATTERN_BYTES = 1_000_000

Test = Callable[[Concept], bool]


def matching(system: CodeSystem, filters: list[Mapping[str, Any]]) -> list[Concept]:
    """The concepts that meet all filters, in the order of the system. Raises BrokenDefinition."""
    tests = [_test(system, entry) for entry in filters]
    return [concept for concept in system.concepts.values() if all(test(concept) for test in tests)]


def _test(system: CodeSystem, entry: Mapping[str, Any]) -> Test:
    name, operator, value = entry.get("property"), entry.get("op"), entry.get("value")
    if not (isinstance(name, str) and isinstance(operator, str) and isinstance(value, str)):
        raise BrokenDefinition("a filter of a value set needs property, op and value")
    if operator in _HIERARCHY:
        if name not in _CODE:
            raise BrokenDefinition(f"the filter {operator} goes with the property concept, not with {name[:80]}")
        return _hierarchy(system, operator, value)
    if operator not in _VALUES:
        raise BrokenDefinition(f"there is no filter {operator[:80]}; there are {', '.join((*_HIERARCHY, *_VALUES))}")
    accepts = _VALUES[operator](value)
    return lambda concept: accepts(_values(system, concept, name))


def _hierarchy(system: CodeSystem, operator: str, value: str) -> Test:
    start = system.concept(value)
    if start is None:
        raise BrokenDefinition(f"the code system {system.url} has no code '{value[:80]}' to filter by")
    codes = _HIERARCHY[operator](system, start.code)
    return lambda concept: (concept.code in codes) is (operator != "is-not-a")


_HIERARCHY: Mapping[str, Callable[[CodeSystem, str], frozenset[str]]] = {
    "is-a": CodeSystem.descendants,
    "descendent-of": lambda system, code: system.descendants(code) - {code},
    "is-not-a": CodeSystem.descendants,
    "generalizes": CodeSystem.ancestors,
}


def _values(system: CodeSystem, concept: Concept, name: str) -> list[str]:
    """What a concept has for a property, as texts."""
    if name in _CODE:
        return [concept.code]
    if name in ("display", "definition"):
        return [text for text in (getattr(concept, name),) if text]
    if name == "parent":
        return list(concept.parents)
    if name == "child":
        return list(system.children(concept.code))
    return [_text(entry.value) for entry in concept.properties if entry.code == name]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value.get("code", "")) if isinstance(value, dict) else str(value)


def _equal(wanted: str) -> Callable[[list[str]], bool]:
    return lambda values: wanted in values


def _among(wanted: str) -> Callable[[list[str]], bool]:
    codes = frozenset(part.strip() for part in wanted.split(","))
    return lambda values: not codes.isdisjoint(values)


def _not_among(wanted: str) -> Callable[[list[str]], bool]:
    is_among = _among(wanted)
    return lambda values: not is_among(values)


def _pattern(wanted: str) -> Callable[[list[str]], bool]:
    is_valid = _compiled(wanted)
    return lambda values: any(is_valid(value) for value in values)


def _exists(wanted: str) -> Callable[[list[str]], bool]:
    if wanted not in ("true", "false"):
        raise BrokenDefinition("the filter exists wants true or false")
    return lambda values: bool(values) is (wanted == "true")


@lru_cache(64)
def _compiled(pattern: str) -> Callable[[str], bool]:
    """Whether a whole text has a pattern. Raises BrokenDefinition for a pattern that cannot be run."""
    schema = {"type": "string", "pattern": f"^(?:{pattern})$"}
    limits = jsonschema_rs.RegexOptions(size_limit=_PATTERN_BYTES, dfa_size_limit=_PATTERN_BYTES)
    try:
        return jsonschema_rs.Draft4Validator(schema, pattern_options=limits).is_valid
    except (ValueError, jsonschema_rs.ValidationError):
        raise BrokenDefinition(f"the regular expression '{pattern[:80]}' of a filter cannot be used") from None


_VALUES: Mapping[str, Callable[[str], Callable[[list[str]], bool]]] = {
    "=": _equal,
    "in": _among,
    "not-in": _not_among,
    "regex": _pattern,
    "exists": _exists,
}
