"""A resource to the values it is found by. Pure, and driven by the search parameter definitions alone."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple
from zlib import crc32

from fhir_service.search.collector import Collector, IntervalValue, LinkValue, SortPair, TextValue
from fhir_service.search.full_text import content_words, narrative_words
from fhir_service.search.index_plan import plan_of
from fhir_service.search.parameters import patient_parameter, presence_parameters, sort_date_parameter, unions
from fhir_service.search.terms import link_scope, presence_term
from fhir_service.search.token_values import token_terms

__all__ = ["IndexValues", "IntervalValue", "LinkValue", "TextValue", "index_values", "partition_key"]

_BUCKETS = 256


class IndexValues(NamedTuple):
    """All that one resource is found by. Terms and scopes are made by `search.terms`; terms do not repeat."""

    resource_type: str
    terms: tuple[str, ...] = ()
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
    sort_values: Mapping[str, SortPair] = MappingProxyType({})
    """The least and the greatest value by parameter: dates in milliseconds, numbers, or folded texts."""


def index_values(resource: Mapping[str, Any], base: str | None = None) -> IndexValues:
    """The values of every indexed parameter. References under `base` are taken as relative. What cannot be read as the
    type it should have gives no value."""
    kind = resource["resourceType"]
    found = Collector(base)
    plan_of(kind).read(resource, found)
    for parameter in presence_parameters(kind):
        present = "true" if parameter.expression.is_present(resource) else "false"
        found.terms += (presence_term(kind, parameter.code), *token_terms(kind, parameter.code, None, present))
        found.sort_by_text((parameter.code,), present, present)
    for code, parts in unions(kind).items():
        found.join_spans(code, parts)
    sort_date = found.number_spans.get(sort_date_parameter(kind) or "")
    return IndexValues(
        kind,
        tuple(dict.fromkeys(found.terms)),
        tuple(found.dates),
        tuple(found.numbers),
        tuple(found.texts),
        tuple(found.links),
        narrative_words(resource),
        content_words(resource),
        None if sort_date is None else int(sort_date[0]),
        {**found.number_spans, **found.text_spans},
    )


def partition_key(resource_id: str, values: IndexValues) -> str:
    """The patient a resource belongs to, so that what is read together is kept together; for a resource of no patient
    one of 256 buckets. A bucket begins with `~`, which no id does."""
    if values.resource_type == "Patient":
        return resource_id
    scope = link_scope(values.resource_type, patient_parameter(values.resource_type) or "")
    for link in values.links:
        if link.scope == scope and link.target_type == "Patient":
            return link.target_id
    return f"~{crc32(f'{values.resource_type}/{resource_id}'.encode()) % _BUCKETS:02x}"
