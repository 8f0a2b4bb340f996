"""Ours beside fhirstarter's in-memory example: `python bench/against_fhirstarter.py [--json]`.

fhirstarter (PyPI) wants versions of its own, so it lives in an environment of its own, var/bench/fhirstarter, which is
made here where it is missing. `side_by_side.py` says what is measured.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from served import ROOT, Server, clean_environment, free_port, running
from side_by_side import compared, shown

PACKAGES = ("fhirstarter==4.2.0", "jsonpatch==1.33", "uvicorn[standard]==0.54.0")
_FOLDER = ROOT / "var" / "bench" / "fhirstarter"


@contextmanager
def fhirstarter() -> Iterator[Server]:
    """Its example as it comes: a dictionary of patients, on the same uvicorn."""
    port = free_port()
    options = ["--port", str(port), "--no-access-log", "--log-level", "warning"]
    command = [str(_python()), "-m", "uvicorn", "fhirstarter.examples.example:app", *options]
    origin = f"http://127.0.0.1:{port}"
    with running(command, origin, "/metadata", clean_environment()) as process:
        yield Server("fhirstarter", origin, process)


def _python() -> Path:
    python = _FOLDER / "bin" / "python"
    if not (_FOLDER / "made").exists():
        uv = Path(sys.executable).with_name("uv")
        subprocess.run([uv, "venv", "--quiet", "--clear", _FOLDER], check=True)
        subprocess.run([uv, "pip", "install", "--quiet", "--python", python, *PACKAGES], check=True)
        (_FOLDER / "made").touch()
    return python


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--json", action="store_true")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--seconds", type=float, default=2.0, help="of one load")
    wanted = arguments.parse_args()
    found = compared(fhirstarter(), wanted.rounds, wanted.seconds)
    print(json.dumps(found) if wanted.json else shown(found))


if __name__ == "__main__":
    main()
