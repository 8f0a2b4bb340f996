"""The Prefer header (RFC 7240, R4 http.html#return): what comes back, and whether unknown parameters are refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from fhir_service.fhir.errors import Issue, UnsupportedParameter


class Preferences(NamedTuple):
    """`returned` is `minimal`, `representation`, `OperationOutcome`, or empty where the client leaves it to us."""

    returned: str = ""
    strict: bool = False
    asynchronous: bool = False
    """Not to wait for the answer (RFC 7240 respond-async)."""
    lenient: bool = False
    separate_status: bool = False
    """To be told of an export in X-Export-Status (Bulk Data Access 3.0.0 separate-export-status)."""


_RETURNED = {form.lower(): form for form in ("minimal", "representation", "OperationOutcome")}


@lru_cache(256)
def preferences(header: str) -> Preferences:
    """What the header asks for. Where it names one preference twice, the first counts."""
    found: dict[str, str] = {}
    for part in header.replace(";", ",").split(","):
        name, _, value = part.partition("=")
        found.setdefault(name.strip().lower(), value.strip().strip('"').lower())
    returned = _RETURNED.get(found.get("return", ""), "")
    handling = found.get("handling")
    return Preferences(
        returned,
        strict=handling == "strict",
        asynchronous="respond-async" in found,
        lenient=handling == "lenient",
        separate_status="separate-export-status" in found,
    )


def refused_if_strict(wanted: Preferences, ignored: Sequence[Issue]) -> None:
    """Raises UnsupportedParameter where parameters were not applied and the client prefers to be told."""
    if ignored and wanted.strict:
        raise UnsupportedParameter("parameters not known", issues=[replace(one, severity="error") for one in ignored])
