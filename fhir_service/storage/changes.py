"""What goes into the store and what comes out."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple

from fhir_service.fhir.audit_events import NO_PATIENT_DATA

Key = tuple[str, str]
"""Type and id of a resource."""
PlacedKey = tuple[str, str, int]
"""The same, and a place in the order of commits."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Action = Literal["created", "updated", "deleted", "unchanged"]


@dataclass(frozen=True, slots=True)
class Create:
    """A new resource; without `id` the store makes one. One that exists is a conflict, a deleted one comes back. With
    `is_new` the caller has just made the id, so nothing of that name can be stored. `value` is what the text says,
    where that is at hand."""

    type: str
    text: bytes
    id: str | None = None
    is_new: bool = False
    value: Any = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Update:
    """A new version, the first one included. `if_match` is the version it must replace, `if_none_match` the header of
    that name: `*`, or ETags that the current version may not have. With `if_changed` equal content makes no version,
    and a difference in the top-level members of `volatile` is none. `value` is as in `Create`."""

    type: str
    id: str
    text: bytes
    if_match: int | None = None
    if_changed: bool = False
    volatile: frozenset[str] = frozenset()
    if_none_match: str = ""
    value: Any = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Delete:
    """Nothing is left to read but the older versions. To delete what is not there changes nothing."""

    type: str
    id: str
    if_match: int | None = None


Change = Create | Update | Delete


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a change did. `version` is the current one afterwards, 0 where the resource never was."""

    type: str
    id: str
    version: int
    last_updated: datetime
    action: Action
    text: bytes = field(default=b"", compare=False, repr=False)
    """What was stored, where that is known; for a deletion, and where nothing changed, it is empty."""
    partition: str = field(default="", compare=False, repr=False)
    """Its partition key, where that is known."""


class Stored(NamedTuple):
    """One version of a resource, written at an instant in milliseconds since 1970 UTC. `text` is its exact JSON, id and
    meta as they are served; empty for a deletion. `partition` is its partition key, where that was read too."""

    type: str
    id: str
    version: int
    milliseconds: int
    text: bytes
    deleted: bool = False
    partition: str = ""

    @property
    def last_updated(self) -> datetime:
        return moment(self.milliseconds)

    @property
    def patients(self) -> tuple[str, ...]:
        """The id of the patient it belongs to; none where it belongs to nobody, or that was not read."""
        return () if not self.partition or self.partition.startswith(OF_NOBODY) else (self.partition,)


@dataclass(frozen=True, slots=True)
class Version:
    """One version as history shows it: what was done (R4 http.html#history), and whether that made the resource."""

    stored: Stored
    method: Literal["POST", "PUT", "DELETE"]
    created: bool


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Some of the past, newest first. `next` is the place after which the page behind it begins, None on the last."""

    versions: list[Version]
    next: int | None


class Placed(NamedTuple):
    """A resource and its key: its place in the order of first commits, which it keeps for life."""

    key: int
    stored: Stored


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the matches of a search; `next` is the cursor of the page after it, None on the last.

    `included` is what they bring along, each resource once; `included_cut` says that there was too much of it.
    """

    matches: list[Stored]
    next: str | None
    included: list[Stored] = field(default_factory=list)
    included_cut: bool = False


@dataclass(frozen=True, slots=True)
class ReportRecord:
    """What the store remembers of a loaded report. `made` are the resources it makes now, `stored` also those it made
    before and of which versions are still there. No fingerprint: it was taken out again."""

    source_key: str
    fingerprint: str | None
    made: tuple[Key, ...]
    stored: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class ReportState:
    """A report that is loaded now: the fingerprint of its text, what was read in it as JSON (None where an earlier
    release loaded it), and by resource the version in which the report left it, None where that is not known."""

    source_key: str
    fingerprint: str
    reading: bytes | None
    made: dict[Key, int | None]


MOST_SEEN = 10_000
OF_NOBODY = "~"
"""What the partition key of a resource of no patient begins with."""


@dataclass(slots=True)
class Seen:
    """The resources that a call was given or has written, with the last version of each, as long as there are not too
    many."""

    resources: dict[Key, int] = field(default_factory=dict)
    patients: set[str] = field(default_factory=set)
    """The ids of those whose data that was, as far as they are known."""
    unknown: set[Key] = field(default_factory=set)
    """Resources whose patient has to be looked up."""
    more: bool = False
    everybody: bool = False
    """Whether it was about all patients that the caller may see."""

    def add(self, found: Iterable[Stored | Outcome]) -> None:
        for one in found:
            if one.type in NO_PATIENT_DATA:
                continue
            if len(self.resources) >= MOST_SEEN:
                self.more = True
                return
            self.resources[one.type, one.id] = one.version
            if not one.partition:
                self.unknown.add((one.type, one.id))
            elif not one.partition.startswith(OF_NOBODY):
                self.patients.add(one.partition)

    def take(self) -> Seen:
        """What was seen until now, of which nothing is left here."""
        taken = replace(self)
        self.resources, self.patients, self.unknown = {}, set(), set()
        return taken

    def add_all_of(self, other: Seen) -> None:
        """What another call has seen as well."""
        self.resources.update(other.resources)
        self.patients |= other.patients
        self.unknown |= other.unknown
        self.more |= other.more
        self.everybody |= other.everybody

    def add_patients(self, ids: Collection[str] | None) -> None:
        """Those that it is about, without that they were handed out one by one; None: all."""
        if ids is None or len(ids) > MOST_SEEN:
            self.everybody = True
        else:
            self.resources.update({("Patient", one): 0 for one in ids})
            self.patients.update(ids)


def moment(milliseconds: int) -> datetime:
    """Milliseconds since 1970 as an aware datetime in UTC."""
    return _EPOCH + timedelta(milliseconds=milliseconds)
