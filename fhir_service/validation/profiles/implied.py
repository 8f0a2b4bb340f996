"""Profiles that hold because of a code, whether `meta.profile` names them or not.

R4 observation-vitalsigns.html: what records one of the vital signs SHALL conform to its profile. Which codes
those are, the profiles say themselves: a slice of `code.coding` with a fixed system and a fixed code.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from typing import Any

from fhir_service.validation.profiles.errors import BrokenProfile, UnknownProfile
from fhir_service.validation.profiles.registry import ProfileRegistry
from fhir_service.validation.profiles.trees import Node

_HL7 = "http://hl7.org/fhir/StructureDefinition/"
_OF_VITAL_SIGNS = (
    "vitalspanel",
    "resprate",
    "heartrate",
    "oxygensat",
    "bodytemp",
    "bodyheight",
    "headcircum",
    "bodyweight",
    "bmi",
    "bp",
)
"""R4 observation-vitalsigns.html, the table of vital signs."""


class ImpliedProfiles:
    """The profiles of a registry that codes call for; looked up when the first code is met."""

    def __init__(self, registry: ProfileRegistry) -> None:
        self._registry = registry

    def profiles_of(self, resource: dict[str, Any]) -> list[str]:
        """Canonical URLs of what a resource that is right in its structure has to conform to by its code."""
        code = resource.get("code") if resource.get("resourceType") == "Observation" else None
        codings = code.get("coding") if isinstance(code, dict) else None
        if not codings:
            return []
        pairs = [(coding.get("system"), coding.get("code")) for coding in codings]
        return list(dict.fromkeys(self._by_code[pair] for pair in pairs if pair in self._by_code))

    @cached_property
    def _by_code(self) -> dict[tuple[str, str], str]:
        found: dict[tuple[str, str], str] = {}
        for name in _OF_VITAL_SIGNS:
            url = f"{_HL7}{name}"
            with suppress(UnknownProfile, BrokenProfile):
                found.update(dict.fromkeys(_codes(self._registry.tree(url)), url))
        return found


def _codes(tree: Node) -> Iterator[tuple[str, str]]:
    """System and code of the slices of `code.coding` that fix both."""
    code = tree.children.get("code")
    coding = code.children.get("coding") if code else None
    for entry in coding.slices.values() if coding else ():
        system, value = entry.children.get("system"), entry.children.get("code")
        if system and value and system.fixed and value.fixed:
            yield str(system.fixed.value), str(value.fixed.value)
