"""What it costs to check a resource before it is stored: text to verdict, in microseconds of CPU.

    python bench/validation.py [--json] [FOLDER]

FOLDER holds NDJSON files, for instance synthetic patients; without it, resources of bench/resources.py. Each figure is
the mean over the resources, the median of several rounds; `at best` takes the fastest round of each resource, which a
busy machine changes least.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import mean, median
from typing import Any

from resources import observation, patient

from fhir_service.validation.json_text import read_json
from fhir_service.validation.resource_findings import resource_errors, resource_findings
from fhir_service.validation.structure import findings

ROUNDS = 7
MOST = 1200

STAGES: dict[str, Callable[[bytes], Any]] = {
    "read": read_json,
    "and structure": findings,
    "and invariants": lambda text: resource_errors(read_json(text), text),
    "and warnings": resource_findings,
}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--json", action="store_true", help="figures as JSON")
    arguments.add_argument("folder", type=Path, nargs="?")
    given = arguments.parse_args()
    texts = _texts(given.folder)
    figures = {"resources": len(texts), "bytes": round(mean(map(len, texts)))}
    figures |= {stage: _cost(work, texts) for stage, work in STAGES.items()}
    print(json.dumps(figures) if given.json else "\n".join(f"{name:16}{value}" for name, value in figures.items()))


def _texts(folder: Path | None) -> list[bytes]:
    if folder is None:
        return [text for number in range(MOST // 2) for text in (patient(number), observation(number))]
    lines = [line for file in sorted(folder.glob("*.ndjson")) for line in file.read_bytes().splitlines()]
    return lines[:: max(1, len(lines) // MOST)]


def _cost(work: Callable[[bytes], Any], texts: list[bytes]) -> dict[str, float]:
    rounds = []
    for _ in range(ROUNDS + 1):
        times = []
        for text in texts:
            started = time.perf_counter()
            work(text)
            times.append(time.perf_counter() - started)
        rounds.append(times)
    rounds = rounds[1:]  # the first one builds the validators
    at_best = mean(min(times) for times in zip(*rounds, strict=True))
    return {"µs": round(median(map(mean, rounds)) * 1e6, 1), "µs at best": round(at_best * 1e6, 1)}


if __name__ == "__main__":
    main()
