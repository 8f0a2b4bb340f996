"""Run every benchmark, write bench/results/<name>.json, print one table. Exits 1 where a bar is missed.

python -m bench [NAME ...]
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.figures import Figure

FOLDER = Path(__file__).parent
_NO_BENCHMARK = frozenset({"__init__", "__main__", "figures"})


def main() -> int:
    names = sys.argv[1:] or sorted({file.stem for file in FOLDER.glob("*.py")} - _NO_BENCHMARK)
    found: dict[str, list[Figure]] = {}
    for name in names:
        module = importlib.import_module(f"bench.{name}")
        if not hasattr(module, "figures"):
            continue
        print(f"{name} ...", file=sys.stderr, flush=True)
        found[name] = module.figures()
        _write(name, found[name])
    table = Table("benchmark", "what", "figure", "bar", "")
    for name, figures in found.items():
        for figure in figures:
            held = "" if not figure.bar else "held" if figure.holds else "MISSED"
            table.add_row(name, figure.what, f"{figure.value:,.4g} {figure.unit}", figure.bar, held)
    Console(width=160).print(table)
    return 0 if all(figure.holds for figures in found.values() for figure in figures) else 1


def _write(name: str, figures: list[Figure]) -> None:
    results = FOLDER / "results"
    results.mkdir(exist_ok=True)
    machine = {"cpus": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()}
    content = {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine,
        "figures": [figure.as_json() for figure in figures],
    }
    (results / f"{name}.json").write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    sys.exit(main())
