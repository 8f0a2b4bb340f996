"""Ids: from roles inside one report to UUIDs that are the same every time.

An id is the UUIDv5 of source key, case number and role. Roles (`1/index-1`) hold the number of the case already.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
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


def with_uuids(facts: Any, source_key: str) -> Any:
    """A copy of logical-model JSON in which every id, and every reference to one, is its UUID."""
    if isinstance(facts, list):
        return [with_uuids(item, source_key) for item in facts]
    if not isinstance(facts, Mapping):
        return facts
    return {
        name: _as_uuids(value, source_key) if name == "id" or _refers(name, value) else with_uuids(value, source_key)
        for name, value in facts.items()
    }


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
    items = value if isinstance(value, list) else [value]
    return name in REFERENCES and all(isinstance(item, str) for item in items)


def _as_uuids(value: str | list[str], source_key: str) -> str | list[str]:
    if isinstance(value, list):
        return [resource_id(source_key, role) for role in value]
    return resource_id(source_key, value)
