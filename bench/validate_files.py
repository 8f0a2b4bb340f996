"""What `fhir-service validate` does with a whole export: resources a second and memory; and whether Bundles, and
resources made to be slow, cost no more than their size.

    python bench/validate_files.py [--json] [FOLDER]

FOLDER holds NDJSON files, for instance synthetic patients, repeated to about 40 MB; without it, resources of
bench/resources.py. Memory is the most that any one process takes.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from resources import observation, patient

LARGE = 40_000_000
"""Bytes of the export that is made."""
ENTRIES = (500, 5_000, 50_000)
COMMAND = (sys.executable, "-c", "from fhir_service.cli import main; main()", "validate")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--json", action="store_true", help="figures as JSON")
    arguments.add_argument("folder", type=Path, nargs="?")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        export = _export(Path(folder) / "export.ndjson", given.folder)
        figures: dict[str, Any] = {f"{workers} workers": _run(export, workers) for workers in (1, 2)}
        figures |= {f"Bundle of {count:,}": _run(_bundle(Path(folder), count), 1) for count in ENTRIES}
        figures |= {name: _run(file, 1) for name, file in _hostile(Path(folder)).items()}
    print(json.dumps(figures) if given.json else "\n".join(f"{name:32}{value}" for name, value in figures.items()))


def _run(file: Path, workers: int) -> dict[str, float]:
    started = time.perf_counter()
    settings = os.environ | {"FHIR_SERVICE_MAX_BODY_BYTES": str(10 * LARGE)}
    arguments = (*COMMAND, str(file), "--quiet", "--workers", str(workers))
    process = subprocess.Popen(arguments, env=settings, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    told = process.stderr.read()
    _, _, used = os.wait4(process.pid, 0)
    process.returncode = 0
    took = time.perf_counter() - started
    found = re.search(r"([\d,]+) resource", told)
    count = int(found[1].replace(",", "")) if found else 0
    most = max(used.ru_maxrss, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss if workers > 1 else 0)
    return {"s": round(took, 2), "resources": count, "resources/s": round(count / took), "MB": round(most / 1024)}


def _export(file: Path, folder: Path | None) -> Path:
    texts = [path.read_bytes() for path in sorted(folder.glob("*.ndjson"))] if folder else []
    text = b"".join(texts) or b"".join(one + b"\n" for n in range(3000) for one in (patient(n), observation(n)))
    with file.open("wb") as out:
        for _ in range(LARGE // len(text) + 1):
            out.write(text)
    return file


def _bundle(folder: Path, count: int) -> Path:
    file = folder / f"bundle-{count}.json"
    with file.open("w") as out:  # entry by entry: what this process takes counts for those it starts
        out.write('{"resourceType":"Bundle","type":"collection","entry":[')
        for number in range(count):
            kind, text = ("Observation", observation(number)) if number % 2 else ("Patient", patient(number))
            entry: dict[str, Any] = {"fullUrl": f"https://example.org/fhir/{kind}/b{number}"}
            entry |= {"resource": json.loads(text) | {"id": f"b{number}"}}
            out.write(("," if number else "") + json.dumps(entry))
        out.write("]}")
    return file


def _hostile(folder: Path) -> dict[str, Path]:
    """Resources of about a request's largest size that took long, or much memory, once."""
    many = range(20_000)
    listed = {"resourceType": "List", "status": "current", "mode": "working"}
    texts = {
        "base64 with a fault": {
            "resourceType": "Binary",
            "contentType": "text/plain",
            "data": "QUFB" * 4_000_000 + "!",
        },
        "20,000 contained resources": listed
        | {
            "contained": [{"resourceType": "Patient", "id": f"p{n}"} for n in many],
            "entry": [{"item": {"reference": f"#p{n}"}} for n in many],
        },
        "100,000 faults": {"resourceType": "Patient", "name": [{"famly": "x"}] * 100_000},
        "100,000 items": {
            "resourceType": "Questionnaire",
            "status": "active",
            "item": [{"linkId": f"i{n}", "type": "string", "text": "x"} for n in range(100_000)],
        },
    }
    files = {}
    for number, (name, content) in enumerate(texts.items()):
        files[name] = folder / f"hostile-{number}.json"
        files[name].write_text(json.dumps(content))
    return files


if __name__ == "__main__":
    main()
