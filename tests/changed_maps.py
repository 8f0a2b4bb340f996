"""A copy of `mappings/` to change, and what to load and map with it."""

from __future__ import annotations

import shutil
from pathlib import Path

from fhir_service.definitions.catalogue import DEFAULT_BASE, Catalogue, mappings_root
from fhir_service.extraction.read_report import extract
from fhir_service.mapping.library import MapLibrary, load_library
from fhir_service.mapping.map_report import map_case_report, map_library
from fhir_service.mapping.versions import LOCK, raised, unraised, versions
from fhir_service.reports.reading import reading_of
from fhir_service.reports.report import Report
from fhir_service.storage.repository import Repository
from fhir_service.workflows.load_report import LoadedReport, load_report
from fhir_service.workflows.map_report import MappedReport
from fhir_service.workflows.remap_report import Remapping

OWN = map_library(DEFAULT_BASE)
RECORDED = "2026-01-31T12:00:00Z"


def changed_maps(folder: Path, *changes: tuple[str, str, str]) -> MapLibrary:
    """Our maps with (file, old, new) changed and every version raised that has to be."""
    root = Path(shutil.copytree(mappings_root(), folder / "mappings", dirs_exist_ok=True))
    for name, old, new in changes:
        text = (root / name).read_text()
        assert old in text, old
        (root / name).write_text(text.replace(old, new))
    for name in unraised(versions(Catalogue(root)), (root / LOCK).read_text()):
        (root / name).write_text(raised((root / name).read_text()))
    return load_library(Catalogue(root))


def remapping(maps: MapLibrary = OWN, **options: bool) -> Remapping:
    return Remapping(DEFAULT_BASE, maps, **options)


async def loaded(
    repository: Repository, report: Report, maps: MapLibrary = OWN, *, read_by: str = "0.1.0"
) -> LoadedReport:
    """The report in the store, read by that version of the service and mapped by these maps."""
    facts = extract(report)
    bundle = map_case_report(facts, report, recorded=RECORDED, base=DEFAULT_BASE, maps=maps, extractor=read_by)
    return await load_report(repository, report, MappedReport(bundle, reading_of(facts, report, read_by), ()))
