"""A group of commits, judged one after the other against the stored state: which succeed, and what is written.

Pure. Nobody else writes meanwhile, so what is decided here holds; a commit that fails leaves no trace in the plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from fhir_service.fhir.errors import EditConflict, FhirError, NotFound, PreconditionFailed
from fhir_service.fhir.etags import names_version
from fhir_service.fhir.json_text import members, splice
from fhir_service.storage.changes import Action, Create, Key, Outcome, Update, moment
from fhir_service.storage.index_rows import NO_ROWS, IndexRows
from fhir_service.storage.preparation import Content, Prepared


@dataclass(frozen=True, slots=True)
class State:
    """The newest version of a resource. `text` is there only where somebody asked whether it changes; of what was
    stored before the group, `rows` has the hashes alone."""

    partition_key: str
    resource_key: int
    version: int
    place: int
    last_updated: int
    deleted: bool
    rows: IndexRows = NO_ROWS
    text: bytes | None = None


class NewVersion(NamedTuple):
    """A row for the table of versions."""

    key: Key
    state: State
    action: Literal["created", "created-by-update", "updated", "deleted"]


@dataclass(slots=True)
class Plan:
    """What a group writes: `versions` in order, and `states` after it of every resource it changed.

    `before` is what the tables hold of the resources that anybody asked about.
    """

    before: dict[Key, State]
    last_updated: int
    next_place: int
    versions: list[NewVersion] = field(default_factory=list)
    states: dict[Key, State] = field(default_factory=dict)

    def add(self, changes: Sequence[Prepared]) -> list[Outcome] | FhirError:
        """Take one commit into the plan, whole or not at all; the error says why not, and which change it is about."""
        pending = _Pending(self)
        outcomes = []
        for number, change in enumerate(changes):
            try:
                outcomes.append(pending.apply(change))
            except FhirError as error:
                error.change = number
                return error
        self.versions.extend(pending.versions)
        self.states.update(pending.states)
        self.next_place = pending.next_place
        return outcomes

    def written(self) -> None:
        """Note that the tables hold the states; the versions still wait."""
        self.before.update(self.states)
        self.states.clear()

    def rewrite(self, changes: Sequence[Prepared], since: int) -> None:
        """Give other content to versions that are here, from the one numbered `since` on, and not yet in the table."""
        last = {new.key: number for number, new in enumerate(self.versions) if number >= since}
        for change in changes:
            new = self.versions[last[change.key]]
            assert change.content is not None  # noqa: S101  # a deletion has no content to replace
            old = new.state
            state = _state(change.content, old.resource_key, old.version, old.place, old.last_updated)
            self.versions[last[change.key]] = NewVersion(change.key, state, new.action)
            self.states[change.key] = state


@dataclass(slots=True)
class _Pending:
    """One commit on top of the plan, until it is known to succeed."""

    plan: Plan
    states: dict[Key, State] = field(default_factory=dict)
    versions: list[NewVersion] = field(default_factory=list)
    next_place: int = 0

    def __post_init__(self) -> None:
        self.next_place = self.plan.next_place

    def apply(self, change: Prepared) -> Outcome:
        current = self._current(change.key)
        _check_guard(change, current)
        _check_match(change, current)
        _check_none_match(change, current)
        if change.content is None:
            return self._delete(change, current)
        if current is None or current.deleted:
            return self._write(change, change.content, current, "created")
        if isinstance(change.change, Create):
            raise EditConflict(f"{_name(change)} exists already")
        if change.if_changed and _is_same(change, change.content, current):
            return _outcome(change, current, "unchanged")
        return self._write(change, change.content, current, "updated")

    def _current(self, key: Key) -> State | None:
        return self.states.get(key) or self.plan.states.get(key) or self.plan.before.get(key)

    def _delete(self, change: Prepared, current: State | None) -> Outcome:
        if current is None:
            return Outcome(*change.key, 0, moment(self.plan.last_updated), "unchanged")
        if current.deleted:
            return _outcome(change, current, "unchanged")
        state = State(
            current.partition_key,
            current.resource_key,
            current.version + 1,
            self.next_place,
            self.plan.last_updated,
            deleted=True,
            text=b"",
        )
        return self._keep(change, state, "deleted")

    def _write(
        self, change: Prepared, content: Content, current: State | None, action: Literal["created", "updated"]
    ) -> Outcome:
        version = 1 if current is None else current.version + 1
        key = self.next_place if current is None else current.resource_key
        state = _state(content, key, version, self.next_place, self.plan.last_updated)
        return self._keep(change, state, action)

    def _keep(self, change: Prepared, state: State, action: Literal["created", "updated", "deleted"]) -> Outcome:
        self.states[change.key] = state
        put = action == "created" and isinstance(change.change, Update)
        self.versions.append(NewVersion(change.key, state, "created-by-update" if put else action))
        self.next_place += 1
        return _outcome(change, state, action)


def _state(content: Content, resource_key: int, version: int, place: int, last_updated: int) -> State:
    return State(
        content.partition_key,
        resource_key,
        version,
        place,
        last_updated,
        deleted=False,
        rows=content.rows,
        text=content.splice.text(version, last_updated),
    )


def _check_guard(change: Prepared, current: State | None) -> None:
    """What may not be changed is answered as what is not there; so nothing is made under an id of the client's."""
    if change.guard is not None and (
        current is None or current.deleted or not change.admits(current.text or b"", current.last_updated)
    ):
        raise NotFound(f"there is no {_name(change)}")


def _check_match(change: Prepared, current: State | None) -> None:
    if change.if_match is None:
        return
    if current is None or current.deleted:
        raise PreconditionFailed(f"{_name(change)} has no current version, so it is not version {change.if_match}")
    if current.version != change.if_match:
        named = f"not {change.if_match}" if change.if_match else "and If-Match names one that never was"
        raise PreconditionFailed(f"the current version of {_name(change)} is {current.version}, {named}; read it again")


def _check_none_match(change: Prepared, current: State | None) -> None:
    if not change.if_none_match or current is None or current.deleted:
        return
    if names_version(change.if_none_match, current.version):
        raise PreconditionFailed(
            f"{_name(change)} is there, in version {current.version}, which If-None-Match rules out"
        )


def _is_same(change: Prepared, content: Content, current: State) -> bool:
    if not current.text:
        return False
    if change.volatile:
        left_out = change.volatile | {"meta"}
        return members(current.text, left_out) == members(content.splice.text(0, 0), left_out)
    return splice(current.text, change.key[1]) == content.splice


def _outcome(change: Prepared, state: State, action: Action) -> Outcome:
    written = (state.text or b"") if action in ("created", "updated") else b""
    return Outcome(*change.key, state.version, moment(state.last_updated), action, written, state.partition_key)


def _name(change: Prepared) -> str:
    return "/".join(change.key)
