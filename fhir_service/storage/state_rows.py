"""The states of resources as rows of the tables, read and written."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from fhir_service.storage import statements
from fhir_service.storage.changes import Key
from fhir_service.storage.dialects import Dialect
from fhir_service.storage.index_rows import IndexRows
from fhir_service.storage.plan import Plan, State
from fhir_service.storage.sessions import Session, Step


async def states(session: Session, dialect: Dialect, keys: Sequence[Key]) -> dict[Key, State]:
    """What is stored of these now."""
    if not keys:
        return {}
    unique = list(dict.fromkeys(keys))
    rows = await session.fetch(statements.STATES.format(keys=dialect.keys), *dialect.key_values(unique))
    found: dict[Key, State] = {}
    for row in rows:
        partition_key, resource_key, version, place, last_updated, deleted, hashes, sort_high = row[2:]
        rows_before = IndexRows(dialect.unpack(hashes), sort_high=sort_high)
        found[row[0], row[1]] = State(
            partition_key, resource_key, version, place, last_updated, bool(deleted), rows_before
        )
    return found


def version_steps(plan: Plan) -> list[Step]:
    """The versions that a plan adds."""
    versions = [
        (
            *(
                *new.key,
                new.state.version,
                new.state.partition_key,
                new.state.place,
                new.state.last_updated,
                new.action,
            ),
            (new.state.text or b"").decode(),
        )
        for new in plan.versions
    ]
    return [(statements.INSERT_VERSION, versions)]


def current_steps(dialect: Dialect, plan: Plan) -> list[Step]:
    """The states that a plan leaves."""
    added = [_row(dialect, key, state) for key, state in plan.states.items() if key not in plan.before]
    changed = [_row(dialect, key, state) for key, state in plan.states.items() if key in plan.before]
    return [
        (statements.INSERT_CURRENT, added),
        (statements.UPDATE_CURRENT, changed),
        *(_posting_steps(plan) if dialect.postings else ()),
    ]


def _row(dialect: Dialect, key: Key, state: State) -> tuple[Any, ...]:
    return (
        *(*key, state.partition_key, state.resource_key, state.version, state.place, state.last_updated),
        *(state.deleted, state.rows.sort_low, state.rows.sort_high, state.rows.sort_values),
        *(dialect.pack(state.rows.hashes), (state.text or b"").decode()),
    )


def _posting_steps(plan: Plan) -> list[Step]:
    """Only what differs from before; in order of the index, which is how a tree likes to grow."""
    gone: list[tuple[int, int]] = []
    new: list[tuple[int, int, int | None]] = []
    for key, state in plan.states.items():
        old = plan.before.get(key)
        hashes, in_time, sort_high = state.rows.hashes, state.rows.in_time, state.rows.sort_high
        kept = set(old.rows.hashes) if old is not None else set()
        gone += [(one, state.resource_key) for one in kept.difference(hashes)]
        if old is None or old.rows.sort_high != sort_high:
            kept = set()
        new += [(one, state.resource_key, sort_high if one in in_time else None) for one in hashes if one not in kept]
    return [
        (statements.DELETE_POSTING, sorted(gone)),
        (statements.INSERT_POSTING, sorted(new, key=itemgetter(0, 1))),
    ]
