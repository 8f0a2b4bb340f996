"""Time to judge one resource, text to verdict: by R4 itself, and by a profile too; fhir.resources (R4B) beside it.

    python bench/profiles.py [--json] [--sample FOLDER]

FOLDER holds NDJSON of synthetic patients (`../shared/data/synthea`); without it only the golden cases are timed.
Each figure is the mean in microseconds over all resources, the best of five passes.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from time import perf_counter
from typing import Any

from fhir.resources.R4B import get_fhir_model_class

from fhir_service.definitions.catalogue import DEFAULT_BASE
from fhir_service.fhir.json_text import encode
from fhir_service.validation.json_text import read_json
from fhir_service.validation.resource_findings import resource_findings
from fhir_service.workflows.check_conformance import conformance

ROOT = Path(__file__).resolve().parents[1]
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
PASSES = 5
OF_EACH_TYPE = 100


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--sample", type=Path, default=ROOT.parent / "shared" / "data" / "synthea")
    arguments = parser.parse_args()
    found = {"mapped": figures(list(mapped()), profiled=True)}
    if synthetic := list(sample(arguments.sample)):
        found["synthetic"] = figures(synthetic, profiled=False)
    if arguments.json:
        print(json.dumps(found))
    else:
        for name, group in found.items():
            for what, value in group.items():
                print(f"{name:10} {what:42} {value:10,.1f}")
    return 0


def mapped() -> Iterable[tuple[str, bytes]]:
    """The resources of the golden cases that have a profile of ours; statements about groups have another."""
    for file in sorted((ROOT / "tests" / "golden").glob("*/bundle.json")):
        for entry in read_json(file.read_bytes())["entry"]:
            resource = entry["resource"]
            if resource["resourceType"] in PROFILES and "statement-kind" not in str(resource.get("code")):
                yield resource["resourceType"], encode(resource)


def sample(folder: Path) -> Iterable[tuple[str, bytes]]:
    for file in sorted(folder.glob("*.ndjson")):
        lines = file.read_bytes().splitlines()
        for line in lines[:: max(1, len(lines) // OF_EACH_TYPE)]:
            yield json.loads(line)["resourceType"], line


def figures(resources: list[tuple[str, bytes]], *, profiled: bool) -> dict[str, float]:
    """Mean microseconds by what is done."""
    checks = conformance()

    def by_profile(kind: str, text: bytes) -> object:
        resource = read_json(text)
        return resource_findings(resource), checks.profile_issues(resource, f"{OURS}{PROFILES[kind]}")

    def with_extensions(_: str, text: bytes) -> object:
        resource = read_json(text)
        return resource_findings(resource), checks.issues(resource)

    found = {
        "read, R4": mean(resources, lambda _, text: resource_findings(read_json(text))),
        "read, R4, extensions and named profiles": mean(resources, with_extensions),
    }
    if profiled:
        found["read, R4, profile"] = mean(resources, by_profile)
    accepted = [entry for entry in resources if _is_read_by_fhir_resources(*entry)]
    found["fhir.resources, read and validated"] = mean(accepted, _by_fhir_resources)
    found["fhir.resources / (read, R4)"] = found["fhir.resources, read and validated"] / found["read, R4"]
    return found


def mean(resources: list[tuple[str, bytes]], work: Callable[[str, bytes], Any]) -> float:
    best = float("inf")
    for _ in range(PASSES):
        start = perf_counter()
        for kind, text in resources:
            work(kind, text)
        best = min(best, perf_counter() - start)
    return best / len(resources) * 1e6


def _by_fhir_resources(kind: str, text: bytes) -> object:
    return get_fhir_model_class(kind).model_validate_json(text)


def _is_read_by_fhir_resources(kind: str, text: bytes) -> bool:
    try:
        _by_fhir_resources(kind, text)
    except ValueError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
