"""Profiles, security labels and tags of a resource, added or taken away (R4 resource-operation-meta-add.html).

R4 would change them in place, also in old versions. Here every version is kept as it was, so a change makes the next
version, and one that changes nothing makes none.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from fhir_service.fhir.json_text import parse


@dataclass(frozen=True, slots=True)
class AddMeta:
    """Adds what is not there yet. It is a patch."""

    meta: dict[str, Any]
    size = 1

    def applied(self, resource: dict[str, Any]) -> dict[str, Any]:
        """The resource afterwards; `resource` itself is changed on the way."""
        meta = resource.setdefault("meta", {})
        for name, identity in _SETS.items():
            there = list(meta.get(name, ()))
            known = {identity(one) for one in there}
            for one in self.meta.get(name, ()):
                if identity(one) not in known:
                    known.add(identity(one))
                    there.append(one)
            if there:
                meta[name] = there
        return resource


@dataclass(frozen=True, slots=True)
class DeleteMeta:
    """Takes away what is there. It is a patch."""

    meta: dict[str, Any]
    size = 1

    def applied(self, resource: dict[str, Any]) -> dict[str, Any]:
        """The resource afterwards; `resource` itself is changed on the way."""
        meta = resource.get("meta", {})
        for name, identity in _SETS.items():
            unwanted = {identity(one) for one in self.meta.get(name, ())}
            kept = [one for one in meta.get(name, ()) if identity(one) not in unwanted]
            if kept:
                meta[name] = kept
            else:
                meta.pop(name, None)
        return resource


def meta_of(text: bytes) -> dict[str, Any]:
    """The meta of a stored resource."""
    found: dict[str, Any] = parse(text).get("meta", {})
    return found


def _of_label(coding: dict[str, Any]) -> Hashable:
    return coding.get("system"), coding.get("code")


def _of_profile(url: Any) -> Hashable:
    return str(url)


_SETS: dict[str, Callable[[Any], Hashable]] = {"profile": _of_profile, "security": _of_label, "tag": _of_label}
"""The parts of meta that are sets, and what makes two of their members the same: a label's version and display do not
count."""
