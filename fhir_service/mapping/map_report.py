"""CaseReport -> transaction Bundle, by the maps under `mappings/structure-maps`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from fhir_service import __version__
from fhir_service.definitions.catalogue import catalogue
from fhir_service.fhir.json_text import encode
from fhir_service.mapping.attribution import Artifact, made_by, structure_map
from fhir_service.mapping.explain import Explanations
from fhir_service.mapping.identity import without_references
from fhir_service.mapping.library import MapLibrary, Transformed, load_library
from fhir_service.mapping.map_input import map_input
from fhir_service.mapping.provenance import entries, models, provenance
from fhir_service.mapping.trace import TraceEntry
from fhir_service.reports.case_report import CaseReport
from fhir_service.reports.reading import EXTRACTOR
from fhir_service.reports.report import Report

MAP = "/StructureMap/case-report"
PROVENANCE = "provenance"
"""Stands for the rule of what `provenance.py` makes."""
_URN = "urn:uuid:"


@dataclass(frozen=True)
class MappedCaseReport:
    """The Bundle of a report, the logical-model JSON that the maps read, and how the one came of the other."""

    bundle: dict[str, Any]
    source: dict[str, Any]
    done: Transformed
    map: Artifact

    @cached_property
    def trace(self) -> tuple[TraceEntry, ...]:
        """What the rules wrote; each Provenance, which is made after them, has an entry of its own."""
        told = Explanations(self.done.trace, self.source)
        made = len(self.bundle["entry"]) // 2
        return (*self.done.trace, *(self._of_provenance(told, place, made + place) for place in range(made)))

    def _of_provenance(self, told: Explanations, of: int, place: int) -> TraceEntry:
        resource = told.of(f"Bundle.entry[{of}].resource")
        source = "" if resource is None else resource.source
        target = f"Bundle.entry[{place}]"
        return TraceEntry(
            self.map.canonical.partition("|")[0], "Provenance", PROVENANCE, 0, source, target, PROVENANCE, True
        )


def map_case_report(
    case_report: CaseReport,
    report: Report,
    *,
    recorded: str,
    base: str,
    maps: MapLibrary | None = None,
    extractor: str = __version__,
    extractor_name: str = EXTRACTOR,
) -> dict[str, Any]:
    """The transaction Bundle of a report, Decimals for numbers. The same arguments give the same Bundle.

    `recorded` is the instant of every Provenance, `base` the canonical base of our own URLs, `maps` the service's own
    unless given, `extractor` and `extractor_name` version and name of the software that read the report. A report that
    tells of no patient or no augmentation gives DocumentReference, Device and Provenance. Raises MappingError.
    """
    mapped = map_case_report_traced(
        case_report,
        report,
        recorded=recorded,
        base=base,
        maps=maps,
        extractor=extractor,
        extractor_name=extractor_name,
    )
    return mapped.bundle


def map_case_report_traced(
    case_report: CaseReport,
    report: Report,
    *,
    recorded: str,
    base: str,
    maps: MapLibrary | None = None,
    extractor: str = __version__,
    extractor_name: str = EXTRACTOR,
) -> MappedCaseReport:
    """The same, with the trace. Raises MappingError."""
    maps, map_url = maps or map_library(base), base + MAP
    facts = map_input(case_report, report, extractor=extractor, extractor_name=extractor_name)
    done = maps.transform_traced(map_url, facts)
    # A fact may point at one that makes no resource (an operation only thought of): nothing then points at nothing.
    if missing := _references(done.resource) - {entry["resource"]["id"] for entry in done.resource["entry"]}:
        facts = without_references(facts, missing)
        done = maps.transform_traced(map_url, facts)
    bundle, makers = done.resource, made_by(maps, done.notes)
    made = [entry["resource"] for entry in bundle["entry"]]
    run, source_key = structure_map(maps, map_url), report.source_key  # known by its text, it is a hash of all of it
    read_by = models(facts)
    bundle["entry"] += entries(
        provenance(
            resource,
            source_key=source_key,
            document=facts["source"]["id"],
            agent=facts["extractor"]["id"],
            structure_map=run,
            made_by=makers.get(place, ()),
            recorded=recorded,
            model=read_by.get(resource["id"]),
        )
        for place, resource in enumerate(made)
    )
    return MappedCaseReport(bundle, facts, done, run)


def encode_bundle(bundle: dict[str, Any]) -> bytes:
    """Minified JSON; decimals with the digits they have."""
    return encode(bundle)


@cache
def map_library(base: str) -> MapLibrary:
    """The service's own maps, their URLs under `base`. Raises MappingError, or BrokenArtifact for a file."""
    return load_library(catalogue(base))


def _references(bundle: dict[str, Any]) -> set[str]:
    """The ids that references inside the Bundle name."""
    found: set[str] = set()
    waiting: list[Any] = [bundle]
    while waiting:
        node = waiting.pop()
        if type(node) is dict:
            target = node.get("reference")
            if type(target) is str and target.startswith(_URN):
                found.add(target.removeprefix(_URN))
        for value in node.values() if type(node) is dict else node:
            kind = type(value)
            if kind is dict or kind is list:
                waiting.append(value)
    return found
