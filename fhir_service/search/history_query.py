"""What a history asks for: `_since`, `_at`, `_count` and a place to go on from (R4 http.html#history)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from fhir_service.fhir.errors import InvalidParameter, Issue, UnsupportedParameter
from fhir_service.search.dates import Range, date_range
from fhir_service.search.query_text import PRESENTATION

CURSOR = "_cursor"
_NEWEST_FIRST = frozenset({"-_lastUpdated", "-_lastupdated"})
_LAST_PLACE = 2**63 - 1
_KNOWN = "_since, _at, _count and _total are"


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """`since` in milliseconds since 1970 UTC; versions that were current at some time in `at`; `after` the place of the
    last version shown. `applied` are the parameters that count, for links, `ignored` what was not applied, and why."""

    since: int | None = None
    at: Range | None = None
    count: int = 50
    after: int | None = None
    count_only: bool = False
    with_total: bool = False
    applied: tuple[tuple[str, str], ...] = ()
    ignored: tuple[Issue, ...] = ()


@dataclass(slots=True)
class _Reading:
    """A query while its parameters are read."""

    count: int
    max_count: int
    since: int | None = None
    at: Range | None = None
    after: int | None = None
    count_only: bool = False
    with_total: bool = False
    applied: list[tuple[str, str]] = field(default_factory=list)
    ignored: list[Issue] = field(default_factory=list)


def parse_history(pairs: Sequence[tuple[str, str]], *, default_count: int, max_count: int) -> HistoryQuery:
    """Read the parameters of a history, percent-decoding done; a `_count` over `max_count` means `max_count`.

    Raises InvalidParameter for a value that cannot be read and for a parameter that stands twice, UnsupportedParameter
    for `_list`.
    """
    reading = _Reading(default_count, max_count)
    seen: set[str] = set()
    for name, value in pairs:
        if name in PRESENTATION and not (name == "_summary" and value == "count"):
            continue
        if name in seen:
            raise _invalid(name, "it may stand once in a history")
        seen.add(name)
        if not value.strip():
            reading.ignored.append(_ignored(name, "it has no value"))
        elif name not in _READERS:
            reading.ignored.append(_ignored(name, f"a history does not know it; {_KNOWN} known"))
        elif _READERS[name](reading, value):
            reading.applied.append((name, value))
    return HistoryQuery(
        reading.since,
        reading.at,
        reading.count,
        reading.after,
        reading.count_only,
        reading.with_total,
        tuple(reading.applied),
        tuple(reading.ignored),
    )


def history_cursor(place: int) -> str:
    """The opaque text of a place in a history; `_cursor` takes it back."""
    return base64.urlsafe_b64encode(b"h1:%d" % place).decode().rstrip("=")


def _since(reading: _Reading, value: str) -> bool:
    reading.since = _range("_since", value).low
    return True


def _at(reading: _Reading, value: str) -> bool:
    reading.at = _range("_at", value)
    return True


def _range(name: str, value: str) -> Range:
    try:
        return date_range(value)
    except ValueError:
        text = f"'{value[:40]}' is no date or instant, such as 2026-11-21 or 2026-11-21T09:30:00%2B01:00"
        raise _invalid(name, text) from None


def _count(reading: _Reading, value: str) -> bool:
    if not value.isascii() or not value.isdigit():
        raise _invalid("_count", f"'{value[:40]}' is not a whole number from 0 up")
    number = int(value[:12])
    reading.count = min(number, reading.max_count) or reading.count
    reading.count_only = reading.count_only or number == 0
    return True


def _count_alone(reading: _Reading, _value: str) -> bool:
    reading.count_only = True
    return True


def _total(reading: _Reading, value: str) -> bool:
    if value not in ("none", "estimate", "accurate"):
        raise _invalid("_total", f"'{value[:40]}' is not none, estimate or accurate")
    reading.with_total = value != "none"
    return True


def _sort(reading: _Reading, value: str) -> bool:
    if value not in _NEWEST_FIRST:
        reading.ignored.append(_ignored("_sort", "a history is told newest first"))
    return False


def _list(_reading: _Reading, _value: str) -> bool:
    text = "a history by _list is not supported; ask for the history of each resource"
    raise UnsupportedParameter(text, expression=("http._list",))


def _cursor(reading: _Reading, value: str) -> bool:
    try:
        version, _, place = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).partition(b":")
        reading.after = int(place)
    except (ValueError, binascii.Error):
        raise _invalid(CURSOR, "this is not a place in a history; follow the links as they are given") from None
    if version != b"h1" or not 0 <= reading.after <= _LAST_PLACE:
        raise _invalid(CURSOR, "this is not a place in a history; follow the links as they are given")
    return True


def _invalid(name: str, text: str) -> InvalidParameter:
    return InvalidParameter(f"{name}: {text}", expression=(f"http.{name}",))


def _ignored(name: str, why: str) -> Issue:
    return Issue("warning", "not-supported", f"{name} was not applied: {why}", (f"http.{name}",))


_READERS: dict[str, Callable[[_Reading, str], bool]] = {
    "_since": _since,
    "_at": _at,
    "_count": _count,
    "_summary": _count_alone,
    "_total": _total,
    "_sort": _sort,
    "_list": _list,
    CURSOR: _cursor,
}
