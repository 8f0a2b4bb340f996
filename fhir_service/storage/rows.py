"""Rows as they are read, to what the repository hands out."""

from __future__ import annotations

from fhir_service.storage.changes import Stored, moment
from fhir_service.storage.sessions import Row


def stored(row: Row) -> Stored:
    """A row that begins with type, id, version, last_updated, deleted, text."""
    kind, resource_id, version, last_updated, deleted, text = row[:6]
    return Stored(kind, resource_id, version, moment(last_updated), text.encode(), bool(deleted))
