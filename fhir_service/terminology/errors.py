"""What a terminology question can fail by; the text says what to mend or what is not held here."""

from __future__ import annotations

from fhir_service.fhir.errors import FhirError, UnprocessableContent


class UnknownTerminology(FhirError):
    """No such code system, value set, concept map or code here (404)."""

    status, code = 404, "not-found"


class NotExpandable(UnprocessableContent):
    """A value set whose codes cannot all be listed here (422)."""

    code = "not-supported"


class TooManyCodes(NotExpandable):
    """To answer would take more codes than one answer may have, or one request may look at (422)."""

    code = "too-costly"


class BrokenDefinition(UnprocessableContent):
    """A value set or map that came with the request and cannot be used as it is (422)."""

    code = "invalid"


def held_in_part(system: str) -> str:
    """What is said of a system that others own."""
    return f"this server does not hold the code system {system} whole, only the codes of it that its own maps name"
