"""When care was given, by the date parameter that each type of resource has for it (R4 $everything, start and end)."""

from __future__ import annotations

from functools import cache

from fhir_service.fhir.json_text import parse
from fhir_service.search.dates import Range
from fhir_service.search.index_values import index_values
from fhir_service.search.parameters import indexed_parameters
from fhir_service.search.terms import interval_scope

_CARE_DATES = (
    *("period", "onset-date", "date", "effective-time", "identified", "occurrence", "effective", "performed"),
    *("authored-on", "authoredon", "authored", "event-date", "when-prepared", "whenhandedover", "started"),
    *("recorded-date", "issued", "created", "sent"),
)
"""The parameter that says when care was given: the first of these that a resource has a value for."""
_NOT_OF_CARE = frozenset({"Patient", "Provenance", "Device", "Group", "Practitioner", "RelatedPerson", "Person"})
"""Types whose dates are of other things: births, records, makings."""


def is_in_care_dates(resource_type: str, text: bytes, wanted: Range) -> bool:
    """Whether a resource is of care in that time. One without such a date is."""
    codes = _codes(resource_type)
    if not codes:
        return True
    values = index_values(parse(text))
    for code in codes:
        scope = interval_scope(resource_type, code)
        found = [value for value in values.dates if value.scope == scope]
        if found:
            return any(value.low < wanted.high and value.high > wanted.low for value in found)
    return True


@cache
def _codes(resource_type: str) -> tuple[str, ...]:
    known = indexed_parameters(resource_type)
    if resource_type in _NOT_OF_CARE:
        return ()
    return tuple(code for code in _CARE_DATES if code in known and known[code].type == "date")
