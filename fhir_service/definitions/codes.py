"""The codes of the value sets that FHIR R4 itself makes required."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import msgspec

from fhir_service.definitions.data_files import read_data


class _RequiredCodes(msgspec.Struct, frozen=True):
    value_sets: Mapping[str, Mapping[str, tuple[str, ...]]]
    not_listed: Mapping[str, str]


@cache
def _required_codes() -> _RequiredCodes:
    return read_data("required-codes.json", _RequiredCodes)


def required_codes(value_set: str) -> Mapping[str, tuple[str, ...]] | None:
    """Codes by code system for the canonical of a required value set; None where no list can hold it (MIME types)."""
    return _required_codes().value_sets.get(value_set)
