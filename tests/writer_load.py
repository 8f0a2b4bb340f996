"""Clients that write all the time and remember what they were told: what has to be there after a crash, and what may.

Every version that an attempt writes bears its marker, an identifier that no other attempt has.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import httpx

SYSTEM = "urn:crash"
Made = tuple[str, str, int]
"""Type, id and version."""


@dataclass(slots=True)
class Attempt:
    """`parts` versions with its marker belong together, and the deletions `deletes`. `made` is what the answer said;
    None: there was none, so that all of it or nothing may be there. `refused`: nothing may be there."""

    marker: str
    parts: int = 1
    deletes: tuple[Made, ...] = ()
    made: tuple[Made, ...] | None = None
    refused: bool = False


class Row(NamedTuple):
    """A version as it is stored."""

    key: Made
    action: str
    marker: str


@dataclass(slots=True)
class Ledger:
    """All attempts of some clients."""

    attempts: list[Attempt] = field(default_factory=list)
    acknowledged: int = 0
    odd: list[str] = field(default_factory=list)
    """Answers that no client should get."""
    more: asyncio.Event = field(default_factory=asyncio.Event)

    def settle(self, attempt: Attempt, made: Iterable[Made]) -> None:
        attempt.made = tuple(made)
        self.acknowledged += 1
        self.more.set()

    async def reaches(self, number: int) -> None:
        while self.acknowledged < number:
            self.more.clear()
            await self.more.wait()

    def faults(self, rows: Iterable[Row]) -> list[str]:
        """What is stored and was not attempted, what was acknowledged and is not stored, what is there in part."""
        stored: dict[Made, Row] = {}
        marked: dict[str, list[Made]] = defaultdict(list)
        for row in rows:
            stored[row.key] = row
            if row.marker:
                marked[row.marker].append(row.key)
        known = {attempt.marker for attempt in self.attempts}
        found = [f"nobody wrote {key}" for marker, keys in marked.items() if marker not in known for key in keys]
        for attempt in self.attempts:
            found += _faults(attempt, stored, marked.get(attempt.marker, []))
        return found + self.odd


def _faults(attempt: Attempt, stored: Mapping[Made, Row], here: list[Made]) -> list[str]:
    deleted = [key for key in attempt.deletes if key in stored and stored[key].action == "deleted"]
    whole = len(here) == attempt.parts and len(deleted) == len(attempt.deletes)
    nothing = not here and not deleted
    if attempt.made is not None:
        if not whole or not set(attempt.made) <= {*here, *deleted}:
            return [f"{attempt} was acknowledged, and there are {here} and {deleted}"]
    elif attempt.refused and not nothing:
        return [f"{attempt} was refused, and there are {here} and {deleted}"]
    elif not (nothing or whole):
        return [f"{attempt} is there in part: {here} and {deleted}"]
    return []


class Writer:
    """One connection that writes one thing after another. `name` is no other writer's."""

    def __init__(self, client: httpx.AsyncClient, name: str, ledger: Ledger, chance: random.Random) -> None:
        self._client = client
        self._name = name
        self._ledger = ledger
        self._chance = chance
        self._number = 0
        self._versions: dict[str, int] = {}
        """By id of a Patient of its own the version it has."""

    async def run(self, ended: asyncio.Event) -> None:
        """Write until `ended`, whatever happens to the server meanwhile."""
        ways = (self._create, self._update, self._conditional_create, self._conditional_update)
        while not ended.is_set():
            way = self._chance.choice((*ways, self._transact, self._transact, self._delete, self._share))
            try:
                await way()
            except httpx.TransportError:  # it was killed, or is not there yet
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(ended.wait(), 0.1)

    def _attempt(self, parts: int = 1, deletes: tuple[Made, ...] = ()) -> Attempt:
        self._number += 1
        attempt = Attempt(f"{self._name}-{self._number}", parts, deletes)
        self._ledger.attempts.append(attempt)
        return attempt

    async def _create(self) -> None:
        attempt = self._attempt()
        await self._sent(attempt, "POST", "Patient", _patient(attempt))

    async def _update(self, **headers: str) -> None:
        attempt = self._attempt()
        name = f"{self._name}.{self._chance.randrange(4)}"
        before = self._versions.pop(name, None)  # nobody knows until it is answered
        if before is not None and self._chance.random() < 0.5:
            headers["if-match"] = f'W/"{before}"'
        for key in await self._sent(attempt, "PUT", f"Patient/{name}", _patient(attempt, id=name), **headers):
            self._versions[name] = key[2]

    async def _conditional_create(self) -> None:
        """Twice at the same moment: one of them makes it, the other finds it."""
        attempt = self._attempt()
        condition = {"if-none-exist": f"identifier={SYSTEM}|{attempt.marker}"}
        both = (self._sent(attempt, "POST", "Patient", _patient(attempt), **condition) for _ in range(2))
        said = await asyncio.gather(*both, return_exceptions=True)
        for one in said:
            if isinstance(one, BaseException):
                raise one

    async def _conditional_update(self) -> None:
        attempt = self._attempt()
        await self._sent(attempt, "PUT", f"Patient?identifier={SYSTEM}|{attempt.marker}", _patient(attempt))

    async def _delete(self) -> None:
        if self._versions:
            name, version = self._versions.popitem()
            deleted = ("Patient", name, version + 1)
            await self._sent(self._attempt(0, (deleted,)), "DELETE", f"Patient/{name}", None, made=(deleted,))

    async def _share(self) -> None:
        """What all writers write: each version is of one of them."""
        attempt = self._attempt()
        await self._sent(attempt, "PUT", "Patient/shared", _patient(attempt, id="shared"))

    async def _transact(self) -> None:
        deletes = ()
        if self._versions and self._chance.random() < 0.5:
            name, version = self._versions.popitem()
            deletes = (("Patient", name, version + 1),)
        attempt = self._attempt(5, deletes)
        whole = "urn:uuid:5b0fcd47-8a7a-4ac5-a7ee-7a9c2c4a0b11"
        entries = [_entry("POST", "Patient", _patient(attempt), whole)]
        entries += [_entry("POST", "Observation", _observation(attempt, whole)) for _ in range(2)]
        name = f"{self._name}.t{self._number}"
        entries.append(_entry("PUT", f"Patient/{name}", _patient(attempt, id=name)))
        search = f"Patient?identifier={SYSTEM}|{attempt.marker}-b"
        entries.append(_entry("PUT", search, _patient(attempt, also=f"{attempt.marker}-b")))
        entries += [{"request": {"method": "DELETE", "url": f"{kind}/{one}"}} for kind, one, _ in deletes]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        await self._sent(attempt, "POST", "", bundle, made=deletes)

    async def _sent(
        self, attempt: Attempt, method: str, path: str, body: Any, *, made: tuple[Made, ...] = (), **headers: str
    ) -> tuple[Made, ...]:
        """What the answer says was made, `made` of itself included; nothing where it says no, or not surely yes."""
        content = None if body is None else json.dumps(body)
        address = f"/fhir/{path}" if path else "/fhir"
        answer = await self._client.request(method, address, content=content, headers=headers)
        if answer.status_code in (200, 201, 204):
            found = (*_located(answer), *made)
            self._ledger.settle(attempt, found)
            return found
        if answer.status_code in (409, 412):
            attempt.refused = attempt.made is None
        elif answer.status_code != 503 or "OperationOutcome" not in answer.text:
            self._ledger.odd.append(f"{attempt.marker}: {answer.status_code} {answer.text[:300]}")
        else:
            await asyncio.sleep(0.05)  # the store is away
        return ()


