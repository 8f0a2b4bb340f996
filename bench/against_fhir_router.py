"""Ours beside @medplum/fhir-router and its memory repository: `python bench/against_fhir_router.py [--json]`.

It comes from npm (node and npm are needed), and stands behind a small server of ours on node's own HTTP,
`fhir_router/server.mjs`. It is installed into var/bench/fhir-router where it is missing. `side_by_side.py` says what is
measured.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from served import ROOT, Server, clean_environment, free_port, running
from side_by_side import compared, shown

_FOLDER = ROOT / "var" / "bench" / "fhir-router"
_SOURCE = Path(__file__).parent / "fhir_router"
_INSTALL = ("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")


@contextmanager
def fhir_router() -> Iterator[Server]:
    """One process of node."""
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    command = ["node", str(_installed() / "server.mjs"), str(port)]
    with running(command, origin, "/fhir/Patient?_count=1", clean_environment()) as process:
        yield Server("fhir-router", f"{origin}/fhir", process)


def _installed() -> Path:
    shutil.copytree(_SOURCE, _FOLDER, dirs_exist_ok=True)
    if not (_FOLDER / "node_modules").exists():
        subprocess.run(_INSTALL, cwd=_FOLDER, check=True, stdout=subprocess.DEVNULL)
    return _FOLDER


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--json", action="store_true")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--seconds", type=float, default=2.0, help="of one load")
    wanted = arguments.parse_args()
    found = compared(fhir_router(), wanted.rounds, wanted.seconds)
    print(json.dumps(found) if wanted.json else shown(found))


if __name__ == "__main__":
    main()
