"""What fhircraft (PyPI) takes to read and judge the same resources, and what share of that ours takes.

    python bench/beside_fhircraft.py [--json] [--python PATH]

fhircraft is no dependency: it wants versions of its own and takes 20 s to import. PATH (else FHIRCRAFT_PYTHON) is the
Python of an environment that has it (`python -m venv X && X/bin/pip install fhircraft`); without one there is a reason
and no figure. Its models of R4 hold structure and invariants, as ours do. Figures are over resources that both accept,
in microseconds of CPU, of the fastest of several rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from typing import Any

from validation import SYNTHEA, costs, judged, mapped, synthetic

MOST = 60
"""Resources of each kind: it takes milliseconds for one."""
MEASURE = """
import json, sys, time
import fhircraft.fhir.resources.datatypes.R4.core as core
found = []
for kind, text in json.load(sys.stdin):
    model, best = getattr(core, kind), None
    try:
        for _ in range(3):
            started = time.process_time()
            model.model_validate_json(text)
            taken = (time.process_time() - started) * 1e6
            best = taken if best is None else min(best, taken)
    except Exception:  # whatever it raises: this resource it does not take
        best = None
    found.append(best)
print(json.dumps(found))
"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--json", action="store_true", help="figures as JSON")
    arguments.add_argument("--python", default=os.environ.get("FHIRCRAFT_PYTHON", ""))
    given = arguments.parse_args()
    python = given.python or (sys.executable if find_spec("fhircraft") else "")
    found = figures(python) if python else {"skipped": "fhircraft is not installed; see --help"}
    if given.json:
        print(json.dumps(found))
    else:
        for what, value in found.items():
            print(f"{what:32} {value}")


def figures(python: str) -> dict[str, Any]:
    found = {}
    for name, kept in (("synthetic", synthetic(SYNTHEA)), ("mapped", mapped())):
        chosen = kept[:: max(1, len(kept) // MOST)]
        sent = json.dumps([(kind, text.decode()) for kind, text in chosen])
        command = [python, "-W", "ignore", "-c", MEASURE]
        done = subprocess.run(command, input=sent, stdout=subprocess.PIPE, check=True, text=True)
        theirs = json.loads(done.stdout)
        both = [entry for entry, taken in zip(chosen, theirs, strict=True) if taken is not None]
        taken = [value for value in theirs if value is not None]
        if both:
            ours, other = costs(both, {"judged": judged})["judged"], sum(taken) / len(taken)
            found[name] = {"resources": len(both), "ours": ours, "fhircraft": other, "share of fhircraft": ours / other}
    return found


if __name__ == "__main__":
    main()
