"""Regular expressions of profiles: only those are run whose time grows with the text alone."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

_REPEATS = frozenset({"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"})
_LONGEST = 2_000
_MANY = 64


@lru_cache(maxsize=1024)
def is_linear(pattern: str) -> bool:
    """Whether a pattern can be read, and no unbounded repetition stands inside another or beside others of its kind.

    Stricter than need be: some harmless patterns are refused too.
    """
    if len(pattern) > _LONGEST:
        return False
    try:
        parsed: Any = re._parser.parse(pattern)  # type: ignore[attr-defined]  # Python's own reading, without a public name
    except (re.error, OverflowError, RecursionError):
        return False
    return _unbounded(parsed, inside=False) <= 3


def _unbounded(parsed: Any, *, inside: bool) -> int:
    """How many unbounded repetitions there are; many where one is inside another."""
    count = 0
    for operator, argument in parsed:
        name = str(operator)
        repeats = name in _REPEATS and argument[1] > _MANY
        if repeats and inside:
            return _MANY
        count += repeats
        for part in _parts(argument):
            count += _unbounded(part, inside=inside or repeats)
    return count


def _parts(argument: Any) -> list[Any]:
    """The patterns within the argument of one operator."""
    if isinstance(argument, re._parser.SubPattern):  # type: ignore[attr-defined]  # as above
        return [argument]
    if isinstance(argument, tuple | list):
        return [part for entry in argument for part in _parts(entry)]
    return []
