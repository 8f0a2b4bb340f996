"""Run every benchmark, write bench/results/NAME.json, print one table. Exits 1 where a bar is missed.

    python bench/run.py [--full] [NAME[:DATABASE] ...]

A benchmark is a script here that takes `--json` and prints its figures as nested objects. BARS says what is enough.
Those that take `--full` measure at their full size with it, which takes minutes more; with a database behind its name
one measures on that only, and leaves the figures of the other as they were.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

FOLDER = Path(__file__).parent


class Least(float):
    """A bar that a figure has to reach; below any other it has to stay."""


BARS = {
    "search_growth": {"ratio": 2.0},
    "index_values": {"index values to JSON": 120},
    "mapping": {"s to load": 1, "ms to map": 60},
    "validation": {
        "synthetic, read, structure, invariants": 25,
        "share of fhir.resources": 0.1,
        "with a profile of ours": 150,
        "growth": 1.5,
    },
    "extraction": {
        "ms a report": 3.33,
        "times as long": 12,
        "last tenth beside the first": 1.2,
        "MiB grown": 16,
    },
    "export": {"times as long": 2.0, "MB grown": 200, "late read beside idle": 5},
    "audit": {"CPU ms added": 0.2},
    "load": {
        "sqlite, resources a second": Least(20_000),
        "postgresql, resources a second": Least(25_000),
        "last tenth beside the first": Least(0.7),
        "MB grown": 200,
    },
    "growth": {"times as long": 2.0},
    "soak": {
        "errors": 1,
        "s behind at the end": 0.5,
        "p99 beside p50": 10,
        "p50 of the last tenth beside the first": 2,
        "MB grown": 40,
    },
    "against_fhirstarter": {
        "postgresql, read, times": Least(10),
        "sqlite, read, times": Least(15),
        "sqlite, search, 50 of 50, times": Least(80),
        "postgresql, search, 50 of 50, times": Least(80),
        "sqlite, searches, 50 of 1000, times": Least(80),
        "postgresql, searches, 50 of 1000, times": Least(80),
        "sqlite, create, times": Least(6),
        "postgresql, create, times": Least(6),
        "times fhirstarter's creates": Least(8),
    },
    "against_fhir_router": {
        "sqlite, read, times": Least(3),
        "postgresql, read, times": Least(3),
        "sqlite, searches, 50 of 1000, times": Least(50),
        "postgresql, searches, 50 of 1000, times": Least(50),
        "sqlite, create, times": Least(1),
        "postgresql, create, times": Least(1),
    },
    "start": {"s to ready": 2, "MB idle": 150},
    "beside_fhircraft": {"share of fhircraft": 0.01},
}
"""By benchmark and last name of a figure, or all of its names: what is enough. That of index_values guards
against a slip."""


def main() -> int:
    full = "--full" in sys.argv[1:]
    names = [name for name in sys.argv[1:] if name != "--full"] or [
        file.stem for file in sorted(FOLDER.glob("*.py")) if _is_benchmark(file)
    ]
    table = Table("benchmark", "what", "figure", "bar", "")
    missed = 0
    for asked in names:
        print(f"{asked} ...", file=sys.stderr, flush=True)
        name, _, database = asked.partition(":")
        file = FOLDER / f"{name}.py"
        options = ["--json", "--full"] if full and '"--full"' in file.read_text() else ["--json"]
        options += ["--databases", database] if database else []
        done = subprocess.run([sys.executable, file, *options], stdout=subprocess.PIPE, check=True, text=True)
        found = json.loads(done.stdout)
        _write(name, found, add=bool(database))
        for path, value in _figures(found):
            bars = BARS.get(name, {})
            bar = bars.get(", ".join(path), bars.get(path[-1]))
            held = bar is None or (value >= bar if isinstance(bar, Least) else value < bar)
            missed += not held
            sign = "≥" if isinstance(bar, Least) else "<"
            shown = (f"{sign} {bar:g}", "held" if held else "MISSED") if bar is not None else ("", "")
            table.add_row(name, ", ".join(path), f"{value:,.4g}", *shown)
    Console(width=140).print(table)
    return 1 if missed else 0


def _is_benchmark(file: Path) -> bool:
    return file.name != Path(__file__).name and '"--json"' in file.read_text()


def _figures(found: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], float]]:
    """Every number with the names that lead to it."""
    if isinstance(found, dict):
        for name, inner in found.items():
            yield from _figures(inner, (*path, name))
    elif isinstance(found, int | float):
        yield path, found


def _write(name: str, found: Any, *, add: bool) -> None:
    results = FOLDER / "results"
    results.mkdir(exist_ok=True)
    file = results / f"{name}.json"
    if add and file.exists():
        found = json.loads(file.read_text())["figures"] | found
    machine = {"cpus": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()}
    measured = datetime.now(UTC).isoformat(timespec="seconds")
    content = {"measured": measured, "machine": machine, "figures": found}
    file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    sys.exit(main())
