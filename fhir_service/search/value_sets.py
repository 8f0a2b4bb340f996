"""What a search has to know of terminologies: the modifiers `:in`, `:not-in`, `:above` and `:below` on tokens."""

from __future__ import annotations

from typing import Protocol


class Terminology(Protocol):
    """Code systems and value sets, as far as they are known here. None always means unknown."""

    def codes_in(self, value_set: str) -> frozenset[tuple[str, str]] | None:
        """System and code of all that is in the value set of this canonical URL (with `|version` or without), or of
        the one that is `ValueSet/id` here."""

    def descendants(self, system: str, code: str) -> frozenset[str] | None:
        """The code itself and all that are a kind of it."""

    def ancestors(self, system: str, code: str) -> frozenset[str] | None:
        """The code itself and all that it is a kind of."""
