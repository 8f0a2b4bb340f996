"""Many resources that come with their ids, in one commit: what is not there goes in the fast way, the rest is compared.

The same again changes nothing and makes no version, so whoever was broken off begins again. Of two in one batch with
the same id the later one counts, and the first is a version before it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from fhir_service.fhir.access import Access
from fhir_service.fhir.errors import FhirError
from fhir_service.fhir.json_text import Splice
from fhir_service.storage.changes import Key, Outcome, Update, moment
from fhir_service.storage.fresh_rows import FreshRow
from fhir_service.storage.group_commit import Group
from fhir_service.storage.index_rows import IndexRows
from fhir_service.storage.preparation import Content, Prepared, content_of, may_write, refuse_fixed, refuse_restricted
from fhir_service.storage.state_rows import states


class Incoming(NamedTuple):
    """A resource made ready to be loaded, wherever that was done."""

    type: str
    id: str
    splice: Splice
    partition_key: str
    rows: IndexRows

    @property
    def key(self) -> Key:
        return self.type, self.id


def incoming(resource_type: str, resource_id: str, text: bytes, base: str | None, value: object = None) -> Incoming:
    """Make it ready; `value` is what the text says, where that is at hand. Raises MalformedContent."""
    content = content_of(resource_type, resource_id, text, base, value)
    return Incoming(resource_type, resource_id, content.splice, content.partition_key, content.rows)


def check_load(batch: Sequence[Incoming], access: Access) -> None:
    """Raises Forbidden, also where the caller may write only some resources of a type; ComesWithService."""
    kinds = {one.type for one in batch}
    may_write({("c", kind) for kind in kinds} | {("u", kind) for kind in kinds}, access)
    refuse_restricted(kinds, access)
    for one in batch:
        refuse_fixed(one.key, access)


async def load_batch(group: Group, batch: Sequence[Incoming]) -> list[Outcome]:
    """What became of each, in their order. A group holds nothing else. Raises StoreUnavailable."""
    known = await states(group.session, group.dialect, [one.key for one in batch])
    first = _first(batch, known)
    await group.reserve(len(batch))
    plan = group.plan
    rows = list(_fresh_rows([batch[place] for place in first], plan.next_place, plan.last_updated))
    plan.next_place += len(rows)
    await group.load(rows)
    now = moment(plan.last_updated)
    done = [Outcome(one.type, one.id, 1, now, "created") for one in batch]
    compared = [place for place in range(len(batch)) if place not in first]
    if compared:
        changes = [_compared(batch[place]) for place in compared]
        await group.look_at(changes)
        outcomes = plan.add(changes)
        if isinstance(outcomes, FhirError):
            raise outcomes
        for place, outcome in zip(compared, outcomes, strict=True):
            done[place] = outcome
    return done


def _first(batch: Sequence[Incoming], known: Collection[Key]) -> dict[int, None]:
    """The places of those that are not there, each id once."""
    by_key: dict[Key, int] = {}
    for place, one in enumerate(batch):
        if one.key not in known:
            by_key.setdefault(one.key, place)
    return dict.fromkeys(by_key.values())


def _fresh_rows(fresh: Sequence[Incoming], place: int, last_updated: int) -> Iterator[FreshRow]:
    for key, one in enumerate(fresh, place):
        text = one.splice.text(1, last_updated).decode()
        yield FreshRow(one.type, one.id, one.partition_key, key, last_updated, "created-by-update", text, one.rows)


def _compared(one: Incoming) -> Prepared:
    """Where it changes nothing it makes no version."""
    change = Update(one.type, one.id, b"", if_changed=True)
    return Prepared(one.key, change, Content(one.splice, one.partition_key, one.rows))
