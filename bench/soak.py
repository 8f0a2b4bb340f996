"""Mixed load for a while at 70 % of what the service can take: `python bench/soak.py [--json] [--full]`.

First clients ask as fast as they are answered, which is the capacity; then requests are sent at 70 % of that rate, at
their times whether or not earlier ones are answered, so that a stall shows as waits. Reads, searches, history,
`$everything`, creates, updates and transactions, with access control, AuditEvents and durable commits. What is created
is about patients that nobody asks for, so that answers are of one size from the first to the last. Half a minute on
each database; ten minutes with `--full`, and a line on the way every half minute.
"""

from __future__ import annotations

import argparse
import json
import random
import selectors
import statistics
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import http_load
from databases import NAMES, database_url
from resources import OF_A_PATIENT, observation
from served import Server, ours
from side_by_side import patient, transaction

SECONDS, MINUTES = 30.0, 600.0
SHARE = 0.7
TOLD_EVERY = 30.0
PATIENTS = 200
CONNECTIONS = 64
_OK = (b" 200 ", b" 201 ")
_MIX = {"read": 50, "search": 20, "history": 5, "everything": 5, "create": 10, "update": 7, "transaction": 3}
"""Of a hundred requests."""


@dataclass
class Waits:
    """Of each request from the moment at which it was due: when that was, and how long, in seconds."""

    due: list[float] = field(default_factory=list)
    taken: list[float] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    errors: list[bytes] = field(default_factory=list)

    def of(self, low: float, high: float) -> list[float]:
        return [wait for due, wait in zip(self.due, self.taken, strict=True) if low <= due < high]

    def of_kind(self, kind: str) -> list[float]:
        return [wait for one, wait in zip(self.kinds, self.taken, strict=True) if one == kind]


def prepared(server: Server) -> list[tuple[str, bytes]]:
    """Stores what is to be found; a thousand requests of the mix in random order, always the same, with their kinds."""
    for number in range(PATIENTS):
        body = json.loads(patient(number)) | {"id": f"p{number}"}
        server.ask(server.put(f"Patient/p{number}", json.dumps(body).encode()), 201)
    for start in range(0, PATIENTS * OF_A_PATIENT, 500):
        entries = [
            {"resource": json.loads(observation(number)), "request": {"method": "POST", "url": "Observation"}}
            for number in range(start, start + 500)
        ]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        server.ask(server.post("", json.dumps(bundle).encode()))
    chance = random.Random(7)  # the same load each time, nothing secret
    kinds = chance.choices([*_MIX], [*_MIX.values()], k=1000)
    return [(kind, _request(server, kind, chance)) for kind in kinds]


def _request(server: Server, kind: str, chance: random.Random) -> bytes:
    number = chance.randrange(PATIENTS)
    if kind == "create":
        return server.post("Observation", observation((PATIENTS + number) * OF_A_PATIENT))
    if kind == "update":
        body = json.loads(patient(number)) | {"id": f"p{number}", "birthDate": str(1900 + chance.randrange(100))}
        return server.put(f"Patient/p{number}", json.dumps(body).encode())
    if kind == "transaction":
        return server.post("", transaction(number))
    return server.get(
        {
            "read": f"Patient/p{number}",
            "search": f"Observation?patient=p{number}&_count=20",
            "history": f"Patient/p{number}/_history?_count=10",
            "everything": f"Patient/p{number}/$everything?_count=20",
        }[kind]
    )


