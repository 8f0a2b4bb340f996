"""What the readers of parameters share: where they are, whom they may ask, and how much they may take."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from fhir_service.search.query_faults import invalid, too_costly
from fhir_service.search.query_text import split
from fhir_service.search.value_sets import Terminology

MAX_VALUES = 1000
"""Values in one search, all parameters taken together."""
MAX_CRITERIA = 100
MAX_LENGTH = 4096
"""Characters of one value."""
MAX_CODES = 5000
"""Codes that a value set or a hierarchy may stand for."""
MAX_DEPTH = 10
"""Links of a chain, `_has` included."""


class BareId(NamedTuple):
    """An id without type where several types may be meant; it is ambiguous if more than one has it (REF-2)."""

    parameter: str
    id: str
    types: tuple[str, ...]


@dataclass(slots=True)
class Reading:
    """One query while it is read. `served` are the types of this server (None: all of R4), `now` is in milliseconds."""

    base: str | None = None
    terminology: Terminology | None = None
    served: frozenset[str] | None = None
    now: int = 0
    values: int = 0
    criteria: int = 0
    bare_ids: list[BareId] = field(default_factory=list)

    def alternatives(self, name: str, value: str) -> list[str]:
        """The values between commas, escapes kept; empty ones do not count.

        Raises InvalidParameter where none is left, TooCostly where it is too much.
        """
        found = [part for part in split(value, ",") if part.strip()]
        if not found:
            raise invalid(name, "it holds no value")
        if any(len(part) > MAX_LENGTH for part in found):
            raise too_costly(name, f"a value has more than {MAX_LENGTH} characters")
        self.values += len(found)
        self.criteria += 1
        if self.values > MAX_VALUES:
            raise too_costly(name, f"a search takes at most {MAX_VALUES} values")
        if self.criteria > MAX_CRITERIA:
            raise too_costly(name, f"a search takes at most {MAX_CRITERIA} criteria")
        return found

    def of_served(self, types: Sequence[str], every: Iterable[str]) -> tuple[str, ...]:
        """Those of the types that this server has; where none is named, all of them."""
        named = types or (sorted(every) if self.served is None else sorted(self.served))
        return tuple(kind for kind in named if self.served is None or kind in self.served)
