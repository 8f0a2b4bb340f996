"""The read of one resource, by whoever may read all of its type: the shortest way that a database has.

SQLite answers at once; to wait for it would cost more than the answer. PostgreSQL answers many on one trip.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fhir_service.fhir.errors import Gone, NotFound
from fhir_service.storage import statements
from fhir_service.storage.changes import Key, Stored
from fhir_service.storage.failures import unavailable_told
from fhir_service.storage.gathered_reads import GatheredReads
from fhir_service.storage.rows import stored
from fhir_service.storage.sessions import Row

if TYPE_CHECKING:
    from fhir_service.storage.database import Database

_LARGE = 64 * 1024
"""A text that is longer as it lies on the disk comes alone: what one trip brings has to fit into the memory."""


class Looks:
    """Those of one store; its caller has asked whether the reader may. Belongs to one event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        dialect = database.dialect
        text = dialect.as_bytes.format("c.text")
        self._one = statements.LOOK.format(text=text)
        self._one_without_text = statements.LOOK.format(text="''")
        many = statements.LOOK_AT_MANY.format(keys=dialect.keys, size=dialect.text_size, large=_LARGE, text=text)
        self._whole = GatheredReads(database, many, self._one, found)
        without_text = statements.LOOK_AT_MANY_WITHOUT_TEXT.format(keys=dialect.keys)
        self._headers = GatheredReads(database, without_text, self._one_without_text, found)

    def at_once(self, key: Key, *, text: bool = True) -> Stored | None:
        """The newest version, without its text if that is not wanted; None where it is to be asked for `soon`. Raises
        NotFound, Gone, StoreUnavailable."""
        statement = self._one if text else self._one_without_text
        with unavailable_told():
            rows = self._database.at_once(statement, key)
        return None if rows is None else found(key, rows[0] if rows else None)

    def soon(self, key: Key, *, text: bool = True) -> asyncio.Future[Stored]:
        """The same, together with others, where it cannot be had at once."""
        return (self._whole if text else self._headers).read(key)


def found(key: Key, row: Row | None) -> Stored:
    """What a row tells that begins with type, id, version, last_updated, deleted, text. Raises NotFound, Gone."""
    if row is None:
        raise NotFound(f"there is no {'/'.join(key)}")
    return there(stored(row))


def there(one: Stored) -> Stored:
    """Raises Gone."""
    if one.deleted:
        raise Gone(f"{one.type}/{one.id} was deleted; earlier versions can be read at _history/1 and so on")
    return one
