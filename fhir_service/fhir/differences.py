"""How two values of JSON differ, element by element, in words that a person can follow.

Items of a list are matched by what they say, so that one put in front does not make all others differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any, NamedTuple

from fhir_service.fhir.json_text import encode

ABSENT: Any = object()
"""What is not there, which `null` would not say."""


class Difference(NamedTuple):
    """A place as a path (`event.coding[1].code`), what was there and what is there now; ABSENT is nothing. The number
    of an item is that of the new list, or of the old one where the item is gone."""

    path: str
    old: Any
    new: Any


def differences(old: Any, new: Any, path: str = "") -> Iterator[Difference]:
    """The smallest places that differ, in the order of the old value, then what is only in the new one. Numbers differ
    when they are written otherwise: 8.0 is not 8."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in [*old, *(name for name in new if name not in old)]:
            below = f"{path}.{name}" if path else name
            yield from differences(old.get(name, ABSENT), new.get(name, ABSENT), below)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _of_lists(old, new, path)
    elif old is ABSENT or new is ABSENT or encode(old) != encode(new):
        yield Difference(path, old, new)


def _of_lists(old: list[Any], new: list[Any], path: str) -> Iterator[Difference]:
    before, after = [encode(item) for item in old], [encode(item) for item in new]
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for kind, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        if kind == "equal":
            continue
        pairs = zip_longest(range(old_from, old_to), range(new_from, new_to))
        for old_place, new_place in pairs:
            was = ABSENT if old_place is None else old[old_place]
            now = ABSENT if new_place is None else new[new_place]
            yield from differences(was, now, f"{path}[{old_place if new_place is None else new_place}]")
