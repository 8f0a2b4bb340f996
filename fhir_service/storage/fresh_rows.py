"""Resources of which nothing is stored yet, many at once: their rows go into the tables the fastest way a database has.

The rows are those that any other write makes; only the way there is shorter, since there is nothing to compare with.
Those of a load are made as a block, in whatever process; its keys and its time are put in when it is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from fhir_service.fhir.json_text import Splice, instant
from fhir_service.storage.index_rows import IndexRows
from fhir_service.storage.plan import NewVersion, Plan
from fhir_service.storage.sessions import Session

MANY, MANY_BYTES = 200, 8 * 1024 * 1024
"""Fresh resources that are written at once, and of their texts: their rows take some milliseconds to make, and one
message to PostgreSQL, which has them all, can have no more than a gigabyte."""
DIGITS = 4
BLOCK = 10**DIGITS
"""Most resources of a block that is made before its keys are known: they begin at a multiple of this."""
Block = Any
"""Rows as one database takes them; it can go from process to process."""


class FreshRow(NamedTuple):
    """The first version of a resource. Its place in the order of commits is its key for life: here the place itself, or
    that behind where its block begins. Its text is `before`, the instant and `after`."""

    type: str
    id: str
    partition_key: str
    place: int
    action: Literal["created", "created-by-update"]
    before: str
    after: str
    rows: IndexRows


class Loader(Protocol):
    """The fast way into one database."""

    def block(self, fresh: Iterable[FreshRow], digits: int) -> Block:
        """Make the rows ready; the places of `fresh` ascend, and are written with so many digits, to stand behind where
        the block begins."""

    async def load(self, session: Session, block: Block, base: int, last_updated: int) -> None:
        """Write versions, current resources and all that they are found by; `base` is added to the places (0, or a
        multiple of BLOCK where the block has DIGITS). Raises StoreUnavailable."""

    async def add(self, session: Session, fresh: Sequence[FreshRow], last_updated: int) -> None:
        """The same for a portion of them, whose places are known. Raises StoreUnavailable."""


def can_be_in_block(text: bytes) -> bool:
    """Whether no text of it may hold the control characters that blocks are written with."""
    return b"\\u000" not in text


def fresh_row(key: tuple[str, str], splice: Splice, partition_key: str, place: int, rows: IndexRows) -> FreshRow:
    """Of a resource that its client names."""
    before, after = f'{splice.before.decode()}1","lastUpdated":"', f'"{splice.after.decode()}'
    return FreshRow(*key, partition_key, place, "created-by-update", before, after, rows)


def take_fresh(plan: Plan) -> list[FreshRow]:
    """Take out of a plan what it writes of resources that were not there."""
    keys = {
        key
        for key, state in plan.states.items()
        if state.version == 1 and key not in plan.before and can_be_in_block(state.text or b"")
    }
    if not keys:
        return []
    moment = instant(plan.last_updated)
    fresh = [_taken(new, moment) for new in plan.versions if new.key in keys]
    plan.versions = [new for new in plan.versions if new.key not in keys]
    for key in keys:
        del plan.states[key]
    return fresh


def portions(fresh: Iterable[FreshRow]) -> Iterator[Sequence[FreshRow]]:
    """As many at a time as may be written at once, and one at least."""
    portion: list[FreshRow] = []
    size = 0
    for row in fresh:
        length = len(row.before) + len(row.after)
        if portion and (len(portion) >= MANY or size + length > MANY_BYTES):
            yield portion
            portion, size = [], 0
        portion.append(row)
        size += length
    if portion:
        yield portion


def _taken(new: NewVersion, moment: str) -> FreshRow:
    before, _, after = (new.state.text or b"").decode().partition(moment)
    action: Any = new.action
    return FreshRow(*new.key, new.state.partition_key, new.state.place, action, before, after, new.state.rows)
