"""One compiled validator per resource type, out of the strict JSON Schema; built when a type is first met."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema_rs
import msgspec

from fhir_service.definitions.data_files import read_data

_DEFINITIONS = "#/definitions/"


class _Aligned:
    """The keyword `aligned: name`: the arrays `name` and `_name` have the same length, and never a gap at one place."""

    def __init__(self, _parent_schema: dict[str, Any], value: Any, _schema_path: list[str | int]) -> None:
        self._name: str = value

    def validate(self, instance: Any) -> None:
        values, siblings = instance.get(self._name), instance[f"_{self._name}"]
        if not are_aligned(values, siblings):
            raise ValueError(f"{self._name} and _{self._name} do not fit together")


def are_aligned(values: Any, siblings: Any) -> bool:
    """Whether a repeating primitive and its `_` sibling fit. What is no array is somebody else's finding."""
    if not isinstance(siblings, list) or not isinstance(values, list | None):
        return True
    if values is None:
        return None not in siblings
    return len(values) == len(siblings) and all(
        not (value is None and sibling is None) for value, sibling in zip(values, siblings, strict=True)
    )


@cache
def validator(resource_type: str) -> jsonschema_rs.Validator:
    """The validator of a known resource type. Nested resources are left to the caller."""
    return jsonschema_rs.Draft4Validator(
        {"$ref": f"{_DEFINITIONS}{resource_type}", "definitions": _reachable(resource_type)},
        keywords={"aligned": _Aligned},
        pattern_options=jsonschema_rs.RegexOptions(),
        offline=True,
    )


@cache
def _text_validator(pattern: str) -> jsonschema_rs.Validator:
    return jsonschema_rs.Draft4Validator({"pattern": f"^(?:{pattern})$"}, pattern_options=jsonschema_rs.RegexOptions())


def matches(pattern: str, text: str) -> bool:
    """Whether all of a text fits, as the schema sees it: in linear time and without memory for every step, which `re`
    would take for megabytes of base64. Raises ValueError for half a surrogate pair."""
    return _text_validator(pattern).is_valid(text)


class _Schema(msgspec.Struct, frozen=True):
    definitions: dict[str, msgspec.Raw]
    """As text: a process meets few of the types, and read in full they would take ten times the memory."""


@cache
def _schema() -> _Schema:
    return read_data("schema.json", _Schema)


def _reachable(name: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current not in found:
            found[current] = msgspec.json.decode(_schema().definitions[current])
            waiting.extend(_references(found[current]))
    return found


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"].removeprefix(_DEFINITIONS)
        for part in schema.values():
            yield from _references(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _references(part)
