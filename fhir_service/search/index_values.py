"""A resource to the values it is found by. Pure, and driven by the search parameter definitions alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from zlib import crc32

from fhir_service.search import terms
from fhir_service.search.dates import EARLIEST, LATEST, Range, date_range
from fhir_service.search.expressions import Value
from fhir_service.search.parameters import (
    IndexedParameter,
    paths_by_member,
    patient_parameter,
    presence_parameters,
    sort_date_parameter,
)
from fhir_service.search.reference_values import normal_reference

_BUCKETS = 256


class IntervalValue(NamedTuple):
    """A date in milliseconds since 1970 UTC, from `low` up to but without `high`; or a number, a point of which has
    `low` equal to `high`."""

    scope: str
    low: float
    high: float


class TextValue(NamedTuple):
    """A text, folded or as it is written: its scope tells."""

    scope: str
    text: str


class LinkValue(NamedTuple):
    """A reference to `target_type/target_id` on this server."""

    scope: str
    target_type: str
    target_id: str


@dataclass(frozen=True, slots=True)
class IndexValues:
    """All that one resource is found by. Terms and scopes are made by `search.terms`."""

    resource_type: str
    terms: tuple[str, ...] = ()
    """Without repeats."""
    dates: tuple[IntervalValue, ...] = ()
    numbers: tuple[IntervalValue, ...] = ()
    texts: tuple[TextValue, ...] = ()
    links: tuple[LinkValue, ...] = ()
    narrative: str = ""
    """The words of its narrative, without mark-up."""
    content: str = ""
    """All its words, the narrative included."""
    sort_date: int | None = None
    """Where it stands in time: the first moment of its own date, in milliseconds since 1970 UTC."""
    sort_values: Mapping[str, tuple[float, float] | tuple[str, str]] = field(default_factory=dict)
    """The least and the greatest value by parameter: dates in milliseconds, numbers, or folded texts."""


@dataclass(slots=True)
class _Found:
    terms: dict[str, None] = field(default_factory=dict)
    dates: dict[IntervalValue, None] = field(default_factory=dict)
    links: dict[LinkValue, None] = field(default_factory=dict)


def index_values(resource: Mapping[str, Any], base: str | None = None) -> IndexValues:
    """The values of every indexed parameter. References under `base` are taken as relative. What cannot be read as the
    type it should have gives no value."""
    found = _Found()
    kind = resource["resourceType"]
    paths = paths_by_member(kind)
    for member in resource:
        for parameter, path in paths.get(member, ()):
            for value in path.values(resource):
                if parameter.type == "token":
                    _add_token(found, kind, parameter.code, value)
                elif parameter.type == "reference":
                    _add_reference(found, kind, parameter, value, base)
                elif parameter.type == "date":
                    for range_ in _dates(value):
                        found.terms[terms.presence_term(kind, parameter.code)] = None
                        found.dates[IntervalValue(terms.interval_scope(kind, parameter.code), *range_)] = None
    for parameter in presence_parameters(kind):
        present = "true" if parameter.expression.is_present(resource) else "false"
        _add_code(found, kind, parameter.code, None, present)
    scope = terms.interval_scope(kind, sort_date_parameter(kind) or "")
    return IndexValues(
        kind,
        tuple(found.terms),
        tuple(found.dates),
        links=tuple(found.links),
        sort_date=min((int(value.low) for value in found.dates if value.scope == scope), default=None),
    )


def partition_key(resource_id: str, values: IndexValues) -> str:
    """The patient a resource belongs to, so that what is read together is kept together; for a resource of no patient
    one of 256 buckets. A bucket begins with `~`, which no id does."""
    if values.resource_type == "Patient":
        return resource_id
    scope = terms.link_scope(values.resource_type, patient_parameter(values.resource_type) or "")
    for link in values.links:
        if link.scope == scope and link.target_type == "Patient":
            return link.target_id
    return f"~{crc32(f'{values.resource_type}/{resource_id}'.encode()) % _BUCKETS:02x}"


def _add_token(found: _Found, kind: str, parameter: str, value: Value) -> None:
    held = value.value
    if isinstance(held, bool):
        _add_code(found, kind, parameter, None, "true" if held else "false")
    elif isinstance(held, str):
        _add_code(found, kind, parameter, None, held)
    elif isinstance(held, dict):
        if value.type == "CodeableConcept":
            codings = held.get("coding")
            for coding in codings if isinstance(codings, list) else ():
                _add_token(found, kind, parameter, Value("Coding", coding))
        elif value.type in ("Identifier", "ContactPoint"):
            system = held.get("system") if value.type == "Identifier" else None
            _add_code(found, kind, parameter, system, held.get("value"))
        elif value.type == "Coding":
            _add_code(found, kind, parameter, held.get("system"), held.get("code"))


def _add_code(found: _Found, kind: str, parameter: str, system: object, code: object) -> None:
    system = system if isinstance(system, str) else None
    if isinstance(code, str):
        found.terms[terms.presence_term(kind, parameter)] = None
        found.terms[terms.code_term(kind, parameter, code)] = None
        found.terms[terms.token_term(kind, parameter, system, code)] = None
    if system is not None:
        found.terms[terms.presence_term(kind, parameter)] = None
        found.terms[terms.system_term(kind, parameter, system)] = None


def _add_reference(found: _Found, kind: str, parameter: IndexedParameter, value: Value, base: str | None) -> None:
    address = value.value.get("reference") if isinstance(value.value, dict) else value.value
    target = normal_reference(address, base) if isinstance(address, str) else None
    if target is None:
        return
    found.terms[terms.presence_term(kind, parameter.code)] = None
    found.terms[terms.reference_term(kind, parameter.code, target)] = None
    if value.type == "canonical" and "|" in target:
        found.terms[terms.reference_term(kind, parameter.code, target.partition("|")[0])] = None
    target_type, _, target_id = target.partition("/")
    if target_type.isalpha() and target_id and "/" not in target_id:
        found.links[LinkValue(terms.link_scope(kind, parameter.code), target_type, target_id)] = None
        if parameter.any_target:
            found.terms[terms.id_term(kind, parameter.code, target_id)] = None


def _dates(value: Value) -> Iterator[Range]:
    held = value.value
    if isinstance(held, str):
        found = _range(held)
        if found is not None:
            yield found
    elif isinstance(held, dict) and value.type == "Period":
        start, end = _range(held.get("start")), _range(held.get("end"))
        if start or end:
            yield Range(start.low if start else EARLIEST, end.high if end else LATEST)
    elif isinstance(held, dict) and value.type == "Timing":
        events = held.get("event")
        for event in events if isinstance(events, list) else ():
            yield from _dates(Value("dateTime", event))


def _range(text: object) -> Range | None:
    try:
        return date_range(text) if isinstance(text, str) else None
    except ValueError:
        return None
