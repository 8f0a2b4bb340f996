"""HL7's compartments of R4: through which search parameters a resource belongs to a patient, an encounter and so on."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import msgspec

from fhir_service.definitions.data_files import read_data


class _Compartments(msgspec.Struct, frozen=True):
    compartments: Mapping[str, Mapping[str, tuple[str, ...]]]


@cache
def _compartments() -> _Compartments:
    return read_data("compartments.json", _Compartments)


def compartment_types() -> frozenset[str]:
    """The resource types that have a compartment."""
    return frozenset(_compartments().compartments)


def compartment(resource_type: str) -> Mapping[str, tuple[str, ...]]:
    """By type of its members, the codes of the search parameters that make them members; the resource itself is one
    without any. Empty for a type that has no compartment."""
    return _compartments().compartments.get(resource_type, {})
