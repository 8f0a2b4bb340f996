"""From a resource to all that it is found by, beside reading its JSON: `python bench/index_values.py [--json]`."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import resources

from fhir_service.fhir.json_text import parse
from fhir_service.search.index_values import index_values
from fhir_service.search.terms import hashes_of

MANY = 2000
ROUNDS = 5


def figures() -> dict[str, dict[str, float]]:
    """CPU time by the process clock, so that what else the machine does counts less."""
    found = {}
    for name, make in {"Patient": resources.patient, "Observation": resources.observation, "panel": panel}.items():
        texts = [make(number) for number in range(MANY)]
        held = [parse(text) for text in texts]
        reading = _microseconds(parse, texts)
        indexing = _microseconds(index_values, held)
        hashing = _microseconds(hashes_of, [index_values(one) for one in held])
        found[name] = {
            "µs to read its JSON": round(reading, 1),
            "µs to index values": round(indexing, 1),
            "index values to JSON": round(indexing / reading, 1),
            "µs to hash its terms": round(hashing, 1),
        }
    return found


def panel(number: int) -> bytes:
    """An Observation with two components and everything that a laboratory tells."""
    whole = json.loads(resources.observation(number))
    value, code = whole.pop("valueQuantity"), whole["code"]
    whole["component"] = [{"code": code, "valueQuantity": value}, {"code": code, "valueQuantity": value}]
    whole["text"] = {"status": "generated", "div": f"<div><p>Number <b>{number}</b> of a panel</p></div>"}
    return json.dumps(whole).encode()


def _microseconds(work: Callable[[Any], object], every: list[Any]) -> float:
    """The best round, an item."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        for one in every:
            work(one)
        best = min(best, time.process_time() - start)
    return best / len(every) * 1e6


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--json", action="store_true")
    wanted = arguments.parse_args()
    found = figures()
    if wanted.json:
        print(json.dumps(found))
        return
    for name, times in found.items():
        print(f"{name:12}", *(f"{what}: {value}" for what, value in times.items()), sep="  ")


if __name__ == "__main__":
    main()
