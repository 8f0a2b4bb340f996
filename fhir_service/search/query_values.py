"""One value of a search parameter, from text to what it asks for."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

from fhir_service.definitions.elements import resource_types
from fhir_service.fhir.errors import InvalidParameter, UnsupportedParameter
from fhir_service.search import terms
from fhir_service.search.criteria import HasTerm
from fhir_service.search.dates import EARLIEST, LATEST, Range, date_range
from fhir_service.search.parameters import IndexedParameter, patient_parameter
from fhir_service.search.query_text import split, unescaped
from fhir_service.search.reference_values import normal_reference, target_type

_PREFIX = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)?(.*)", re.DOTALL)
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


def token_term(resource_type: str, name: str, text: str) -> str:
    """`code`, `system|code`, `|code` or `system|` (rest-rules TOK-1). Raises InvalidParameter."""
    parts = [unescaped(part) for part in split(text, "|")]
    match parts:
        case [code] if code:
            return terms.code_term(resource_type, name, code)
        case [system, ""] if system:
            return terms.system_term(resource_type, name, system)
        case [system, code] if code:
            return terms.token_term(resource_type, name, system or None, code)
    raise invalid(name, f"'{text}' is not code, system|code, |code or system|")


def reference_terms(
    resource_type: str, parameter: IndexedParameter, modifier: str, texts: Sequence[str], base: str | None
) -> HasTerm:
    """Each text is `id`, `Type/id` or an absolute URL; a modifier names the type of an id (rest-rules REF-1, REF-2).

    Raises UnsupportedParameter for a modifier that is no type the parameter points at, InvalidParameter for a value
    that is no reference.
    """
    name = parameter.code
    if modifier and (modifier not in resource_types() or (parameter.targets and modifier not in parameter.targets)):
        raise unsupported_modifier(name, modifier)
    found: list[str] = []
    targets: list[str] = []
    for text in texts:
        value = unescaped(text)
        if _ID.fullmatch(value) and not modifier and parameter.any_target:
            found.append(terms.id_term(resource_type, parameter.indexed_as, value))
        else:
            targets += _targets(name, parameter.targets, modifier, value, base)
    found += [terms.reference_term(resource_type, parameter.indexed_as, target) for target in targets]
    patient = None
    if len(found) == len(targets) == 1 and parameter.indexed_as == patient_parameter(resource_type):
        patient = targets[0].removeprefix("Patient/") if targets[0].startswith("Patient/") else None
    return HasTerm(tuple(found), patient)


def _targets(name: str, targets: Sequence[str], modifier: str, value: str, base: str | None) -> list[str]:
    allowed = (modifier,) if modifier else targets
    if _ID.fullmatch(value):
        return [f"{kind}/{value}" for kind in allowed]
    target = normal_reference(value, base)
    if target is None or ("/" not in target and ":" not in target):
        raise invalid(name, f"'{value}' is not id, Type/id or an absolute URL")
    kind = target_type({"reference": target})
    if kind is not None and allowed and kind not in allowed:
        raise invalid(name, f"'{value}' is no reference to {' or '.join(allowed)}")
    return [target]


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
