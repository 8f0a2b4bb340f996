"""How large a regular expression becomes once its counted repetitions are written out, as the engine does to run it.

A few characters can ask for gigabytes: `((((a{99}){99}){99}){99})`. No time limit helps there, since it is before the
first character is looked at.
"""

from __future__ import annotations

import re

MOST_PARTS = 20_000
_COUNT = re.compile(r"\{(\d*)(?:,(\d*))?\}")
_CALLS_ITSELF = re.compile(r"\(\?(?:R|[+-]?\d+|&|P>)")


def is_too_large(pattern: str) -> bool:
    """Whether it is of more than MOST_PARTS characters, classes and groups, or calls itself."""
    return _CALLS_ITSELF.search(pattern) is not None or parts(pattern) > MOST_PARTS


def parts(pattern: str) -> int:
    """Characters, classes and groups, each as often as it is repeated by a count. What is no expression gets some
    number too."""
    groups, last = [0], 0
    at = 0
    while at < len(pattern):
        found = _COUNT.match(pattern, at)
        if found and (found[1] or found[2]):
            times = max(_number(found[1]), _number(found[2]))
            groups[-1] += last * max(times - 1, 0)
            last *= max(times, 1)
            at = found.end()
            continue
        character = pattern[at]
        if character == "(":
            groups.append(0)
            last = 0
        elif character == ")" and len(groups) > 1:
            last = groups.pop() + 1
            groups[-1] += last
        else:
            last = 1
            groups[-1] += 1
        at = _behind(pattern, at)
    return sum(groups)


def _behind(pattern: str, at: int) -> int:
    """Where the next one begins, behind an escape or a class of characters."""
    if pattern[at] == "\\":
        return at + 2
    if pattern[at] != "[":
        return at + 1
    end = at + 2 if pattern[at + 1 : at + 2] in ("^", "]") else at + 1
    while end < len(pattern) and pattern[end] != "]":
        end += 2 if pattern[end] == "\\" else 1
    return end + 1


def _number(digits: str | None) -> int:
    """At most a million, so that nobody asks for a number of a million digits."""
    return 0 if not digits else 1_000_000 if len(digits.lstrip("0")) > 6 else int(digits)
