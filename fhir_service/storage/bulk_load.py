"""Many resources that come with their ids, in one commit: what is not there goes in the fast way, the rest is compared.

The same again changes nothing and makes no version, so whoever was broken off begins again. Of two in one batch with
the same id the later one counts, and the first is a version before it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from fhir_service.fhir.access import Access
from fhir_service.fhir.errors import FhirError
from fhir_service.fhir.json_text import Splice, splice
from fhir_service.storage.changes import Key, Outcome, Update, moment
from fhir_service.storage.fresh_rows import BLOCK, DIGITS, Block, FreshRow, can_be_in_block, fresh_row
from fhir_service.storage.group_commit import Group
from fhir_service.storage.index_rows import NO_ROWS
from fhir_service.storage.plan import State
from fhir_service.storage.preparation import Content, Prepared, content_of, may_write, refuse_fixed, refuse_restricted
from fhir_service.storage.state_rows import states


class Incoming(NamedTuple):
    """A resource that was made ready to be loaded, wherever that was done; what it is found by is in a block."""

    type: str
    id: str
    splice: Splice
    partition_key: str

    @property
    def key(self) -> Key:
        return self.type, self.id


class MadeReady(NamedTuple):
    """Some resources, and the block of all of them where there can be one."""

    batch: Sequence[Incoming]
    block: Block | None = None


MakeBlock = Callable[[Iterable[FreshRow], int], Block]


def made_ready(contents: Iterable[tuple[Key, Content]], make: MakeBlock) -> MadeReady:
    """Of resources of different ids, each taken when the one before is done with; `make` is that of the database they
    go to."""
    batch: list[Incoming] = []
    block = make(_fresh_rows(contents, batch), DIGITS)
    fits = 0 < len(batch) <= BLOCK and all(can_be_in_block(one.splice.after + one.splice.before) for one in batch)
    return MadeReady(batch, block if fits else None)


def _fresh_rows(contents: Iterable[tuple[Key, Content]], batch: list[Incoming]) -> Iterator[FreshRow]:
    for place, (key, content) in enumerate(contents):
        batch.append(Incoming(*key, content.splice, content.partition_key))
        yield fresh_row(key, content.splice, content.partition_key, place, content.rows)


def check_load(batch: Sequence[Incoming], access: Access) -> None:
    """Raises Forbidden, also where the caller may write only some resources of a type; ComesWithService."""
    kinds = {one.type for one in batch}
    may_write({("c", kind) for kind in kinds} | {("u", kind) for kind in kinds}, access)
    refuse_restricted(kinds, access)
    for one in batch:
        refuse_fixed(one.key, access)


async def load_batch(group: Group, ready: MadeReady, base: str | None) -> list[Outcome]:
    """What became of each, in their order. A group holds nothing else. Raises StoreUnavailable."""
    batch, plan = ready.batch, group.plan
    keys = [one.key for one in batch]
    known = await states(group.session, group.dialect, keys)
    if ready.block is not None and not known and len(set(keys)) == len(keys):
        first = -(-plan.next_place // BLOCK) * BLOCK
        await group.reserve(first + len(batch) - plan.next_place)
        await group.load(ready.block, first)
        now = moment(plan.last_updated)
        return [Outcome(one.type, one.id, 1, now, "created") for one in batch]
    changes = [_compared(one) for one in batch]
    await group.reserve(len(batch))
    await group.look_at(changes)
    often = Counter(keys)
    unsure = [
        place for place, one in enumerate(batch) if often[one.key] > 1 or not _is_there(one, plan.before.get(one.key))
    ]
    contents = await asyncio.to_thread(lambda: [_content(batch[place], base) for place in unsure])
    for place, content in zip(unsure, contents, strict=True):
        changes[place] = replace(changes[place], content=content)
    outcomes = plan.add(changes)
    if isinstance(outcomes, FhirError):
        raise outcomes
    return outcomes


def _compared(one: Incoming) -> Prepared:
    """Where it changes nothing it makes no version, and what it is found by need not be known."""
    change = Update(one.type, one.id, b"", if_changed=True)
    return Prepared(one.key, change, Content(one.splice, one.partition_key, NO_ROWS))


def _is_there(one: Incoming, state: State | None) -> bool:
    return bool(state is not None and state.text and splice(state.text, one.id) == one.splice)


def _content(one: Incoming, base: str | None) -> Content:
    return content_of(one.type, one.id, one.splice.text(0, 0), base)
