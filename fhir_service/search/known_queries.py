"""Queries that were read before: what a program searches for differs in few words, or in none, from call to call."""

from __future__ import annotations

import re

from fhir_service.search.query import Query
from fhir_service.search.query_text import Pairs

Asked = tuple[tuple[str, ...], Pairs, str, tuple[str, str] | None]
"""Types, parameters, the base of the server, and the compartment."""
_MOST = 1024
_LONGEST = 1024
"""Characters of all parameters."""
_LOOKED_UP = re.compile(r":(?:in|not-in|above|below)\b|^_filter\b")
_NEAR = re.compile(r"ap[-+.\d]")


class KnownQueries:
    """Those of one service. One is forgotten only together with all others, when there are too many."""

    def __init__(self) -> None:
        self._known: dict[Asked, Query] = {}

    def get(self, asked: Asked) -> Query | None:
        return self._known.get(asked)

    def keep(self, asked: Asked, query: Query) -> None:
        """Unless it means another thing tomorrow, or takes more room than it is worth."""
        if lasts(asked[1]) and sum(len(name) + len(value) for name, value in asked[1]) <= _LONGEST:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[asked] = query


def lasts(pairs: Pairs) -> bool:
    """Whether parameters mean the same at any time: no value set or hierarchy is looked up for them, and nothing is
    near to now (prefix `ap`)."""
    return not any(_LOOKED_UP.search(name) or _NEAR.search(value) for name, value in pairs)
