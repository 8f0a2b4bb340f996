"""Where an element of a mapped output comes from: the rule, the element of the source, and the words that state it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fhir_service.mapping.trace import TraceEntry

_LAST = re.compile(r"(?:\.[^.\[\]]+|\[\d+\])$")
_PART = re.compile(r"[^.\[\]]+|\[\d+\]")


@dataclass(frozen=True, slots=True)
class Explanation:
    """`rules` wrote the element, or the nearest element around it; `source` is a path in the source of the map.

    `spans` are those of the fact at that path or around it. `constant` is what stands for words where none state the
    element, or where the map itself says the value: a literal of a rule, an id, a detail of the document.
    """

    rules: tuple[TraceEntry, ...]
    source: str
    spans: tuple[Mapping[str, Any], ...]
    constant: Any


def explain(trace: Iterable[TraceEntry], source: Mapping[str, Any], target_path: str) -> Explanation | None:
    """What a path of the output (`Bundle.entry[3].resource.gender`) comes from; None for a path outside of it."""
    return Explanations(trace, source).of(target_path)


class Explanations:
    """The trace of one run and its source, to be asked for many paths."""

    def __init__(self, trace: Iterable[TraceEntry], source: Mapping[str, Any]) -> None:
        self._source = source
        self._entries: defaultdict[str, list[TraceEntry]] = defaultdict(list)
        for entry in trace:
            self._entries[entry.target].append(entry)

    def of(self, target_path: str) -> Explanation | None:
        """What a path of the output comes from. `_birthDate` and `birthDate` are one element."""
        path = target_path.replace("._", ".")
        for around in _upwards(path):
            if around in self._entries:
                return self._explained(self._entries[around], path[len(around) :])
        return None

    def _explained(self, entries: list[TraceEntry], below: str) -> Explanation:
        """`below` leads from what the rule wrote to the element: the same way where an object was copied whole."""
        last = entries[-1]
        found = list(_values(self._source, last.source + below)) if below else []
        at = last.source + below if found else last.source
        value = (found or list(_values(self._source, at)) or [None])[-1]
        spans = self._spans(at)
        constant = None
        if last.constant:
            constant = last.value
        elif not spans:
            constant = last.value if isinstance(value, dict | list | None) else value
        return Explanation(tuple(entries), at, spans, constant)

    def _spans(self, path: str) -> tuple[Mapping[str, Any], ...]:
        around = [self._source, *_values(self._source, path)]
        return next(
            (tuple(value["span"]) for value in reversed(around) if isinstance(value, Mapping) and value.get("span")), ()
        )


def _upwards(path: str) -> Iterator[str]:
    while path:
        yield path
        shorter = _LAST.sub("", path)
        if shorter == path:
            return
        path = shorter


def _values(source: Any, path: str) -> Iterator[Any]:
    """The values along a path, from the outermost on; nothing where the path does not lead to one."""
    value, found = source, []
    for part in _PART.findall(path):
        if part.startswith("["):
            at = int(part[1:-1])
            if not isinstance(value, list) or at >= len(value):
                return
            value = value[at]
        elif isinstance(value, Mapping) and part in value:
            value = value[part]
        else:
            return
        found.append(value)
    yield from found
