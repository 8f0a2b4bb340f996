"""One value of a search parameter, from text to what it asks for."""

from __future__ import annotations

import re
import time

from fhir_service.definitions.elements import resource_types
from fhir_service.fhir.errors import InvalidParameter, UnsupportedParameter
from fhir_service.search.criteria import WantedReference, WantedToken
from fhir_service.search.dates import EARLIEST, LATEST, Range, date_range
from fhir_service.search.parameters import IndexedParameter
from fhir_service.search.query_text import split, unescaped
from fhir_service.search.reference_values import normal_reference, target_type

_PREFIX = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)?(.*)", re.DOTALL)
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


def wanted_token(name: str, text: str) -> WantedToken:
    """`code`, `system|code`, `|code` or `system|` (rest-rules TOK-1). Raises InvalidParameter."""
    parts = [unescaped(part) for part in split(text, "|")]
    match parts:
        case [code] if code:
            return WantedToken(None, code, any_system=True)
        case [system, code] if system or code:
            return WantedToken(system or None, code or None)
    raise invalid(name, f"'{text}' is not code, system|code, |code or system|")


def wanted_references(
    name: str, parameter: IndexedParameter, modifier: str, text: str, base: str | None
) -> list[WantedReference]:
    """`id`, `Type/id` or an absolute URL; a modifier names the type of a bare id (rest-rules REF-1, REF-2).

    Raises UnsupportedParameter for a modifier that is no type the parameter points at, InvalidParameter for a value
    that is no reference.
    """
    if modifier and (modifier not in resource_types() or (parameter.targets and modifier not in parameter.targets)):
        raise unsupported_modifier(name, modifier)
    value = unescaped(text)
    if not _ID.fullmatch(value):
        target = normal_reference(value, base)
        if target is None or ("/" not in target and ":" not in target):
            raise invalid(name, f"'{value}' is not id, Type/id or an absolute URL")
        kind = target_type({"reference": target})
        allowed = (modifier,) if modifier else parameter.targets
        if kind is not None and allowed and kind not in allowed:
            raise invalid(name, f"'{value}' is no reference to {' or '.join(allowed)}")
        return [WantedReference(target)]
    if not modifier and parameter.any_target:
        return [WantedReference(None, value)]
    return [WantedReference(f"{kind}/{value}") for kind in ((modifier,) if modifier else parameter.targets)]


def wanted_instants(name: str, text: str, now: int | None = None) -> list[Range]:
    """Where an instant must lie, for one date with its prefix (rest-rules PRE-1 to PRE-5, DATE-1, DATE-2).

    `now`, in milliseconds, is what `ap` measures nearness from. Raises InvalidParameter.
    """
    found = _PREFIX.fullmatch(text)
    assert found is not None  # noqa: S101  # every text has this form
    prefix, written = found[1] or "eq", found[2]
    try:
        low, high = date_range(written)
    except ValueError as error:
        raise invalid(name, f"'{text}' is not a date (2024, 2024-05, 2024-05-31, 2024-05-31T10:00:00Z)") from error
    moment = time.time_ns() // 1_000_000 if now is None else now
    margin = abs(moment - low) // 10
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


def invalid(name: str, text: str) -> InvalidParameter:
    return InvalidParameter(f"{name}: {text}", expression=(f"http.{name}",))


def unsupported_modifier(name: str, modifier: str) -> UnsupportedParameter:
    return UnsupportedParameter(f"{name} has no modifier :{modifier} here", expression=(f"http.{name}",))
