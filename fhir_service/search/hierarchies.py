"""`:above` and `:below` on references: versions of canonicals, and trees of parts and wholes (rest-rules REF-4)."""

from __future__ import annotations

from collections.abc import Sequence

from fhir_service.fhir.references import ID
from fhir_service.search import terms
from fhir_service.search.criteria import AnyCriterion, AnyOf, HasTerm, IdCriterion, PointedAtBy, PointsAt
from fhir_service.search.link_values import local_target, version_beginnings
from fhir_service.search.parameters import IndexedParameter, indexed_parameters
from fhir_service.search.query_faults import invalid, unsupported_modifier
from fhir_service.search.query_text import unescaped
from fhir_service.search.reading import Reading
from fhir_service.search.reference_values import normal_reference

HIERARCHY = frozenset({"above", "below"})
_WHOLES = ("partof", "part-of")
"""The parameters by which a resource names the whole of the same type that it is a part of."""
_LEVELS = 4
"""How far a tree is followed."""


def hierarchy_criterion(
    reading: Reading, resource_type: str, parameter: IndexedParameter, modifier: str, values: Sequence[str]
) -> AnyCriterion:
    """Raises InvalidParameter, UnsupportedParameter for a parameter whose targets make no tree."""
    if any(path.type == "canonical" for path in parameter.expression.paths):
        return _versions(resource_type, parameter, modifier, values)
    trees = {kind: whole for kind in parameter.targets if (whole := _whole(kind)) is not None}
    if not trees:
        raise unsupported_modifier(parameter.code, modifier)
    found = []
    for value in values:
        kind, target_id = _member(reading, parameter, tuple(trees), unescaped(value))
        itself = IdCriterion((target_id,))
        inner = (_part_of if modifier == "below" else _whole_of)(kind, trees[kind], itself)
        found.append(PointsAt(terms.link_scope(resource_type, parameter.indexed_as), kind, (inner,)))
    return found[0] if len(found) == 1 else AnyOf(tuple(found))


def has_hierarchy(parameter: IndexedParameter) -> bool:
    """Whether the parameter takes `:above` and `:below`."""
    canonical = any(path.type == "canonical" for path in parameter.expression.paths)
    return canonical or any(_whole(kind) is not None for kind in parameter.targets)


def _versions(resource_type: str, parameter: IndexedParameter, modifier: str, values: Sequence[str]) -> HasTerm:
    name = parameter.indexed_as
    canonicals = [unescaped(value) for value in values]
    if other := next((one for one in canonicals if ":" not in one.partition("|")[0]), None):
        raise invalid(parameter.code, f"'{other}' is not a canonical URL, with |version or without")
    if modifier == "below":
        return HasTerm(tuple(terms.reference_term(resource_type, terms.below_of(name), one) for one in canonicals))
    above = [beginning for one in canonicals for beginning in version_beginnings(one)]
    return HasTerm(tuple(dict.fromkeys(terms.reference_term(resource_type, name, one) for one in above)))


def _whole(kind: str) -> str | None:
    """The link scope of the whole that a resource of that type is a part of."""
    known = indexed_parameters(kind)
    codes = (code for code in _WHOLES if code in known and kind in known[code].targets)
    return next((terms.link_scope(kind, known[code].indexed_as) for code in codes), None)


def _member(reading: Reading, parameter: IndexedParameter, kinds: Sequence[str], value: str) -> tuple[str, str]:
    """The type and id of the resource in a tree that is named."""
    if ID.fullmatch(value) and len(kinds) == 1:
        return kinds[0], value
    local = local_target(normal_reference(value, reading.base) or "")
    if local is None or local[0] not in kinds:
        raise invalid(parameter.code, f"'{value}' is not {' or '.join(f'{kind}/id' for kind in kinds)}")
    return local


def _part_of(kind: str, whole: str, itself: AnyCriterion) -> AnyCriterion:
    """It, or a part of it, or a part of that."""
    found = itself
    for _ in range(_LEVELS):
        found = AnyOf((itself, PointsAt(whole, kind, (found,))))
    return found


def _whole_of(kind: str, whole: str, itself: AnyCriterion) -> AnyCriterion:
    """It, or what it is a part of, or what that is a part of."""
    found = itself
    for _ in range(_LEVELS):
        found = AnyOf((itself, PointedAtBy(whole, kind, (found,))))
    return found
