"""JSON Merge Patch (RFC 7396): an object whose members replace those of the resource, null takes one away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fhir_service.fhir.errors import MalformedContent


@dataclass(frozen=True, slots=True)
class MergePatch:
    """The members to change, as they were sent."""

    changes: dict[str, Any]

    @property
    def size(self) -> int:
        """Of operations it has one."""
        return 1

    def applied(self, resource: dict[str, Any]) -> Any:
        """The document afterwards; `resource` itself is changed on the way and not to be used again."""
        return _merged(resource, self.changes)


def merge_patch(document: Any) -> MergePatch:
    """The patch that a parsed document is. Raises MalformedContent where it is no object."""
    if not isinstance(document, dict):
        raise MalformedContent("a JSON Merge Patch of a resource is an object (RFC 7396)")
    return MergePatch(document)


def _merged(target: Any, changes: Any) -> Any:
    if not isinstance(changes, dict):
        return changes
    merged: dict[str, Any] = target if isinstance(target, dict) else {}
    for key, change in changes.items():
        if change is None:
            merged.pop(key, None)
        else:
            merged[key] = _merged(merged.get(key), change)
    return merged
