"""What is known of a job and its shards, as their rows keep it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fhir_service.storage.sessions import Row


class LeaseLost(Exception):
    """Somebody else does this shard by now, or the job was ended: what is not in a checkpoint does not count."""


@dataclass(frozen=True, slots=True)
class NewShard:
    """`work` is JSON text."""

    work: str
    phase: int = 0


@dataclass(frozen=True, slots=True)
class JobShard:
    """One part of a job. `checkpoint` is JSON text, empty before the first."""

    number: int
    phase: int
    work: str
    checkpoint: str
    done: bool


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it is stored; instants in milliseconds since 1970 UTC, `expires` 0 while it runs."""

    id: str
    kind: str
    owner: str
    request: str
    state: str
    place: int
    moment: int
    begun: int
    expires: int
    failure: str
    shards: tuple[JobShard, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """A shard that a worker holds, with its job and all shards of it."""

    job: Job
    shard: JobShard
    worker: str


def job_of(row: Row, shards: Sequence[Row]) -> Job:
    found = tuple(JobShard(number, phase, work, point, bool(done)) for number, phase, work, point, done in shards)
    return replace(Job(*row), shards=found)
