"""The first layer: is this a resource as FHIR R4 spells it?

Elements that exist, as often as they may, of the right type, choices made once, codes out of required value sets,
references at the right types. Yes or no comes from a JSON Schema in microseconds; what is wrong, only after a no, from
a walk through the resource. Invariants, profiles, codes of other value sets and whether references lead anywhere are
later layers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fhir_service.definitions.elements import resource_types
from fhir_service.fhir.errors import Issue, MalformedContent
from fhir_service.validation.json_text import read_json
from fhir_service.validation.narratives import narrative_issues
from fhir_service.validation.schema_validators import validator
from fhir_service.validation.walk import walk

_HOLDS_RESOURCES = frozenset({"contained", "entry", "parameter"})


def is_valid(resource: object) -> bool:
    """Whether a resource, as JSON text (bytes) or as the value `read_json` gives, is right in its structure, everything
    nested in it (contained, Bundle entries, Parameters) included."""
    if isinstance(resource, bytes):
        try:
            resource = read_json(resource)
        except MalformedContent:
            return False
    if isinstance(resource, dict) and _HOLDS_RESOURCES.isdisjoint(resource):
        return _agrees_with_schema(resource)
    return all(_agrees_with_schema(part) for part in _resources_in(resource))


def findings(resource: object) -> list[Issue]:
    """Everything that is wrong in the structure of a resource, in one pass; where `is_valid`, what is wrong with its
    narratives.

    Text that cannot be read as JSON gives one fatal finding. Every other finding is an error with a FHIRPath
    expression, a rule key (`structure.…`) and a text that says what to mend. At most walk.MOST_FINDINGS are listed.
    """
    if isinstance(resource, bytes):
        try:
            resource = read_json(resource)
        except MalformedContent as error:
            return list(error.issues)
    if is_valid(resource):
        return narrative_issues(resource)
    return walk(resource) or [_unexplained(resource)]


def _agrees_with_schema(resource: Any) -> bool:
    if not isinstance(resource, dict):
        return False
    name = resource.get("resourceType")
    if not isinstance(name, str) or name not in resource_types():
        return False
    try:
        return validator(name).is_valid(resource)
    except ValueError:  # values that JSON cannot hold: half surrogate pairs, keys that are no strings, other objects
        return False


def _resources_in(resource: Any) -> Iterator[Any]:
    """The resource itself and every resource nested in it, at any depth."""
    waiting = [resource]
    while waiting:
        current = waiting.pop()
        yield current
        if isinstance(current, dict):
            waiting.extend(_items(current.get("contained")))
            match current.get("resourceType"):
                case "Bundle":
                    waiting.extend(_in_entries(current))
                case "Parameters":
                    waiting.extend(_in_parameters(current.get("parameter")))


def _in_entries(bundle: dict[str, Any]) -> Iterator[Any]:
    for entry in _items(bundle.get("entry")):
        if isinstance(entry, dict):
            if "resource" in entry:
                yield entry["resource"]
            response = entry.get("response")
            if isinstance(response, dict) and "outcome" in response:
                yield response["outcome"]


def _in_parameters(parameters: Any) -> Iterator[Any]:
    waiting = list(_items(parameters))
    while waiting:
        parameter = waiting.pop()
        if isinstance(parameter, dict):
            if "resource" in parameter:
                yield parameter["resource"]
            waiting.extend(_items(parameter.get("part")))


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _unexplained(resource: Any) -> Issue:
    """The schema said no and the walk found nothing: never let that pass as valid."""
    for part in _resources_in(resource):
        for error in validator(part["resourceType"]).iter_errors(part):
            path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.instance_path)
            return Issue("error", "structure", error.message, (f"{part['resourceType']}{path}",), "structure.schema")
    raise AssertionError("the schema accepts on second thought")