def _located(answer: httpx.Response) -> list[Made]:
    if answer.status_code == 204:
        return []
    body = answer.json()
    if body["resourceType"] == "Bundle":
        places = [entry["response"]["location"] for entry in body["entry"] if "location" in entry["response"]]
        return [_made(place) for place in places]
    return [(body["resourceType"], body["id"], int(body["meta"]["versionId"]))]


def _made(location: str) -> Made:
    *_, kind, resource_id, _, version = location.split("/")
    return kind, resource_id, int(version)


def _entry(method: str, url: str, resource: dict[str, Any], full_url: str | None = None) -> dict[str, Any]:
    entry = {"resource": resource, "request": {"method": method, "url": url}}
    return entry if full_url is None else {"fullUrl": full_url, **entry}


def _patient(attempt: Attempt, also: str = "", **elements: Any) -> dict[str, Any]:
    identifiers = [{"system": SYSTEM, "value": value} for value in (attempt.marker, also) if value]
    return {"resourceType": "Patient", "identifier": identifiers, "birthDate": "1950-01-01", **elements}


def _observation(attempt: Attempt, subject: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "identifier": [{"system": SYSTEM, "value": attempt.marker}],
        "status": "final",
        "code": {"text": "cement volume"},
        "subject": {"reference": subject},
        "valueQuantity": {"value": 4.5, "unit": "mL"},
    }
