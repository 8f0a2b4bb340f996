"""How busy a store is: numbers for whoever watches the service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from fhir_service.storage.sessions import Session

OnGroup = Callable[[int, float], None]
"""Told of each group of commits that became durable: its changes, and the seconds it took."""
_JOBS = "SELECT kind, state, count(*) FROM job GROUP BY kind, state"
_SHARDS = (
    "SELECT j.kind, s.done, count(*) FROM job j CROSS JOIN job_shard s WHERE j.state = 'running' AND s.job_id = j.id "
    "GROUP BY j.kind, s.done"
)


class PoolUse(NamedTuple):
    """Connections of a pool: lent out, kept for the next, and how many there may be."""

    lent: int
    kept: int
    most: int


@dataclass(frozen=True, slots=True)
class StoreLoad:
    """`waiting` are changes that wait to be written; pools are by what their connections are for; jobs by kind and
    state, the shards of those that run by kind and `done` or `open`."""

    waiting: int
    pools: Mapping[str, PoolUse]
    jobs: Mapping[tuple[str, str], int]
    shards: Mapping[tuple[str, str], int]


async def job_numbers(session: Session) -> tuple[dict[tuple[str, str], int], dict[tuple[str, str], int]]:
    """Jobs and shards as in StoreLoad. Raises StoreUnavailable."""
    jobs = {(kind, state): number for kind, state, number in await session.fetch(_JOBS)}
    shards = {(kind, "done" if done else "open"): number for kind, done, number in await session.fetch(_SHARDS)}
    return jobs, shards
