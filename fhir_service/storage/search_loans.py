"""Of what kind of connection a search is best asked: one whose plans fit its values, unless it finds few by any plan.

To make a plan for a search that finds few takes longer than to find them, so a probe tells which those are.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any

from fhir_service.search.query import Query
from fhir_service.storage.database import Database
from fhir_service.storage.readers import Loan

_MOST_FEW, _FEW_SECONDS = 512, 10.0


class SearchLoans:
    """Connections for the searches of one store."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._few: dict[tuple[Any, ...], float] = {}
        """Probes that found few rows, and until when that is believed."""

    async def loan_for(self, query: Query) -> Callable[[int | None], Loan]:
        """To be asked for a connection, with the place in the order of commits that it has to have come to."""
        if len(query.searches) != 1 or query.includes:
            return self._database.snapshot
        probe = self._database.dialect.search.probe(query.searches[0])
        if probe is not None:
            statement, values = probe
            now = monotonic()
            if self._few.get((statement, *values), now) > now:
                return self._database.showing
            async with self._database.showing() as session:
                if not await session.fetch(statement, *values):
                    if len(self._few) >= _MOST_FEW:
                        self._few.clear()
                    self._few[statement, *values] = now + _FEW_SECONDS
                    return self._database.showing
        return self._database.searching
