"""What can be searched for, for the CapabilityStatement: parameters, includes and reverse includes of a type."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from fhir_service.definitions.search_parameters import parameters_of
from fhir_service.search.common_criteria import COMMON_TYPES
from fhir_service.search.hierarchies import has_hierarchy
from fhir_service.search.parameters import IndexedParameter, indexed_parameters
from fhir_service.search.reference_criteria import points_at
from fhir_service.search.string_criteria import URI_MODIFIERS, string_modifiers
from fhir_service.search.token_criteria import token_modifiers


class OfferedParameter(NamedTuple):
    """A search parameter: its code, search type, the canonical of its definition, the modifiers it takes and, of a
    reference, the types it may point at (empty: any)."""

    name: str
    type: str
    definition: str
    modifiers: tuple[str, ...]
    targets: tuple[str, ...]


def search_parameters(resource_type: str) -> tuple[OfferedParameter, ...]:
    """Every parameter of the type, by name."""
    definitions = parameters_of(resource_type)
    found = [
        OfferedParameter(code, entry.type, definitions[code].url, _modifiers(entry), entry.targets)
        for code, entry in indexed_parameters(resource_type).items()
    ]
    common = [
        OfferedParameter(code, kind, definitions[code].url, (), ())
        for code, kind in COMMON_TYPES.items()
        if code in definitions
    ]
    return tuple(sorted((*found, *common)))


def search_includes(resource_type: str) -> tuple[str, ...]:
    """`_include` values of the type."""
    references = [code for code, entry in indexed_parameters(resource_type).items() if entry.type == "reference"]
    return tuple(f"{resource_type}:{code}" for code in sorted([*references, "*"]))


def search_revincludes(resource_type: str, served: Iterable[str]) -> tuple[str, ...]:
    """`_revinclude` values of the type: references of the types that are served."""
    return tuple(
        f"{source}:{code}"
        for source in sorted(served)
        for code, entry in sorted(indexed_parameters(source).items())
        if entry.type == "reference" and points_at(entry, resource_type)
    )


def _modifiers(parameter: IndexedParameter) -> tuple[str, ...]:
    """Without the types that a reference takes as modifiers."""
    match parameter.type:
        case "composite":
            return ()
        case "token":
            own = token_modifiers(parameter)
        case "string":
            own = string_modifiers(parameter)
        case "uri":
            own = URI_MODIFIERS
        case "reference":
            own = ("identifier", "above", "below") if has_hierarchy(parameter) else ("identifier",)
        case _:
            own = ()
    return ("missing", *(name for name in own if name))
