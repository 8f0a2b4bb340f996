"""Resources of which nothing is stored yet, many at once: their rows go into the tables the fastest way a database has.

The rows are those that any other write makes; only the way there is shorter, since there is nothing to compare with.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

from fhir_service.storage.index_rows import IndexRows
from fhir_service.storage.plan import Plan
from fhir_service.storage.sessions import Session

MANY = 200
"""Fresh resources from which on this is the faster way."""


class FreshRow(NamedTuple):
    """The first version of a resource; its place in the order of commits is its key for life."""

    type: str
    id: str
    partition_key: str
    place: int
    last_updated: int
    action: Literal["created", "created-by-update"]
    text: str
    rows: IndexRows


class Loader(Protocol):
    """The fast way into one database."""

    async def load(self, session: Session, fresh: Sequence[FreshRow]) -> None:
        """Write versions, current resources and all that they are found by. Raises StoreUnavailable."""


def take_fresh(plan: Plan) -> list[FreshRow]:
    """Take out of a plan what it writes of resources that were not there, where it is worth while."""
    keys = {key for key, state in plan.states.items() if state.version == 1 and key not in plan.before}
    if len(keys) < MANY:
        return []
    fresh = []
    for key, state, action in plan.versions:
        if key in keys and action in ("created", "created-by-update"):
            text = (state.text or b"").decode()
            row = FreshRow(*key, state.partition_key, state.place, state.last_updated, action, text, state.rows)
            fresh.append(row)
    plan.versions = [new for new in plan.versions if new.key not in keys]
    for key in keys:
        del plan.states[key]
    return fresh
