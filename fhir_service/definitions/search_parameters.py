"""Search parameters by resource type: HL7's for R4 and our own from `mappings/search-parameters`, in one list.

A definition may serve many types with one long union; here each type gets its own part of the expression.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from types import MappingProxyType

import msgspec

from fhir_service.definitions.catalogue import DEFAULT_BASE, Kind, catalogue
from fhir_service.definitions.data_files import read_data
from fhir_service.definitions.elements import is_a, lineage

_ROOT = re.compile(r"\(*([A-Z][A-Za-z]*)\b")


class Component(msgspec.Struct, frozen=True):
    """A part of a composite: canonical of the parameter that gives its type, and where it is below the composite."""

    definition: str
    expression: str


class SearchParameter(msgspec.Struct, frozen=True, rename="camel"):
    """One SearchParameter as far as a server needs it; FHIR's names. `expression` is FHIRPath, empty for specials."""

    url: str
    code: str
    base: tuple[str, ...]
    type: str
    expression: str = ""
    target: tuple[str, ...] = ()
    component: tuple[Component, ...] = ()
    comparator: tuple[str, ...] = ()
    modifier: tuple[str, ...] = ()
    chain: tuple[str, ...] = ()
    multiple_or: bool | None = None
    multiple_and: bool | None = None


class _Compiled(msgspec.Struct, frozen=True):
    search_parameters: tuple[SearchParameter, ...]


@cache
def all_parameters(canonical_base: str = DEFAULT_BASE) -> Mapping[str, SearchParameter]:
    """Every definition by URL, expressions whole. Our own replace HL7's of the same URL.

    Raises UnknownArtifact or BrokenArtifact where `mappings/` cannot be read.
    """
    own = catalogue(canonical_base).artifacts(Kind.SEARCH_PARAMETER).values()
    compiled = read_data("search-parameters.json", _Compiled).search_parameters
    return MappingProxyType(
        {entry.url: entry for entry in (*compiled, *(msgspec.convert(entry, SearchParameter) for entry in own))}
    )


@cache
def parameters_of(resource_type: str, canonical_base: str = DEFAULT_BASE) -> Mapping[str, SearchParameter]:
    """The parameters of one resource type by code, those of Resource and DomainResource included, each with the part of
    its expression that concerns this type. Where two have one code, ours wins over HL7's."""
    found: dict[str, SearchParameter] = {}
    types = lineage(resource_type)
    for parameter in all_parameters(canonical_base).values():
        if not types.isdisjoint(parameter.base):
            parts = expression_for(resource_type, parameter.expression)
            found[parameter.code] = msgspec.structs.replace(parameter, expression=parts)
    return MappingProxyType(found)


def expression_for(resource_type: str, expression: str) -> str:
    """The alternatives of a union that start at this type, at one it derives from, or at no type at all."""
    return " | ".join(part for part in alternatives(expression) if _concerns(resource_type, part))


def _concerns(resource_type: str, part: str) -> bool:
    root = _ROOT.match(part)
    return root is None or is_a(resource_type, root[1])


def alternatives(expression: str) -> Iterator[str]:
    """The operands of the outermost `|` of a FHIRPath expression."""
    depth, start, quoted = 0, 0, False
    for position, character in enumerate(expression):
        if character == "'":
            quoted = not quoted
        elif quoted:
            continue
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "|" and depth == 0:
            yield expression[start:position].strip()
            start = position + 1
    if last := expression[start:].strip():
        yield last
