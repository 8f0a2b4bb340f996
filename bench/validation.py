"""What it costs to judge a resource, text to verdict, in microseconds of CPU; fhir.resources (R4B) beside it.

    python bench/validation.py [--json] [FOLDER]

FOLDER holds NDJSON of synthetic patients (else `../shared/data/synthea`); where it is not there, resources of
bench/resources.py stand for them. `mapped` are the resources of the golden cases that have a profile of ours. Each
figure is the mean over all resources, of the fastest of several rounds: a busy machine changes that least. That of
fhir.resources, and its share, are over the resources that it accepts.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from fhir.resources.R4B import get_fhir_model_class
from resources import observation, patient

from fhir_service.definitions.catalogue import DEFAULT_BASE
from fhir_service.fhir.json_text import encode
from fhir_service.validation.json_text import read_json
from fhir_service.validation.resource_findings import resource_errors, resource_findings
from fhir_service.validation.structure import is_valid
from fhir_service.workflows.check_conformance import conformance

ROOT = Path(__file__).resolve().parents[1]
SYNTHEA = ROOT.parent / "shared" / "data" / "synthea"
OURS = f"{DEFAULT_BASE}/StructureDefinition/"
PROFILES = {
    "Patient": "case-patient",
    "Observation": "case-observation",
    "Condition": "case-condition",
    "Procedure": "case-procedure",
    "AdverseEvent": "case-complication",
    "DocumentReference": "report-document",
    "Provenance": "mapping-provenance",
    "Group": "cohort",
    "DetectedIssue": "contradiction",
}
ROUNDS = 7
MOST = 1200

Kept = Sequence[tuple[str, bytes]]
"""Type and text of each resource."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--json", action="store_true", help="figures as JSON")
    arguments.add_argument("folder", type=Path, nargs="?", default=SYNTHEA)
    given = arguments.parse_args()
    found = {"synthetic": figures(synthetic(given.folder)), "mapped": figures(mapped())}
    found["mapped"] |= profile_figures(mapped())
    if given.json:
        print(json.dumps(found))
    else:
        for name, group in found.items():
            for what, value in group.items():
                print(f"{name:10} {what:42} {value:10,.2f}")


def synthetic(folder: Path) -> Kept:
    lines = [line for file in sorted(folder.glob("*.ndjson")) for line in file.read_bytes().splitlines()]
    if not lines:
        return [
            kept for at in range(MOST // 2) for kept in (("Patient", patient(at)), ("Observation", observation(at)))
        ]
    return [(json.loads(line)["resourceType"], line) for line in lines[:: max(1, len(lines) // MOST)]]


def mapped() -> Kept:
    """Statements about groups have another profile, and are left out."""
    return [
        (resource["resourceType"], encode(resource))
        for file in sorted((ROOT / "tests" / "golden").glob("*/bundle.json"))
        for resource in (entry["resource"] for entry in read_json(file.read_bytes())["entry"])
        if resource["resourceType"] in PROFILES and "statement-kind" not in str(resource.get("code"))
    ]


def figures(kept: Kept) -> dict[str, float]:
    found = {
        "resources": len(kept),
        "bytes": mean(len(text) for _, text in kept),
        "read": cost(kept, lambda _, text: read_json(text)),
        "read, structure": cost(kept, lambda _, text: is_valid(read_json(text))),
        "read, structure, invariants": cost(kept, _judged),
        "with warnings": cost(kept, lambda _, text: resource_findings(text)),
    }
    accepted = [entry for entry in kept if _is_read_by_fhir_resources(*entry)]
    found["accepted by fhir.resources"] = len(accepted)
    found["fhir.resources"] = cost(accepted, _by_fhir_resources)
    found["share of fhir.resources"] = cost(accepted, _judged) / found["fhir.resources"]
    return found


def profile_figures(kept: Kept) -> dict[str, float]:
    known = conformance()

    def by_profile(kind: str, text: bytes) -> object:
        resource = read_json(text)
        return resource_errors(resource, text), known.profile_issues(resource, f"{OURS}{PROFILES[kind]}")

    def with_all(_: str, text: bytes) -> object:
        resource = read_json(text)
        return resource_findings(resource), known.issues(resource)

    return {"with a profile of ours": cost(kept, by_profile), "with extensions, named profiles": cost(kept, with_all)}


def cost(kept: Kept, work: Callable[[str, bytes], Any]) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.process_time()
        for kind, text in kept:
            work(kind, text)
        best = min(best, time.process_time() - started)
    return best / max(1, len(kept)) * 1e6


def _judged(_: str, text: bytes) -> object:
    return resource_errors(read_json(text), text)


def _by_fhir_resources(kind: str, text: bytes) -> object:
    return get_fhir_model_class(kind).model_validate_json(text)


def _is_read_by_fhir_resources(kind: str, text: bytes) -> bool:
    try:
        _by_fhir_resources(kind, text)
    except ValueError:
        return False
    return True


if __name__ == "__main__":
    main()
