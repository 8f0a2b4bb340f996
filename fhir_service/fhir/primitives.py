"""FHIR R4 primitive types that our own code has to tell apart (R4 datatypes.html)."""

from __future__ import annotations

import re
from datetime import date

_INSTANT = re.compile(
    r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?"
    r"(Z|[+-](0\d|1[0-3]):[0-5]\d|[+-]14:00)"
)


def is_instant(value: str) -> bool:
    """Whether `value` is a FHIR instant: a real calendar date, a time to the second and a zone."""
    if not _INSTANT.fullmatch(value):
        return False
    try:
        date.fromisoformat(value[:10])
    except ValueError:
        return False
    return True
