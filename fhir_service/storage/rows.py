"""Rows as they are read, to what the repository hands out."""

from __future__ import annotations

from fhir_service.storage.changes import Stored
from fhir_service.storage.sessions import Row


def stored(row: Row) -> Stored:
    """A row that begins with type, id, version, last_updated, deleted, text, its key or its place, partition_key."""
    return Stored(row[0], row[1], row[2], row[3], text_of(row), bool(row[4]), row[7])


def text_of(row: Row) -> bytes:
    """The text of such a row: bytes where many are read, since to make a string of it and bytes again takes longer than
    all else that is done with it."""
    text: bytes | str = row[5]
    return text if isinstance(text, bytes) else text.encode()
