"""What each common request costs the server: `python bench/hot_paths.py [--json] [--only KIND] [--databases NAME]`.

`fhir-service serve` in a process of its own, with access control, AuditEvents and validation, over 32 kept connections.
CPU is that of the server's process (its share of the AuditEvents included, PostgreSQL's own work not), in µs a request;
answers a second depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

import http_load
from databases import NAMES, database_url, settle
from resources import observation
from served import Server, ours
from side_by_side import FOUND, IN_TRANSACTION, patient, transaction

RESOURCES = 2000


def requests_of(server: Server) -> dict[str, tuple[Sequence[bytes], int]]:
    """By kind the requests and the status they are answered with, after storing what is to be found."""
    for number in range(RESOURCES // 20):
        body = json.loads(patient(number)) | {"id": f"p{number}"}
        server.ask(server.put(f"Patient/p{number}", json.dumps(body).encode()), 201)
    for start in range(0, RESOURCES, 500):
        entries = [
            {"resource": json.loads(observation(number)), "request": {"method": "POST", "url": "Observation"}}
            for number in range(start, start + 500)
        ]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        server.ask(server.post("", json.dumps(bundle).encode()))
    whose = [f"p{number}" for number in range(RESOURCES // 20)]
    return {
        "read": ([server.get(f"Patient/{one}") for one in whose], 200),
        "read, not modified": ([server.get(f"Patient/{one}", if_none_match='W/"1"') for one in whose], 304),
        f"the same search of {FOUND}": ([server.get(f"Observation?_count={FOUND}&status=final")], 200),
        "search of 20 by patient": ([server.get(f"Observation?patient={one}") for one in whose], 200),
        f"history of {FOUND}": ([server.get(f"Observation/_history?_count={FOUND}")], 200),
        "$everything of 21": ([server.get(f"Patient/{one}/$everything") for one in whose], 200),
        "create": ([server.post("Patient", patient(number, "Neumann")) for number in range(1000)], 201),
        f"transaction of {IN_TRANSACTION}": ([server.post("", transaction(number)) for number in range(50)], 200),
    }


def measured(name: str, only: Sequence[str], rounds: int, seconds: float) -> dict[str, dict[str, float]]:
    found = {}
    with database_url(name) as url, ours(name, url) as server:
        asked = requests_of(server)
        settle(url)
        for kind, (requests, status) in asked.items():
            if only and kind not in only:
                continue
            loads = [
                http_load.load(server.base, requests, server.process, status=status, seconds=seconds)
                for _ in range(rounds + 1)
            ][1:]
            best = min(loads, key=lambda load: load.cpu)
            found[kind] = {
                "CPU µs": round(best.cpu),
                "a second": round(max(load.rate for load in loads)),
                "p50 ms": round(best.median, 2),
                "p99 ms": round(best.late, 2),
            }
    return found


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--json", action="store_true")
    arguments.add_argument("--only", action="append", default=[])
    arguments.add_argument("--databases", nargs="+", default=NAMES)
    arguments.add_argument("--rounds", type=int, default=2)
    arguments.add_argument("--seconds", type=float, default=1.5, help="of one load")
    wanted = arguments.parse_args()
    found = {name: measured(name, wanted.only, wanted.rounds, wanted.seconds) for name in wanted.databases}
    if wanted.json:
        print(json.dumps(found))
        return
    for name, kinds in found.items():
        for kind, figures in kinds.items():
            print(f"{name:11} {kind:24} {'  '.join(f'{what} {value:,}' for what, value in figures.items())}")


if __name__ == "__main__":
    main()
