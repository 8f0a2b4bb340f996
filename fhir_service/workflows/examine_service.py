"""How a service is: its database, its definitions and maps, the place for its files."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

from fhir_service.definitions.catalogue import BrokenArtifact, catalogue
from fhir_service.fhir.errors import FhirError
from fhir_service.mapping.errors import MappingError
from fhir_service.mapping.versions import not_locked
from fhir_service.storage.checks.database_points import disk_point, points_of, stored_fingerprint
from fhir_service.storage.checks.point import Point
from fhir_service.workflows.export_files import ExportFiles, UnusableFiles
from fhir_service.workflows.publish_definitions import PARTLY, SOURCE, definitions_of, own_fingerprint


async def examined(database_url: str, base: str, contact: str, files: str) -> AsyncIterator[Point]:
    """Point by point. `base` is that of our own definitions, `contact` who is named in them, `files` the place of
    exports."""
    usable = True
    async for point in points_of(database_url):
        usable = usable and point.state != "bad"
        yield point
    definitions = list(_definitions(base))
    for point in definitions:
        yield point
    if usable and all(point.state != "bad" for point in definitions):
        yield await _published(database_url, base, contact)
    async for point in _files(files):
        yield point


def _definitions(base: str) -> Iterator[Point]:
    artifacts = catalogue(base)
    try:
        found = definitions_of(artifacts)
        changed = not_locked(artifacts)
    except (BrokenArtifact, MappingError, FhirError) as error:
        yield Point("mappings", "bad", str(error), f"mend the file below {artifacts.root}")
        return
    if changed:
        advice = "`make versions` raises them"
        yield Point("mappings", "doubtful", f"changed under an old version: {', '.join(changed)}", advice)
        return
    yield Point("mappings", "good", f"{len(found)} definitions from {artifacts.root}, in the versions that are locked")


async def _published(database_url: str, base: str, contact: str) -> Point:
    stored = await stored_fingerprint(database_url, SOURCE)
    if (stored or "").removeprefix(PARTLY) == own_fingerprint(base, contact):
        return Point("definitions", "good", "those that are stored are those of this release")
    advice = "`fhir-service serve` publishes them at its start"
    return Point("definitions", "doubtful", "those that are stored are of another release, or none", advice)


async def _files(location: str) -> AsyncIterator[Point]:
    name = f"doctor-{uuid4().hex}"
    try:
        files = ExportFiles(location)
        file = files.begin(name)
        await file.write(b"\n")
        await file.close()
        await files.remove(name)
    except UnusableFiles as error:
        yield Point("export files", "bad", str(error), "set FHIR_SERVICE_EXPORT_FILES")
        return
    except Exception as error:  # obstore has an error class for each store, with nothing in common but Exception
        yield Point("export files", "bad", f"nothing can be written to {location}: {error}", "look at its permissions")
        return
    yield Point("export files", "good", f"{location} can be written")
    if "://" not in location:
        yield disk_point("export disk", Path(location))
