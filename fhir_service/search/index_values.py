"""A resource to the values it is found by. Pure, and driven by the search parameter definitions alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any
from zlib import crc32

from fhir_service.search.collector import Collector, IntervalValue, LinkValue, SortPair, TextValue
from fhir_service.search.full_text import content_words, narrative_words
from fhir_service.search.parameters import patient_parameter, sort_date_parameter
from fhir_service.search.parts import parts_of
from fhir_service.search.terms import link_scope

__all__ = ["IndexValues", "IntervalValue", "LinkValue", "TextValue", "index_values", "partition_key"]

_BUCKETS = 256


@dataclass(frozen=True)
class IndexValues:
    """All that one resource is found by, in the parts it was found in. Terms and scopes are made by `search.terms`;
    terms do not repeat."""

    resource: Mapping[str, Any]
    parts: tuple[Collector, ...]

    @property
    def resource_type(self) -> str:
        found: str = self.resource["resourceType"]
        return found

    @cached_property
    def terms(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(chain.from_iterable([part.terms for part in self.parts])))

    @property
    def dates(self) -> tuple[IntervalValue, ...]:
        return tuple(chain.from_iterable([part.dates for part in self.parts]))

    @property
    def numbers(self) -> tuple[IntervalValue, ...]:
        return tuple(chain.from_iterable([part.numbers for part in self.parts]))

    @property
    def texts(self) -> tuple[TextValue, ...]:
        return tuple(chain.from_iterable([part.texts for part in self.parts]))

    @property
    def links(self) -> tuple[LinkValue, ...]:
        return tuple(chain.from_iterable([part.links for part in self.parts]))

    @property
    def narrative(self) -> str:
        """The words of its narrative, without mark-up."""
        return narrative_words(self.resource)

    @property
    def content(self) -> str:
        """All its words, the narrative included."""
        return content_words(self.resource)

    @property
    def sort_date(self) -> int | None:
        """Where it stands in time: the first moment of its own date, in milliseconds since 1970 UTC."""
        code = sort_date_parameter(self.resource_type)
        found = [part.number_spans[code][0] for part in self.parts if code in part.number_spans]
        return int(min(found)) if found else None

    @cached_property
    def sort_values(self) -> Mapping[str, SortPair]:
        """The least and the greatest value by parameter: dates in milliseconds, numbers, or folded texts."""
        whole = Collector(None)
        for part in self.parts:
            for code, span in part.number_spans.items():
                whole.sort_by((code,), *span)
            for code, texts in part.text_spans.items():
                whole.sort_by_text((code,), *texts)
        return {**whole.number_spans, **whole.text_spans}


def index_values(resource: Mapping[str, Any], base: str | None = None) -> IndexValues:
    """The values of every indexed parameter. References under `base` are taken as relative. What cannot be read as the
    type it should have gives no value."""
    return IndexValues(resource, tuple(parts_of(resource, base)))


def partition_key(resource_id: str, values: IndexValues) -> str:
    """The patient a resource belongs to, so that what is read together is kept together; for a resource of no patient
    one of 256 buckets. A bucket begins with `~`, which no id does."""
    if values.resource_type == "Patient":
        return resource_id
    scope = link_scope(values.resource_type, patient_parameter(values.resource_type) or "")
    for part in values.parts:
        for link in part.links:
            if link.scope == scope and link.target_type == "Patient":
                return link.target_id
    return f"~{crc32(f'{values.resource_type}/{resource_id}'.encode()) % _BUCKETS:02x}"
