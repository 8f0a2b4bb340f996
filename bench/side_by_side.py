"""The same requests to our service, on both databases, and to another server: in turns, one process each.

Every server has the same patients of 1 KB, is asked over 32 kept connections and writes no log of requests. A search
finds 50 of them. First they are all there are, and all connections ask for the same, which ours looks for once for
those who wait at the same time. Then there are 1,000, which those in memory look through one by one, and no two
connections ask for the same.
Ours wants a token, records every access, validates what it stores and answers when it is on the disk. Each round asks
all of them one after the other; `times` is the median over the rounds of our rate to theirs, and `times by CPU` that of
what the server processes spend on a request, which others on the machine do not change (a PostgreSQL server's own work
is not in it).
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack

import http_load
from databases import NAMES, database_url, settle
from served import Server, ours

FOUND, STORED = 50, 1000
IN_TRANSACTION = 20
SEARCH, SEARCH_IN_MANY = f"search, {FOUND} of {FOUND}", f"searches, {FOUND} of {STORED}"
KINDS = ("read", SEARCH, SEARCH_IN_MANY, "create", "transaction")
_FAMILY = "Wirbelsberger"
_FAMILIES = [f"{chr(ord('A') + number)}ndersen" for number in range(STORED // FOUND - 1)]
_LONGER = 5
"""Times as long ours is asked for searches: each names fifty patients in its AuditEvent, and for some seconds answers
come faster than these are written."""
_DIFFERENT = 4
"""Searches for the same family that ask for different numbers of matches, all of them more than there are."""
Figures = dict[str, dict[str, dict[str, float]]]


def patient(number: int, family: str = _FAMILY) -> bytes:
    """A Patient of about 1 KB."""
    told = " ".join(f"Seen in the outpatient department of the clinic, as told {n} times." for n in range(7))
    return json.dumps(
        {
            "resourceType": "Patient",
            "text": {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{told}</div>'},
            "identifier": [{"system": "https://clinic.example.org/patients", "value": f"P-{number}"}],
            "active": True,
            "name": [{"use": "official", "family": family, "given": ["Anna", "Maria"]}],
            "telecom": [{"system": "phone", "value": f"+49 30 {number:07}", "use": "home"}],
            "gender": ("female", "male")[number % 2],
            "birthDate": f"{1920 + number % 80}-04-01",
            "address": [{"use": "home", "line": ["Straße 1"], "city": "Berlin", "postalCode": "10115"}],
        },
        ensure_ascii=False,
    ).encode()


def compared(theirs: AbstractContextManager[Server], rounds: int, seconds: float) -> Figures:
    """By database and kind of request: our figures, and how many times theirs they are."""
    with ExitStack() as stack:
        urls = {name: stack.enter_context(database_url(name)) for name in NAMES}
        servers = [
            *(stack.enter_context(ours(name, url)) for name, url in urls.items()),
            stack.enter_context(theirs),
        ]
        requests = {server.name: _requests(server) for server in servers}
        loads: dict[tuple[str, str], list[http_load.Load]] = {}
        for kind in KINDS:
            if kind == SEARCH_IN_MANY:
                for server in servers:
                    for number, family in enumerate(_FAMILIES, 1):
                        _store(server, range(number * FOUND, (number + 1) * FOUND), family)
                for url in urls.values():
                    settle(url)
            for turn in range(rounds + 1):
                for server in servers:
                    if kind == "transaction" and server is servers[-1]:
                        continue
                    status = 201 if kind == "create" else 200
                    asked = requests[server.name][kind]
                    length = seconds * _LONGER if server.name in NAMES and kind in (SEARCH, SEARCH_IN_MANY) else seconds
                    found = http_load.load(server.base, asked, server.process, status=status, seconds=length)
                    if turn:  # the first round warms up
                        loads.setdefault((server.name, kind), []).append(found)
        other = servers[-1].name
        return {name: _figures(loads, name, other) for name in NAMES}


def _requests(server: Server) -> dict[str, Sequence[bytes]]:
    """By kind, after storing what is to be found."""
    _store(server, range(FOUND), _FAMILY)
    search = _search(server, _FAMILY)
    entries = json.loads(server.ask(search))["entry"]
    assert len(entries) == FOUND, server.name
    return {
        "read": [server.get(f"Patient/{entry['resource']['id']}") for entry in entries],
        SEARCH: [search],
        SEARCH_IN_MANY: [_search(server, family, more) for more in range(_DIFFERENT) for family in _FAMILIES],
        "create": [server.post("Patient", patient(number, "Neumann")) for number in range(1000)],
        "transaction": [server.post("", transaction(number)) for number in range(50)],
    }


def _search(server: Server, family: str, more: int = 0) -> bytes:
    """Theirs know no _count, or give all there are."""
    return server.get(f"Patient?family={family}" + (f"&_count={FOUND + more}" if server.name in NAMES else ""))


def _store(server: Server, numbers: Iterable[int], family: str) -> None:
    for number in numbers:
        server.ask(server.post("Patient", patient(number, family)), 201)


def transaction(number: int) -> bytes:
    """A Bundle that creates patients, others for every number."""
    request = {"method": "POST", "url": "Patient"}
    patients = (json.loads(patient(number * IN_TRANSACTION + each, "Bündler")) for each in range(IN_TRANSACTION))
    entries = [{"resource": resource, "request": request} for resource in patients]
    return json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}, ensure_ascii=False).encode()


def _figures(
    loads: Mapping[tuple[str, str], Sequence[http_load.Load]], name: str, other: str
) -> dict[str, dict[str, float]]:
    found = {}
    for kind in KINDS[:-1]:
        pairs = list(zip(loads[name, kind], loads[other, kind], strict=True))
        found[kind] = {
            "a second": _median(lambda pair: pair[0].rate, pairs, 0),
            f"{other} a second": _median(lambda pair: pair[1].rate, pairs, 0),
            "times": _median(lambda pair: pair[0].rate / pair[1].rate, pairs),
            "CPU µs": _median(lambda pair: pair[0].cpu, pairs, 0),
            f"{other} CPU µs": _median(lambda pair: pair[1].cpu, pairs, 0),
            "times by CPU": _median(lambda pair: pair[1].cpu / pair[0].cpu, pairs),
            "p50 ms": _median(lambda pair: pair[0].median, pairs, 2),
            "p99 ms": _median(lambda pair: pair[0].late, pairs, 2),
        }
    pairs = list(zip(loads[name, "transaction"], loads[other, "create"], strict=True))
    found[f"transaction of {IN_TRANSACTION}"] = {
        "resources a second": _median(lambda pair: pair[0].rate * IN_TRANSACTION, pairs, 0),
        f"times {other}'s creates": _median(lambda pair: pair[0].rate * IN_TRANSACTION / pair[1].rate, pairs),
        "CPU µs": _median(lambda pair: pair[0].cpu, pairs, 0),
        "p99 ms": _median(lambda pair: pair[0].late, pairs, 2),
    }
    return found


Pair = tuple[http_load.Load, http_load.Load]


def _median(of: Callable[[Pair], float], pairs: Sequence[Pair], digits: int = 1) -> float:
    return round(statistics.median(map(of, pairs)), digits)


def shown(found: Figures) -> str:
    return "\n".join(
        f"{name:11} {kind:18} {'  '.join(f'{what} {value:,}' for what, value in figures.items())}"
        for name, kinds in found.items()
        for kind, figures in kinds.items()
    )
