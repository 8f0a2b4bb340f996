"""Resources out of Bundle files, as they would stand in a store: references inside a Bundle are `Type/id`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import Any

from fhir_service.fhir.errors import FhirError
from fhir_service.fhir.json_text import parse
from fhir_service.workflows.rewrite_links import with_links


class UnreadableBundleError(ValueError):
    """A file that holds no Bundle; the message says what to mend."""


async def bundled_resources(files: Iterable[Path]) -> AsyncIterator[Mapping[str, Any]]:
    """The resources of one Bundle after the other. Raises UnreadableBundleError."""
    for file in files:
        for resource in _resources(file):
            yield resource


def _resources(file: Path) -> Iterable[Mapping[str, Any]]:
    try:
        bundle = parse(file.read_bytes())
    except OSError as error:
        raise UnreadableBundleError(f"{file} cannot be opened ({error.strerror})") from error
    except FhirError as error:
        raise UnreadableBundleError(f"{file}: {error}") from error
    entries = bundle.get("entry", [])
    if bundle.get("resourceType") != "Bundle" or not isinstance(entries, list):
        raise UnreadableBundleError(f"{file} is no Bundle")
    held = [entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("resource"), dict)]
    places = {entry.get("fullUrl"): _place(entry) for entry in held}
    for entry in held:
        resource = entry["resource"] | {"id": _place(entry).partition("/")[2]}
        yield with_links(resource, lambda link, _: places.get(link, link))


def _place(entry: Mapping[str, Any]) -> str:
    """`Type/id`; one without an id goes by the last part of its fullUrl."""
    resource = entry["resource"]
    last = str(entry.get("fullUrl", "")).replace(":", "/").rpartition("/")[2]
    return f"{resource.get('resourceType', '')}/{resource.get('id', last)}"
