"""From a resource to all that it is found by, beside what reading its JSON takes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from bench import resources
from bench.figures import Figure
from fhir_service.fhir.json_text import parse
from fhir_service.search.index_values import index_values
from fhir_service.search.terms import hashes_of

MANY = 2000
ROUNDS = 5
MOST = 120
"""Times the reading of the JSON, which is least for the smallest resource: a guard against a slip, not a goal."""


def figures() -> list[Figure]:
    """CPU time by the process clock, so that what else the machine does counts less."""
    found = []
    for name, make in {"Patient": resources.patient, "Observation": resources.observation, "panel": panel}.items():
        texts = [make(number) for number in range(MANY)]
        held = [parse(text) for text in texts]
        reading = _microseconds(parse, texts)
        indexing = _microseconds(index_values, held)
        hashing = _microseconds(hashes_of, [index_values(one) for one in held])
        found += [
            Figure(f"{name}: read its JSON", reading, "µs"),
            Figure(f"{name}: index values", indexing, "µs"),
            Figure(f"{name}: index values to JSON", indexing / reading, "x", below=MOST),
            Figure(f"{name}: hashes of its terms", hashing, "µs"),
        ]
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
