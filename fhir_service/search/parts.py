"""A resource in parts, each read for its index values: members, and what several members say together.

Most of what a resource holds was in others before: status, category, code and patient of an observation, say. So a
small part that was seen before is remembered by what it holds. It need not be read again, and who works on with the
values can remember what follows from it. What is new is read as one part.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from fhir_service.fhir.json_text import encode
from fhir_service.search.collector import Collector, Reader
from fhir_service.search.full_text import content_words, narrative_words, wordy_names
from fhir_service.search.index_plan import plan_of, read_below

REMEMBERED = 4096
"""Parts that are remembered for certain; at most twice as many."""
_SEEN = 8192
"""Parts of which it is known for certain that they were there once; at most twice as many."""
_LONGEST = 512
"""Bytes of JSON from which on a part is not remembered."""
_MOST_SHAPES = 256
"""Sets of members of one type for which it is remembered how they are read."""
_PLAIN = frozenset({str, int, bool, float, type(None)})
_NOT_JSON = (TypeError, ValueError, OverflowError, RecursionError)
_Key = tuple[object, ...]


class _Joint(NamedTuple):
    """Members that are there, and the readers that look at exactly these."""

    members: tuple[str, ...]
    readers: tuple[Reader, ...]


class _Shape(NamedTuple):
    """How a resource with certain members is read: each with whether a plain value of it is found by anything."""

    members: tuple[tuple[str, bool], ...]
    joints: tuple[_Joint, ...]


class _Memory:
    """Parts by what they hold, those of the last thousands that came more than once. Of two halves the older goes when
    the newer is full."""

    def __init__(self) -> None:
        self._newer: dict[_Key, Collector] = {}
        self._older: dict[_Key, Collector] = {}
        self._seen: set[int] = set()
        self._seen_before: set[int] = set()

    def recall(self, key: _Key) -> Collector | None:
        found = self._newer.get(key)
        if found is None and (found := self._older.get(key)) is not None:
            self.keep(key, found)
        return found

    def has_met(self, key: _Key) -> bool:
        """Whether it was there before. Most of what is new never comes again; to keep it would drive out of the
        processor's cache what does."""
        known = hash(key)
        if known in self._seen:
            return True
        if len(self._seen) >= _SEEN:
            self._seen_before, self._seen = self._seen, set()
        self._seen.add(known)
        return known in self._seen_before

    def keep(self, key: _Key, part: Collector) -> None:
        if len(self._newer) >= REMEMBERED:
            self._older, self._newer = self._newer, {}
        part.remembered = True
        self._newer[key] = part


_memory = _Memory()


def parts_of(resource: Mapping[str, Any], base: str | None) -> list[Collector]:
    """What each part of a resource is found by, what is new as the last. Whatever its shape, this does not raise."""
    kind = resource["resourceType"]
    reading = _reading_of(kind)
    shape = reading.shape(tuple(resource))
    texts: dict[str, str | bytes | None] = {}
    new: dict[str, Any] = {}
    found = []
    for name, is_read in shape.members:
        held = resource[name]
        if not is_read and type(held) in _PLAIN:
            continue
        text = texts[name] = _text_of(held)
        if text is not None:
            key = kind, name, text, base
            part = _memory.recall(key)
            if part is None and _memory.has_met(key):
                part = reading.members({name: held}, base)
                _memory.keep(key, part)
            if part is not None:
                found.append(part)
                continue
        new[name] = held
    rest = reading.members(new, base)
    for members, readers in shape.joints:
        whole = (readers, base, *[texts.get(name) for name in members])
        part = None
        if None not in whole[2:]:
            part = _memory.recall(whole)
            if part is None and _memory.has_met(whole):
                part = reading.together(readers, resource, Collector(base))
                _memory.keep(whole, part)
        if part is None:
            reading.together(readers, resource, rest)
        else:
            found.append(part)
    found.append(rest)
    return found


def _text_of(held: Any) -> str | bytes | None:
    """What it is known by; None for what is not remembered."""
    if type(held) is str:
        return held if len(held) <= _LONGEST else None
    try:
        text = encode(held)
    except _NOT_JSON:  # no JSON says this, so it came from elsewhere
        return None
    return text if len(text) <= _LONGEST else None


class _Reading:
    """How resources of one type are read."""

    def __init__(self, resource_type: str) -> None:
        self._plan = plan_of(resource_type)
        self._shapes: dict[tuple[str, ...], _Shape] = {}

    def shape(self, names: tuple[str, ...]) -> _Shape:
        found = self._shapes.get(names)
        if found is None:
            read = self._plan.branches.keys() | wordy_names()
            found = _Shape(tuple((name, name in read) for name in names if name != "resourceType"), self._joints(names))
            if len(self._shapes) < _MOST_SHAPES:
                self._shapes[names] = found
        return found

    def members(self, held: Mapping[str, Any], base: str | None) -> Collector:
        """What some members of a resource are found by, each by itself."""
        found = Collector(base)
        read_below(self._plan.branches, held, found)
        found.join_spans(self._plan.wholes)
        found.narrative, found.content = narrative_words(held), content_words(held)
        return found

    def together(self, readers: tuple[Reader, ...], resource: Mapping[str, Any], found: Collector) -> Collector:
        """Add what members say together."""
        for read in readers:
            read(resource, found)
        return found

    def _joints(self, names: tuple[str, ...]) -> tuple[_Joint, ...]:
        there = frozenset(names)
        by_members: dict[tuple[str, ...], list[Reader]] = {}
        for reader, members, needed in self._plan.together:
            if not any(there.isdisjoint(some) for some in needed):
                by_members.setdefault(tuple(sorted(there & members)), []).append(reader)
        return tuple(_Joint(members, tuple(readers)) for members, readers in by_members.items())


@cache
def _reading_of(resource_type: str) -> _Reading:
    return _Reading(resource_type)
