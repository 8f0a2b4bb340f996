"""What reference parameters find: targets in one form, links to resources of this server, identifiers (REF-1 to REF-4).

Not covered: a chain does not look into contained resources; their references (`#id`) give no value.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from fhir_service.search.collector import Collector, LinkValue, Reader
from fhir_service.search.expressions import Path
from fhir_service.search.reference_values import normal_reference
from fhir_service.search.terms import below_of, id_term, identifier_of, link_scope, reference_term
from fhir_service.search.token_values import identifier_pairs, token_terms

if TYPE_CHECKING:
    from fhir_service.search.parameters import IndexedParameter

_TYPES = frozenset({"Reference", "canonical", "uri", "url"})
_PARTS = 8
"""Dots of a version that are cut at."""
_known = lru_cache(4096)(normal_reference)


def reference_reader(resource_type: str, parameters: Sequence[IndexedParameter], path: Path) -> Reader:
    """Reads the values of one path for the reference parameters that share it.

    A parameter that is answered by another (`patient` by `subject`) adds no targets of its own."""
    codes = [one.code for one in parameters]
    own = [one for one in parameters if one.indexed_as == one.code]
    by_id = [one.code for one in own if any(other.any_target for other in parameters if other.indexed_as == one.code)]
    by_identifier = [identifier_of(code) for code in codes]

    @lru_cache(512)
    def terms_for(target: str) -> tuple[tuple[str, ...], tuple[LinkValue, ...]]:
        local = local_target(target)
        terms = [reference_term(resource_type, one.code, target) for one in own]
        if path.type == "canonical":
            if "|" in target:
                terms += [reference_term(resource_type, one.code, target.partition("|")[0]) for one in own]
            beginnings = version_beginnings(target)
            terms += [reference_term(resource_type, below_of(one.code), each) for one in own for each in beginnings]
        if local is None:
            return tuple(terms), ()
        terms += [id_term(resource_type, code, local[1]) for code in by_id]
        return tuple(terms), tuple(LinkValue(link_scope(resource_type, one.code), *local) for one in own)

    def read(held: Any, found: Collector) -> None:
        address = held.get("reference") if isinstance(held, dict) else held
        target = _known(address, found.base) if isinstance(address, str) else None
        if target is not None:
            terms, links = terms_for(target)
            found.terms += terms
            found.links += links
            found.sort_by_text(codes, target, target)
        if isinstance(held, dict) and "identifier" in held:
            for system, code in identifier_pairs(held["identifier"]):
                for name in by_identifier:
                    found.terms += token_terms(resource_type, name, system, code)

    return read


def version_beginnings(canonical: str) -> tuple[str, ...]:
    """Of `url|1.2.3`: `url`, `url|1`, `url|1.2` and itself (REF-4)."""
    url, _, version = canonical.partition("|")
    parts = version.split(".", _PARTS) if version else []
    return (url, *(f"{url}|{'.'.join(parts[:end])}" for end in range(1, len(parts) + 1)))


def local_target(target: str) -> tuple[str, str] | None:
    """Type and id of a resource on this server; None for an address elsewhere."""
    target_type, _, target_id = target.partition("/")
    return (target_type, target_id) if target_type.isalpha() and target_id and "/" not in target_id else None


def has_references(fhir_type: str) -> bool:
    """Whether a reference parameter can read values of this type."""
    return fhir_type in _TYPES
