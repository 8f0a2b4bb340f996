"""HL7's code systems and value sets of R4, as far as they can be listed; FHIR resources without prose."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import msgspec

from fhir_service.definitions.data_files import read_data

Resources = Mapping[str, dict[str, Any]]


class _Terminology(msgspec.Struct, frozen=True):
    code_systems: tuple[dict[str, Any], ...]
    value_sets: tuple[dict[str, Any], ...]


@cache
def _terminology() -> _Terminology:
    """What R4's elements are bound to, and what its profiles and extensions are bound to beyond."""
    of_elements, of_profiles = (
        read_data(name, _Terminology) for name in ("terminology.json", "terminology-of-profiles.json")
    )
    return _Terminology(
        of_elements.code_systems + of_profiles.code_systems, of_elements.value_sets + of_profiles.value_sets
    )


@cache
def r4_code_systems() -> Resources:
    """Complete CodeSystems by canonical URL."""
    return _by_url("CodeSystem", _terminology().code_systems)


@cache
def r4_value_sets() -> Resources:
    """ValueSets that need no other code systems than these, by canonical URL."""
    return _by_url("ValueSet", _terminology().value_sets)


def _by_url(resource_type: str, entries: tuple[dict[str, Any], ...]) -> Resources:
    return MappingProxyType({entry["url"]: {"resourceType": resource_type, **entry} for entry in entries})
