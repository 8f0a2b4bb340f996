"""A statement put together from fixed words; values only ever go in as numbered parameters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fhir_service.search.criteria import IdCriterion, LastUpdatedCriterion
from fhir_service.search.query import Query


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
    return " AND ".join(conditions) or "TRUE"


def column_conditions(query: Query, values: Values, row: str = "") -> list[str]:
    """The criteria that are columns of a current row: `_id` and `_lastUpdated`."""
    conditions = []
    for criterion in query.criteria:
        if isinstance(criterion, IdCriterion):
            conditions.append(f"{row}id IN ({values.many(_storable(criterion.ids))})")
        elif isinstance(criterion, LastUpdatedCriterion):
            column = f"{row}last_updated"
            ranges = (f"{column} >= {values(low)} AND {column} < {values(high)}" for low, high in criterion.ranges)
            conditions.append(f"({' OR '.join(ranges)})")
    return conditions


def _storable(ids: Iterable[str]) -> tuple[str, ...]:
    """PostgreSQL has no U+0000 in text; no id has it either."""
    return tuple(found.replace("\x00", " ") for found in ids)
