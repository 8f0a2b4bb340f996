"""What is gathered while a resource is read for its index values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, NamedTuple

SortPair = tuple[float, float] | tuple[str, str]
HIGHEST = 1.7976931348623157e308
_SORT_LENGTH = 64
"""As much of a text as resources are ordered by."""


class IntervalValue(NamedTuple):
    """A date in milliseconds since 1970 UTC, from `low` up to but without `high`; or a number, a point of which has
    `low` equal to `high`. An open end is `HIGHEST` or its negative; of dates `dates.LATEST` and `dates.EARLIEST`."""

    scope: str
    low: float
    high: float


class TextValue(NamedTuple):
    """A text, folded or as it is written: its scope tells."""

    scope: str
    text: str


class LinkValue(NamedTuple):
    """A reference to `target_type/target_id` on this server."""

    scope: str
    target_type: str
    target_id: str


def intervals(scopes: Iterable[str], low: float, high: float) -> Iterator[IntervalValue]:
    """The same interval under each scope; half the time of calling the class, where dozens are needed."""
    return map(tuple.__new__, repeat(IntervalValue), zip(scopes, repeat(low), repeat(high)))


@dataclass(slots=True, eq=False)
class Collector:
    """Everything found so far in a part of a resource, repeats included. `base` is the address of this server."""

    base: str | None
    terms: list[str] = field(default_factory=list)
    dates: list[IntervalValue] = field(default_factory=list)
    numbers: list[IntervalValue] = field(default_factory=list)
    texts: list[TextValue] = field(default_factory=list)
    links: list[LinkValue] = field(default_factory=list)
    number_spans: dict[str, tuple[float, float]] = field(default_factory=dict)
    """The least and the greatest number or moment by parameter."""
    text_spans: dict[str, tuple[str, str]] = field(default_factory=dict)
    narrative: str = ""
    """The words of the narrative, without mark-up."""
    content: str = ""
    """All words, those of narratives included."""
    remembered: bool = False
    """Whether the same part of another resource will be this very object; then nothing is added any more."""

    def sort_by(self, parameters: Iterable[str], low: float, high: float) -> None:
        """Widen the span of values of these parameters."""
        known = self.number_spans
        for code in parameters:
            held = known.get(code)
            known[code] = (low, high) if held is None else (min(low, held[0]), max(high, held[1]))

    def sort_by_text(self, parameters: Iterable[str], low: str, high: str) -> None:
        """The same for texts, of which only the beginning counts."""
        known = self.text_spans
        low, high = low[:_SORT_LENGTH], high[:_SORT_LENGTH]
        for code in parameters:
            held = known.get(code)
            known[code] = (low, high) if held is None else (min(low, held[0]), max(high, held[1]))

    def join_spans(self, wholes: Mapping[str, Sequence[str]]) -> None:
        """Give the parameters that consist of others the spans of those; `wholes` are by the parameter that is a part
        of them."""
        for code, span in tuple(self.number_spans.items()):
            if code in wholes:
                self.sort_by(wholes[code], *span)
        for code, texts in tuple(self.text_spans.items()):
            if code in wholes:
                self.sort_by_text(wholes[code], *texts)


Reader = Callable[[Any, Collector], None]
"""Adds what one element gives. It gets whatever the JSON holds there, of any shape, and never raises."""