def run(server: Server, requests: list[tuple[str, bytes]], seconds: float, rate: float | None) -> Waits:
    """Send at `rate` a second, or as fast as answers come."""
    target = urlsplit(server.base)
    free = deque(http_load.Connection((target.hostname or "", target.port or 80)) for _ in range(CONNECTIONS))
    every = [*free]
    waits, sent, busy = Waits(), 0, 0
    asked: dict[http_load.Connection, tuple[float, str]] = {}
    told = TOLD_EVERY
    with selectors.DefaultSelector() as selector:
        for one in every:
            selector.register(one.socket, selectors.EVENT_READ, one)
        begun = time.perf_counter()
        while True:
            now = time.perf_counter() - begun
            while free and now < seconds and (rate is None or sent / rate <= now):
                one = free.popleft()
                kind, request = requests[sent % len(requests)]
                asked[one] = now if rate is None else sent / rate, kind
                one.send(request)
                sent, busy = sent + 1, busy + 1
            if now >= told:
                _tell(server, waits, told)
                told += TOLD_EVERY
            if not busy and now >= seconds:
                break
            pause = 0.05 if rate is None or not free else max(0.0, min(0.05, sent / rate - now))
            for key, _ in selector.select(pause):
                one = key.data
                if (answer := one.take()) is None:
                    continue
                due, kind = asked[one]
                waits.due.append(due)
                waits.taken.append(time.perf_counter() - begun - due)
                waits.kinds.append(kind)
                if not any(good in answer[:16] for good in _OK):
                    waits.errors.append(answer[:300])
                free.append(one)
                busy -= 1
    for one in every:
        one.socket.close()
    return waits


def _tell(server: Server, waits: Waits, now: float) -> None:
    lately = waits.taken[-int(len(waits.taken) * TOLD_EVERY / now) :]
    if len(lately) > 1:
        median, late = _median_and_late(lately)
        megabytes = http_load.own_megabytes(server.process)
        told = f"p50 {median:.2f} ms, p99 {late:.2f} ms, {len(waits.errors)} errors, {megabytes:.0f} MB"
        print(f"{server.name}, {now:.0f} s: {len(waits.taken)} answers, lately {told}", file=sys.stderr, flush=True)


def _median_and_late(waits: list[float]) -> tuple[float, float]:
    """In milliseconds what half of them and what all but one of a hundred stay below."""
    return statistics.median(waits) * 1e3, statistics.quantiles(waits, n=100)[98] * 1e3


def measured(name: str, seconds: float) -> dict[str, Any]:
    with database_url(name) as url, ours(name, url) as server:
        requests = prepared(server)
        run(server, requests, 3.0, None)  # to warm up
        capacity = len(run(server, requests, 10.0, None).taken) / 10.0
        before = http_load.own_megabytes(server.process)
        waits = run(server, requests, seconds, SHARE * capacity)
        grown = http_load.own_megabytes(server.process) - before
    through = max(waits.due)  # less than `seconds` where it could not keep up
    first, last = waits.of(0, through / 10), waits.of(through * 0.9, through)
    median, late = _median_and_late(waits.taken)
    for error in waits.errors[:3]:
        print(error, file=sys.stderr)
    return {
        "a second at most": round(capacity),
        "a second": round(len(waits.taken) / seconds),
        "s behind at the end": round(seconds - through, 1),
        "errors": len(waits.errors),
        "p50 ms": round(median, 2),
        "p99 ms": round(late, 2),
        "p99 beside p50": round(late / median, 1),
        "p50 of the last tenth beside the first": round(statistics.median(last) / statistics.median(first), 2),
        "MB grown": round(grown, 1),
        "by kind": {kind: _of_kind(waits.of_kind(kind)) for kind in _MIX},
    }


def _of_kind(waits: list[float]) -> dict[str, float]:
    median, late = _median_and_late(waits)
    return {"p50 ms": round(median, 2), "p99 ms": round(late, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--full", action="store_true", help="ten minutes on each database")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--databases", nargs="+", default=NAMES)
    wanted = parser.parse_args()
    seconds = wanted.seconds or (MINUTES if wanted.full else SECONDS)
    found = {name: measured(name, seconds) for name in wanted.databases}
    print(json.dumps(found) if wanted.json else "\n".join(f"{name}: {figures}" for name, figures in found.items()))


if __name__ == "__main__":
    main()
