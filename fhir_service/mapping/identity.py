"""Ids: from roles inside one report to UUIDs that are the same every time.

An id is the UUIDv5 of source key, case number and role. Roles (`1/index-1`) hold the number of the case already.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any
from uuid import UUID, uuid5

NAMESPACE = UUID("ec4c237b-0459-5124-81e2-51097024171b")
"""Another namespace would give every resource another id."""

REFERENCES = frozenset(
    {
        *("event", "partOf", "reason", "dueTo", "condition", "suspect", "history"),
        *("group", "implicated", "patient"),
    }
)
"""Elements of the logical model that hold ids of other facts; `id` itself is each fact's own."""


def resource_id(source_key: str, role: str) -> str:
    """The UUID of the resource that a role of a report becomes."""
    return str(uuid5(NAMESPACE, f"{source_key}#{role}"))


def with_uuids(facts: Mapping[str, Any], source_key: str) -> dict[str, Any]:
    """A copy of logical-model JSON in which every id, and every reference to one, is its UUID."""

    @cache
    def uuid_of(role: str) -> str:
        return resource_id(source_key, role)

    def copied(part: Any) -> Any:
        if type(part) is list:
            return [copied(item) for item in part]
        if type(part) is not dict:
            return part
        return {
            name: _each(value, uuid_of)
            if name == "id" or _refers(name, value)
            else copied(value)
            if type(value) is dict or type(value) is list
            else value
            for name, value in part.items()
        }

    found: dict[str, Any] = copied(facts)
    return found


def without_references(facts: Any, ids: Collection[str]) -> Any:
    """A copy of logical-model JSON without references to any of these ids."""
    if isinstance(facts, list):
        return [without_references(item, ids) for item in facts]
    if not isinstance(facts, Mapping):
        return facts
    kept = {}
    for name, value in facts.items():
        if not _refers(name, value):
            kept[name] = without_references(value, ids)
        elif isinstance(value, list):
            kept[name] = [item for item in value if item not in ids]
        elif value not in ids:
            kept[name] = value
    return kept


def _refers(name: str, value: Any) -> bool:
    """`Case.condition` holds facts, `ComplicationFact.condition` the id of one: the value tells them apart."""
    if name not in REFERENCES:
        return False
    return all(isinstance(item, str) for item in value) if isinstance(value, list) else isinstance(value, str)


def _each(value: str | list[str], change: Callable[[str], str]) -> str | list[str]:
    return [change(item) for item in value] if isinstance(value, list) else change(value)
