"""What is broken, as issues: where it stands in the resource, and in words that say what to mend."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from fhir_service.fhir.errors import Issue
from fhir_service.validation.invariant_rules import Rule
from fhir_service.validation.resource_walk import objects

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_FEW = 6
_LONGEST = 60

Broken = tuple[Rule, Any, str]
"""A rule, the object that breaks it, and the property of it where a primitive does."""


def issues_of(resource: dict[str, Any], broken: Sequence[Broken]) -> list[Issue]:
    """An issue for each, in the order in which the objects stand in the resource."""
    missing = {id(element) for _, element, _ in broken}
    places: dict[int, tuple[int, str]] = {}
    for number, (_, element, path) in enumerate(objects(resource)):
        if id(element) in missing and id(element) not in places:
            places[id(element)] = (number, path)
            if len(places) == len(missing):
                break
    ordered = sorted(broken, key=lambda entry: places[id(entry[1])][0])
    return [_issue(rule, element, places[id(element)][1], key) for rule, element, key in ordered]


def _issue(rule: Rule, element: dict[str, Any], path: str, key: str) -> Issue:
    where = f"{path}.{key}" if key else path
    return Issue(rule.severity, "invariant", _text(rule, element), (where,), rule.key)


def _text(rule: Rule, element: dict[str, Any]) -> str:
    if not rule.about:
        return _PLACEHOLDER.sub(lambda found: _shown(element.get(found[1])), rule.text)
    there = [name for name in rule.about if any(key.startswith(name) for key in element)][:_FEW]
    missing = [name for name in rule.about if name not in there][:_FEW]
    found = [f"there is {', '.join(there)}"] if there else []
    found += [f"there is no {', '.join(missing)}"] if missing else []
    return f"{rule.text.rstrip('.')} ({'; '.join(found)})"


def _shown(value: Any) -> str:
    text = str(value) if isinstance(value, str | int) or value is not None else "?"
    return f"{text[:_LONGEST]}…" if len(text) > _LONGEST else text
