"""The search parameters of a resource type that can be indexed, compiled from their definitions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

from fhir_service.definitions.search_parameters import SearchParameter, all_parameters, parameters_of
from fhir_service.search.composite_values import FIRST_TYPES, SECOND_TYPES
from fhir_service.search.dates import has_dates
from fhir_service.search.expressions import (
    Expression,
    Path,
    UnsupportedExpression,
    compile_below,
    compile_expression,
    values_of_extension,
)
from fhir_service.search.link_values import has_references
from fhir_service.search.number_values import has_numbers
from fhir_service.search.string_values import has_strings
from fhir_service.search.terms import link_scope
from fhir_service.search.token_values import has_tokens
from fhir_service.search.uri_values import has_uris

_READABLE: Mapping[str, Callable[[str], bool]] = {
    "token": has_tokens,
    "reference": has_references,
    "date": has_dates,
    "string": has_strings,
    "number": has_numbers,
    "quantity": has_numbers,
    "uri": has_uris,
}
"""By search type: which FHIR types it can read."""
INDEXED_TYPES = frozenset({*_READABLE, "composite"})
_SPLIT_TYPES = frozenset({"token", "quantity", "composite"})
"""Types of which a parameter that is others together is asked for by these."""
_FEW_TARGETS = 8
_COLUMNS = frozenset({"_id", "_lastUpdated"})
"""Parameters that are columns of every resource and need no index values."""
_SORT_DATES = ("date", "onset-date", "recorded-date", "recorded", "identified", "birthdate")
"""The parameter that gives a resource its place in time: the first of these that its type has."""


class CompositeElement(NamedTuple):
    """Where a composite stands, and the paths of its two components from there."""

    root: Path
    firsts: tuple[Path, ...]
    seconds: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class IndexedParameter:
    """One parameter of one resource type; `type` is the search type, `targets` the types a reference may point at."""

    code: str
    type: str
    targets: tuple[str, ...]
    expression: Expression
    indexed_as: str
    """The parameter whose reference terms and links answer it: `patient` is a narrower way to ask for `subject`. All
    else (presence, identifiers, sort values) stands under its own code."""
    components: tuple[IndexedParameter, ...] = ()
    """The two parts of a composite. Their values stand under the code of the composite."""
    elements: tuple[CompositeElement, ...] = ()
    parts: tuple[str, ...] = ()
    """The parameters whose values together are its own (`combo-code`: `code` and `component-code`). It is asked for by
    asking for each of them; for itself nothing but what it is sorted by is indexed."""

    @property
    def any_target(self) -> bool:
        """Whether a bare id may be of so many types that it is indexed as it is."""
        return not 0 < len(self.targets) <= _FEW_TARGETS

    @property
    def by_sound(self) -> bool:
        """Whether its texts are stored, and so are asked for, as `text_folding.sounds`."""
        return self.code == "phonetic"


@cache
def indexed_parameters(resource_type: str) -> Mapping[str, IndexedParameter]:
    """By code. A parameter whose expression lies outside the compiled subset is missing, and so is not offered."""
    found: dict[str, IndexedParameter] = {}
    for code, definition in parameters_of(resource_type).items():
        if definition.type not in INDEXED_TYPES or code in _COLUMNS or not definition.expression:
            continue
        try:
            found[code] = _compiled(resource_type, definition)
        except UnsupportedExpression:
            continue
    return MappingProxyType(
        {
            code: replace(entry, indexed_as=_wider(entry, found), parts=_parts(entry, found))
            for code, entry in found.items()
        }
    )


def _compiled(resource_type: str, definition: SearchParameter) -> IndexedParameter:
    expression = compile_expression(resource_type, definition.expression)
    if definition.type == "composite":
        return _composite(definition, expression)
    if not expression.presence:
        expression = Expression(_readable(definition.type, expression.paths))
    if not expression.paths:
        raise UnsupportedExpression(definition.expression)
    narrowed = tuple(dict.fromkeys(path.target for path in expression.paths))
    targets = narrowed if all(narrowed) else definition.target
    return IndexedParameter(definition.code, definition.type, targets, expression, definition.code)


def _readable(search_type: str, paths: tuple[Path, ...]) -> tuple[Path, ...]:
    """The paths to values that a parameter of this type can read; of an extension its value."""
    spread = (one for path in paths for one in (values_of_extension(path) if path.type == "Extension" else (path,)))
    return tuple(path for path in spread if _READABLE[search_type](path.type))


def _composite(definition: SearchParameter, roots: Expression) -> IndexedParameter:
    if len(definition.component) != 2:
        raise UnsupportedExpression(f"{definition.code} has {len(definition.component)} parts")
    found = [[compile_below(root, part.expression) for root in roots.paths] for part in definition.component]
    known = [all_parameters()[part.definition] for part in definition.component]
    parts = [_component(own, known, paths) for own, paths in zip(known, found, strict=True)]
    if parts[0].type not in FIRST_TYPES or parts[1].type not in SECOND_TYPES:
        raise UnsupportedExpression(f"{definition.code} joins {parts[0].type} and {parts[1].type}")
    elements = tuple(
        CompositeElement(root, _readable(parts[0].type, first), _readable(parts[1].type, second))
        for root, first, second in zip(roots.paths, *found, strict=True)
    )
    return IndexedParameter(
        definition.code, "composite", (), roots, definition.code, components=tuple(parts), elements=elements
    )


def _component(own: SearchParameter, known: list[SearchParameter], by_root: list[tuple[Path, ...]]) -> IndexedParameter:
    """The definition that fits what the paths lead to: R4 has those of DocumentReference's `relationship` the wrong
    way round."""
    paths = tuple(path for one in by_root for path in one)
    for definition in (own, *known):
        if definition.type in _READABLE and (readable := _readable(definition.type, paths)):
            return IndexedParameter(
                definition.code, definition.type, definition.target, Expression(readable), definition.code
            )
    raise UnsupportedExpression(f"{own.code} cannot read a part of a composite")


def _wider(narrow: IndexedParameter, known: Mapping[str, IndexedParameter]) -> str:
    """The reference parameter on the same element that asks for any type of target; one of several."""
    if narrow.type != "reference":
        return narrow.code
    bare = tuple(path.without_target for path in narrow.expression.paths)
    alike = (one.code for one in known.values() if one.type == "reference" and one.expression.paths == bare)
    return min(alike, default=narrow.code)


def _parts(whole: IndexedParameter, known: Mapping[str, IndexedParameter]) -> tuple[str, ...]:
    """The parameters of the same type that hold some of its values each, and all of them together."""
    places = _places(whole)
    if whole.type not in _SPLIT_TYPES or whole.expression.presence:
        return ()
    within = {
        one.code: _places(one) for one in known.values() if one.type == whole.type and not one.expression.presence
    }
    found = {code: held for code, held in within.items() if held and held < places}
    return tuple(found) if found and frozenset().union(*found.values()) == places else ()


def _places(parameter: IndexedParameter) -> frozenset[CompositeElement] | frozenset[Path]:
    return frozenset(parameter.elements) if parameter.elements else frozenset(parameter.expression.paths)


@cache
def unions(resource_type: str) -> Mapping[str, tuple[str, ...]]:
    """The parameters that are nothing but others together, each with those."""
    return MappingProxyType({one.code: one.parts for one in indexed_parameters(resource_type).values() if one.parts})


@cache
def presence_parameters(resource_type: str) -> tuple[IndexedParameter, ...]:
    """The parameters that ask whether something is there, and have a value for every resource."""
    return tuple(entry for entry in indexed_parameters(resource_type).values() if entry.expression.presence)


@cache
def links_of(resource_type: str, parameter: str = "*") -> Mapping[str, tuple[str, ...]]:
    """By link scope, the types that references under it may point at (empty: any), for one reference parameter or, with
    `*`, for all of a type: what `_include` follows. Empty where there is no such parameter."""
    known = indexed_parameters(resource_type)
    wanted = known.values() if parameter == "*" else [known[parameter]] if parameter in known else []
    found: dict[str, tuple[str, ...]] = {}
    for one in wanted:
        if one.type == "reference":
            scope = link_scope(resource_type, one.indexed_as)
            if scope not in found or one.code == one.indexed_as:
                found[scope] = one.targets
    return MappingProxyType(found)


@cache
def sort_date_parameter(resource_type: str) -> str | None:
    """The date parameter by which resources of the type are ordered in time; None where it has none."""
    known = indexed_parameters(resource_type)
    return next((code for code in _SORT_DATES if code in known and known[code].type == "date"), None)


@cache
def patient_parameter(resource_type: str) -> str | None:
    """The index values that tell whose a resource is: one reference at most. None where there are none."""
    known = indexed_parameters(resource_type)
    for code in ("patient", "subject"):
        parameter = known.get(code)
        if parameter is not None and parameter.type == "reference" and not parameter.expression.repeats:
            return parameter.indexed_as
    return None
