"""A statement put together from fixed words; values only ever go in as numbered parameters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class Values:
    """The values of a statement; calling it takes one in and gives the parameter that stands for it."""

    def __init__(self) -> None:
        self.taken: list[Any] = []

    def __call__(self, value: Any) -> str:
        self.taken.append(value)
        return f"${len(self.taken)}"

    def many(self, values: Iterable[Any]) -> str:
        """Several parameters, with commas."""
        return ", ".join(self(value) for value in values)


def all_of(conditions: Iterable[str]) -> str:
    """Each condition in brackets of its own, so that none takes a neighbour's operator."""
    return " AND ".join(f"({condition})" for condition in conditions) or "TRUE"


def any_of(conditions: Iterable[str]) -> str:
    return " OR ".join(f"({condition})" for condition in conditions) or "FALSE"
