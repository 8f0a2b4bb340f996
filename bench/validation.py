"""What it costs to judge a resource, text to verdict, in microseconds of CPU; fhir.resources (R4B) beside it.

    python bench/validation.py [--json] [FOLDER]

FOLDER holds NDJSON of synthetic patients (else `../shared/data/synthea`); where it is not there, resources of
bench/resources.py stand for them. `mapped` are the resources of the golden cases that have a profile of ours. Each
figure is the mean over all resources. The works to compare take turns over a few resources at a time, and the fastest
of several turns counts: a busy machine changes that least. `median` is that of whole rounds. `share of fhir.resources`
is over the resources that it accepts. `Bundle` is a resource of so many entries; `growth` is what an entry of the
largest costs, by one of the smallest.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import mean, median
from typing import Any

from fhir.resources.R4B import get_fhir_model_class
from resources import bundle, observation, patient

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
ROUNDS = 9
TOGETHER = 200
"""Resources that one work judges before the next has its turn."""
MOST = 1200
ENTRIES = (500, 1_000, 5_000)

Kept = Sequence[tuple[str, bytes]]
"""Type and text of each resource."""
Work = Callable[[str, bytes], Any]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--json", action="store_true", help="figures as JSON")
    arguments.add_argument("folder", type=Path, nargs="?", default=SYNTHEA)
    given = arguments.parse_args()
    found = {"synthetic": figures(synthetic(given.folder)), "mapped": figures(mapped())}
    found["mapped"] |= profile_figures(mapped())
    found["Bundle"] = bundle_figures()
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
    works: dict[str, Work] = {
        "read": lambda _, text: read_json(text),
        "read, structure": lambda _, text: is_valid(read_json(text)),
        "read, structure, invariants": judged,
        "with warnings": lambda _, text: resource_findings(text),
    }
    found = {"resources": len(kept), "bytes": mean(len(text) for _, text in kept), **costs(kept, works)}
    accepted = [entry for entry in kept if _is_read_by_fhir_resources(*entry)]
    beside = costs(accepted, {"ours": judged, "fhir.resources": _by_fhir_resources})
    found["accepted by fhir.resources"] = len(accepted)
    found["fhir.resources"] = beside["fhir.resources"]
    found["share of fhir.resources"] = beside["ours"] / beside["fhir.resources"]
    return found


def profile_figures(kept: Kept) -> dict[str, float]:
    known = conformance()

    def by_profile(kind: str, text: bytes) -> object:
        resource = read_json(text)
        return resource_errors(resource, text), known.profile_issues(resource, f"{OURS}{PROFILES[kind]}")

    def with_all(_: str, text: bytes) -> object:
        resource = read_json(text)
        return resource_findings(resource), known.issues(resource)

    return costs(kept, {"with a profile of ours": by_profile, "with extensions, named profiles": with_all})


def bundle_figures() -> dict[str, float]:
    """Of Bundles of more and more entries, by entry."""
    found = {}
    for count in ENTRIES:
        made = [("Bundle", bundle(count))]
        found[f"{count:,} entries, each"] = costs(made, {"judged": judged})["judged"] / count
    least, *_, most = found.values()
    return found | {"growth": most / least}


def costs(kept: Kept, works: Mapping[str, Work]) -> dict[str, float]:
    """Of each work what it takes for a resource: by its fastest turns, and the median of the rounds."""
    blocks = [kept[at : at + TOGETHER] for at in range(0, len(kept), TOGETHER)]
    turns: dict[str, list[list[float]]] = {name: [[] for _ in blocks] for name in works}
    for _ in range(ROUNDS):
        for at, block in enumerate(blocks):
            for name, work in works.items():
                started = time.process_time()
                for kind, text in block:
                    work(kind, text)
                turns[name][at].append(time.process_time() - started)
    found = {}
    for name, taken in turns.items():
        scale = 1e6 / max(1, len(kept))
        found[name] = sum(map(min, taken)) * scale
        found[f"{name} (median)"] = median(map(sum, zip(*taken, strict=True))) * scale
    return found


def judged(_: str, text: bytes) -> object:
    """Read a resource and find its errors of structure and invariants."""
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
