"""Everything that is known of one patient, or of every patient, page by page (R4 operation-patient-everything.html).

A page begins behind a place: the key of a patient and the key of the last of its resources that was looked at. Keys
stay for life and new ones are higher, so that others may write meanwhile: nothing that was there is missed or comes
twice with one patient. What several patients share, such as a device, comes with each of them, once on a page.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

from fhir_service.fhir.access import Access
from fhir_service.fhir.errors import Gone, InvalidParameter, NotFound
from fhir_service.search.dates import EARLIEST, LATEST, Range
from fhir_service.search.query import Cursor, Query, TypeSearch
from fhir_service.storage.repository import Placed, Repository, Stored
from fhir_service.workflows.care_dates import is_in_care_dates

_ANY_TIME = Range(EARLIEST, LATEST)
_RELEASE = 1
_BEFORE_ALL = -1
_PATIENT_ITSELF = 0
_LAST_KEY = 2**63 - 1
_AT_ONCE = 20
_MOST_PATIENTS = 200
"""Patients that are looked at for one page: one that finds little ends early, and goes on with the next."""


@dataclass(frozen=True, slots=True)
class Place:
    """Behind which resource of which patient a page begins; the patient comes before its other resources."""

    patient_key: int = 0
    resource_key: int = _BEFORE_ALL

    def text(self) -> str:
        body = json.dumps([_RELEASE, self.patient_key, self.resource_key]).encode()
        return base64.urlsafe_b64encode(body).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> Place:
        """Raises InvalidParameter for what this service gave to nobody."""
        try:
            match json.loads(
                base64.b64decode(text[:200] + "=" * (-len(text[:200]) % 4), altchars=b"-_", validate=True)
            ):
                case [int(release), int(patient), int(resource)] if (
                    release == _RELEASE and 0 <= patient <= _LAST_KEY and _BEFORE_ALL <= resource <= _LAST_KEY
                ):
                    return cls(patient, resource)
        except (ValueError, RecursionError):  # of base64, ASCII, UTF-8 and JSON alike
            pass
        text = "_cursor: this is not a place in a result; follow the links as they are given"
        raise InvalidParameter(text, expression=("http._cursor",))


_START = Place()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of everything is asked for: some types (none named: all), what was written at or after `since`
    (milliseconds), care dates, and at most `count` resources behind a place (None: all)."""

    types: frozenset[str] = frozenset()
    since: int | None = None
    care: Range = _ANY_TIME
    count: int | None = None
    after: Place = _START

    def includes(self, stored: Stored) -> bool:
        if self.types and stored.type not in self.types:
            return False
        if self.since is not None and stored.milliseconds < self.since:
            return False
        return self.care == _ANY_TIME or is_in_care_dates(stored.type, stored.text, self.care)


@dataclass(frozen=True, slots=True)
class EverythingPage:
    """`next` is the place behind it, None on the last page; `total` counts all pages, where it is known."""

    found: list[Stored]
    next: Place | None = None
    total: int | None = None


async def everything_about(repository: Repository, patient_id: str, wanted: Wanted, access: Access) -> EverythingPage:
    """The patient, the compartment, what those refer to and the Provenance of all. Raises NotFound, Gone."""
    placed = await repository.everything(patient_id, access)
    matches = [(_position(placed, one), one.stored) for one in placed if wanted.includes(one.stored)]
    behind = [match for match in matches if match[0] > wanted.after.resource_key]
    page = behind if wanted.count is None else behind[: wanted.count]
    more = len(behind) > len(page)
    return EverythingPage([one for _, one in page], Place(0, page[-1][0]) if more else None, len(matches))


async def everything_about_all(repository: Repository, wanted: Wanted, access: Access) -> EverythingPage:
    """The same for every patient the caller may see, one after the other, in the order of their first commits."""
    found: dict[tuple[str, str], Stored] = {}
    seen, count = 0, wanted.count or _LAST_KEY
    async for placed in _patients(repository, wanted.after.patient_key, access):
        patient_key = placed[0].key
        seen += 1
        if seen > _MOST_PATIENTS:
            return EverythingPage(list(found.values()), Place(patient_key))
        start = wanted.after.resource_key if patient_key == wanted.after.patient_key else _BEFORE_ALL
        last = start
        for one in placed:
            position = _position(placed, one)
            key = (one.stored.type, one.stored.id)
            if position > start and key not in found and wanted.includes(one.stored):
                if len(found) == count:
                    return EverythingPage(list(found.values()), Place(patient_key, last))
                found[key] = one.stored
            last = max(last, position)
    return EverythingPage(list(found.values()), None, len(found) if wanted.after == _START else None)


async def _patients(repository: Repository, first_key: int, access: Access) -> AsyncIterator[list[Placed]]:
    """Everything of each patient from a key on."""
    key: int | None = first_key
    while key is not None:
        after = Cursor((), key - 1) if key else None
        query = Query((TypeSearch("Patient"),), count=_AT_ONCE, after=after)
        page = await repository.search(query, access)
        for patient in page.matches:
            try:
                yield await repository.everything(patient.id, access)
            except (NotFound, Gone):  # deleted since it was found
                continue
        key = Cursor.read(page.next, ()).resource_key + 1 if page.next else None


def _position(placed: list[Placed], one: Placed) -> int:
    return _PATIENT_ITSELF if one is placed[0] else one.key
