"""A file with one FHIR resource to what is wrong with it."""

from __future__ import annotations

from pathlib import Path

from fhir_service.fhir.errors import Issue
from fhir_service.validation.resource_findings import resource_findings


def validate_file(path: Path, *, max_bytes: int) -> tuple[Issue, ...]:
    """Every finding in the resource that `path` holds as JSON; valid is what has no error.

    A file that cannot be opened or is too large is a finding too, so that a run over many files goes on.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(max_bytes + 1)
    except OSError as error:
        return (Issue("fatal", "not-found", f"{path} cannot be opened ({error.strerror})"),)
    if len(raw) > max_bytes:
        return (Issue("fatal", "too-long", f"{path} is larger than {max_bytes:,} bytes"),)
    return tuple(resource_findings(raw))
