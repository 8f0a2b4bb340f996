"""Searches of AuditEvent: their own few parameters, read strictly, as what is passed over would hide an access."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fhir_service.fhir.errors import InvalidParameter, UnsupportedParameter
from fhir_service.fhir.references import ID
from fhir_service.search.dates import EARLIEST, LATEST, Range, date_range
from fhir_service.search.query_text import PRESENTATION

CURSOR = "_cursor"
PARAMETERS = {
    "_id": "token",
    "action": "token",
    "address": "string",
    "altid": "token",
    "date": "date",
    "entity": "reference",
    "outcome": "token",
    "patient": "reference",
    "subtype": "token",
}
"""What can be searched by, and how R4 reads its values."""
_PREFIXES: dict[str, Callable[[Range], Range]] = {
    "eq": lambda found: found,
    "ge": lambda found: Range(found.low, LATEST),
    "gt": lambda found: Range(found.high, LATEST),
    "le": lambda found: Range(EARLIEST, found.high),
    "lt": lambda found: Range(EARLIEST, found.low),
}
_NEWEST_FIRST = "-date"


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """All criteria hold together; each is a parameter and its alternatives: texts, `Range`s of milliseconds for `date`,
    type and id for `entity`, numbers for `_id`. Newest first. `after` is the place of the last one shown, `applied`
    the parameters that count, for links."""

    criteria: tuple[tuple[str, tuple[Any, ...]], ...]
    count: int
    after: int | None
    count_only: bool
    applied: tuple[tuple[str, str], ...]


def parse_audit_query(pairs: Sequence[tuple[str, str]], *, default_count: int, max_count: int) -> AuditQuery:
    """Read the parameters of a search, percent-decoding done.

    Raises UnsupportedParameter for any that is not of PARAMETERS, InvalidParameter for a value that cannot be read.
    """
    criteria: list[tuple[str, tuple[Any, ...]]] = []
    counts = {"_count": default_count}
    after = None
    for name, value in pairs:
        if name in PARAMETERS:
            read = _READ.get(name, _token)
            criteria.append((name, tuple(read(name, one) for one in value.split(",") if one)))
        elif name == "_count":
            counts[name] = min(_number(name, value), max_count)
        elif name == CURSOR:
            after = _number(name, value)
        elif not _is_passed_over(name, value):
            raise UnsupportedParameter(
                f"AuditEvent is not searched by '{name[:80]}' with '{value[:80]}'; it is by {', '.join(PARAMETERS)}, "
                "with _count, newest first"
            )
    count_only = ("_summary", "count") in pairs or counts["_count"] == 0
    applied = tuple(pair for pair in pairs if pair[0] in PARAMETERS or pair[0] == "_count")
    return AuditQuery(tuple(criteria), counts["_count"], after, count_only, applied)


def _is_passed_over(name: str, value: str) -> bool:
    return name in PRESENTATION or not value or (name == "_sort" and value == _NEWEST_FIRST)


def _token(_: str, text: str) -> str:
    """The code alone: each of these has one system."""
    return text.rpartition("|")[2]


def _text(_: str, text: str) -> str:
    return text


def _id(name: str, text: str) -> int:
    return _number(name, text) if text.isdigit() else -1


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):  # what a 64-bit number has
        raise InvalidParameter(f"{name} has to be a whole number, not '{text[:80]}'", expression=(f"http.{name}",))
    return int(text)


def _date(name: str, text: str) -> Range:
    prefix, rest = (text[:2], text[2:]) if text[:2] in _PREFIXES else ("eq", text)
    try:
        return _PREFIXES[prefix](date_range(rest.replace(" ", "+")))
    except ValueError:
        shown = f"a date with one of {', '.join(_PREFIXES)} before it"
        raise InvalidParameter(f"{name} has to be {shown}, not '{text[:80]}'", expression=(f"http.{name}",)) from None


def _reference(name: str, text: str) -> tuple[str, str]:
    """Of `patient` also a bare id; of an absolute URL its end."""
    kind, _, resource_id = "/".join(text.split("/")[-2:]).rpartition("/")
    kind = kind or ("Patient" if name == "patient" else "")
    if not kind or not ID.fullmatch(resource_id):
        raise InvalidParameter(f"{name} has to be Type/id, not '{text[:80]}'", expression=(f"http.{name}",))
    return kind, resource_id


_READ: dict[str, Callable[[str, str], Any]] = {
    "_id": _id,
    "date": _date,
    "entity": _reference,
    "patient": _reference,
    "address": _text,
}
