"""Rows as they are read, to what the repository hands out."""

from __future__ import annotations

from fhir_service.storage.changes import Stored
from fhir_service.storage.sessions import Row


def stored(row: Row) -> Stored:
    """A row that begins with type, id, version, last_updated, deleted, text."""
    return Stored(row[0], row[1], row[2], row[3], row[5].encode(), bool(row[4]))
