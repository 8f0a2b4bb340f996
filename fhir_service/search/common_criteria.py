"""The parameters that every resource type has and no index values answer (rest-rules BASE-1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fhir_service.fhir.references import ID
from fhir_service.search.criteria import (
    AnyCriterion,
    AnyOf,
    HasWords,
    IdCriterion,
    LastUpdatedCriterion,
    PointedAtBy,
)
from fhir_service.search.dates import EARLIEST, LATEST, Range, date_range
from fhir_service.search.prefixes import prefixed
from fhir_service.search.query_faults import invalid, unsupported
from fhir_service.search.query_text import split, unescaped
from fhir_service.search.reading import Reading
from fhir_service.search.terms import link_scope
from fhir_service.search.words_criteria import words_criterion


def _ids(_reading: Reading, values: Sequence[str]) -> AnyCriterion:
    """Exact and with case. What can be no id finds nothing."""
    wanted = [unescaped(value) for value in values]
    if any(len(split(value, "|")) > 1 for value in values):
        raise invalid("_id", "an id has no system")
    ids = tuple(dict.fromkeys(one for one in wanted if ID.fullmatch(one)))
    return IdCriterion(ids) if ids else AnyOf(())


def _last_updated(reading: Reading, values: Sequence[str]) -> LastUpdatedCriterion:
    return LastUpdatedCriterion(tuple(found for value in values for found in wanted_instants(value, reading.now)))


def wanted_instants(text: str, now: int) -> list[Range]:
    """Where an instant, which is a point, must lie (PRE-1 to PRE-5). Raises InvalidParameter."""
    prefix, written = prefixed(unescaped(text))
    try:
        low, high = date_range(written)
    except ValueError as error:
        text = f"'{text}' is not a date (2024, 2024-05, 2024-05-31, 2024-05-31T10:00:00Z)"
        raise invalid("_lastUpdated", text) from error
    margin = abs(now - low) // 10
    return {
        "eq": [Range(low, high)],
        "ne": [Range(EARLIEST, low), Range(high, LATEST)],
        "gt": [Range(high, LATEST)],
        "sa": [Range(high, LATEST)],
        "lt": [Range(EARLIEST, low)],
        "eb": [Range(EARLIEST, low)],
        "ge": [Range(low, LATEST)],
        "le": [Range(EARLIEST, high)],
        "ap": [Range(low - margin, high + margin)],
    }[prefix]


def _text(_reading: Reading, values: Sequence[str]) -> HasWords:
    return words_criterion("_text", values)


def _content(_reading: Reading, values: Sequence[str]) -> HasWords:
    return words_criterion("_content", values)


def _list(reading: Reading, values: Sequence[str]) -> AnyCriterion:
    """What the items of a List refer to."""
    named = next((value for value in values if value.startswith("$")), None)
    if named is not None:
        raise unsupported("_list", f"the functional list '{named}' is not kept here; give the id of a List")
    return PointedAtBy(link_scope("List", "item"), "List", (_ids(reading, values),))


COMMON: dict[str, Callable[[Reading, Sequence[str]], AnyCriterion]] = {
    "_id": _ids,
    "_lastUpdated": _last_updated,
    "_text": _text,
    "_content": _content,
    "_list": _list,
}
COMMON_TYPES = {
    "_id": "token",
    "_lastUpdated": "date",
    "_text": "string",
    "_content": "string",
    "_filter": "special",
}
"""Those that definitions describe, with their search type; `search.filter_criteria` reads the last."""
