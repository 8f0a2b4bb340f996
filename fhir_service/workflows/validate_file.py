"""A file with one FHIR resource to what is wrong with it; files of definitions to what they define."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fhir_service.fhir.errors import Issue, MalformedContent
from fhir_service.formats.xml_reader import json_from_xml
from fhir_service.validation.json_text import read_json
from fhir_service.workflows.check_conformance import Conformance
from fhir_service.workflows.resource_files import texts_of
from fhir_service.workflows.validate_files import text_issues


def validate_file(path: Path, conformance: Conformance, *, max_bytes: int, profile: str = "") -> tuple[Issue, ...]:
    """Every finding in the resources that `path` holds; valid is what has no error. `profile` is the canonical URL of
    the one each has to conform to. A file that cannot be opened or is too large is a finding too."""
    texts = texts_of([str(path)], max_bytes=max_bytes)
    return tuple(issue for text in texts for issue in text_issues(text, conformance, profile))


def read_definitions(paths: Iterable[Path]) -> dict[str, dict[str, Any]]:
    """The StructureDefinitions, ValueSets and CodeSystems of files, JSON or XML, also those within a Bundle, by URL.

    Raises MalformedContent with the file, OSError.
    """
    found: dict[str, dict[str, Any]] = {}
    for path in paths:
        raw = path.read_bytes()
        try:
            resource = read_json(json_from_xml(raw) if path.suffix == ".xml" else raw)
        except MalformedContent as error:
            raise MalformedContent(f"{path}: {error}") from error
        for entry in _with_entries(resource):
            if isinstance(entry, dict) and isinstance(entry.get("url"), str):
                found[entry["url"]] = entry
    return found


def _with_entries(resource: Any) -> list[Any]:
    entries = resource.get("entry") if isinstance(resource, dict) else None
    inner = [entry.get("resource") for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    return [resource, *inner]
