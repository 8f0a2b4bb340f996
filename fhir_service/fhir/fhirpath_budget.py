"""What FHIRPath may use: time within a run that has a deadline, and room for texts and collections always.

A few characters of FHIRPath can ask for hours: a regular expression that backtracks, functions inside functions over
long lists, a text put together with itself. Whoever runs expressions of others sets a deadline with `until`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain, islice
from typing import Any

import regex

from fhir_service.fhir.nodes import ContentFault
from fhir_service.fhir.pattern_size import MOST_PARTS, is_too_large

MOST_CHARACTERS = 32_000_000
MOST_ITEMS = 1_000_000
REGEX_SECONDS = 5.0
"""One match may take so long, also where nobody set a deadline."""
_BETWEEN_LOOKS_AT_THE_CLOCK = 5000
_GROUP = regex.compile(r"\$([0-9]+)")


class TooCostly(ContentFault):
    """More time or room was wanted than there is."""


class _Budget(threading.local):
    deadline: float | None = None
    left = 0


_BUDGET = _Budget()


@contextmanager
def until(deadline: float) -> Iterator[None]:
    """Expressions of this thread are cut at that reading of the monotonic clock, or at one set before that is earlier.

    Raises TooCostly out of the expression.
    """
    before = _BUDGET.deadline
    _BUDGET.deadline = deadline if before is None else min(before, deadline)
    _BUDGET.left = 0
    try:
        yield
    finally:
        _BUDGET.deadline = before


def seconds_left(most: float, work: str = "the expression") -> float | None:
    """How long the present work may still take; None where there is no deadline. Raises TooCostly, which names it."""
    if _BUDGET.deadline is None:
        return None
    left = _BUDGET.deadline - time.monotonic()
    if left <= 0:
        raise TooCostly(f"{work} took too long")
    return min(left, most)


def spend(items: int) -> None:
    """So many items are gone through. Raises TooCostly."""
    _BUDGET.left -= items
    if _BUDGET.left < 0:
        _BUDGET.left = _BETWEEN_LOOKS_AT_THE_CLOCK
        seconds_left(0)


def counted(items: list[Any]) -> list[Any]:
    """The items, which are about to be gone through. Raises TooCostly."""
    spend(len(items))
    return items


def gathered(parts: Iterable[list[Any]]) -> list[Any]:
    """Several collections as one. Raises TooCostly."""
    found = list(islice(chain.from_iterable(parts), MOST_ITEMS + 1))
    if len(found) > MOST_ITEMS:
        raise TooCostly(f"a collection may have {MOST_ITEMS} items at most")
    spend(len(found))
    return found


def room_for(characters: int) -> None:
    """A text of that length is about to be made. Raises TooCostly."""
    if characters > MOST_CHARACTERS:
        raise TooCostly(f"a text may have {MOST_CHARACTERS} characters at most")
    spend(characters // 1000)


def search(pattern: str, text: str) -> bool:
    """Whether a regular expression is found in a text; `.` is any character. Raises TooCostly and regex.error."""
    _refuse_too_large(pattern)
    try:
        return regex.search(pattern, text, regex.DOTALL, timeout=_regex_seconds(), concurrent=True) is not None
    except TimeoutError:
        raise TooCostly("a regular expression took too long") from None


def substitute(pattern: str, replacement: str, text: str) -> str:
    """Every match of a regular expression replaced; `$1` is its first group. Raises TooCostly and regex.error."""
    _refuse_too_large(pattern)
    room_for(len(replacement) * (len(text) + 1) if len(replacement) > 1 else len(text))
    groups = _GROUP.sub(r"\\\1", replacement.replace("\\", "\\\\"))
    room_for(len(text) * (len(text) + 1) if groups != replacement else 0)
    try:
        return regex.sub(pattern, groups, text, 0, regex.DOTALL, timeout=_regex_seconds(), concurrent=True)
    except TimeoutError:
        raise TooCostly("a regular expression took too long") from None


_is_too_large = lru_cache(maxsize=512)(is_too_large)


def _refuse_too_large(pattern: str) -> None:
    if _is_too_large(pattern):
        raise TooCostly(
            f"a regular expression calls itself, or has more than {MOST_PARTS:,} parts with its repetitions"
        )


def _regex_seconds() -> float:
    return seconds_left(REGEX_SECONDS) or REGEX_SECONDS
