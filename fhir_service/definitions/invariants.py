"""The invariants of FHIR R4: what must hold of the value of an element, beyond its structure, in FHIRPath."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import msgspec

from fhir_service.definitions.data_files import read_data


class Invariant(msgspec.Struct, frozen=True):
    """One constraint. `key` is HL7's (`per-1`), `severity` error or warning, `human` HL7's sentence."""

    key: str
    severity: str
    human: str
    expression: str
    best_practice: bool = False


class _Invariants(msgspec.Struct, frozen=True):
    invariants: Mapping[str, tuple[Invariant, ...]]


@cache
def invariants() -> Mapping[str, tuple[Invariant, ...]]:
    """By path of an element (`Observation.referenceRange`) or name of a type or profile (`Period`, `SimpleQuantity`):
    what is stated there. A type has those of its base as well."""
    return read_data("invariants.json", _Invariants).invariants


@cache
def expressions_by_key() -> Mapping[str, frozenset[str]]:
    """The expressions stated under each key; a few keys stand for several invariants."""
    found: dict[str, set[str]] = {}
    for stated in invariants().values():
        for entry in stated:
            found.setdefault(entry.key, set()).add(entry.expression)
    return {key: frozenset(expressions) for key, expressions in found.items()}
