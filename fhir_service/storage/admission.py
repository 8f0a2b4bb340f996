"""Which of the rows that were found the caller may see, where a grant has a search restriction.

A resource is judged by its newest content, and each version by its own too: what is outside now is not to be had by
way of what it was, nor the other way round. A deletion is judged by what it deleted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from fhir_service.fhir.access import Access, Letter
from fhir_service.search.restrictions import admits, is_restricted
from fhir_service.storage import statements
from fhir_service.storage.changes import Key
from fhir_service.storage.dialects import Dialect
from fhir_service.storage.rows import text_of
from fhir_service.storage.sessions import Row, Session

_IN_THREAD = 8
"""Resources from which on looking at them would hold up other requests."""


async def admitted(rows: Sequence[Row], access: Access, letter: Letter) -> list[Row]:
    """Of current rows those that the caller may see; a row begins with type, id, version, last_updated, deleted, text.
    A deletion is none of those under a restriction."""
    if access.grants is None or not any(is_restricted(access, letter, kind) for kind in {row[0] for row in rows}):
        return [row for row in rows if access.may(letter, row[0])]

    def judged() -> list[Row]:
        return [row for row in rows if admits(access, letter, (row[0], row[1]), text_of(row), row[3])]

    return await asyncio.to_thread(judged) if len(rows) > _IN_THREAD else judged()


async def admitted_versions(
    session: Session, dialect: Dialect, rows: Sequence[Row], access: Access, letter: Letter
) -> list[Row]:
    """The same for versions of any age, deletions too."""
    restricted = {row[0] for row in rows if is_restricted(access, letter, row[0])}
    if not restricted:
        return [row for row in rows if access.may(letter, row[0])]
    keys = sorted({(row[0], row[1]) for row in rows if row[0] in restricted})
    newest = await session.fetch(statements.READ_MANY.format(keys=dialect.keys), *dialect.key_values(keys))
    inside = await _keys_of(session, newest, access, letter)
    found = []
    for row in rows:
        key = (row[0], row[1])
        if row[0] not in restricted or (key in inside and await _keys_of(session, [row], access, letter)):
            found.append(row)
    return found


async def _keys_of(session: Session, rows: Sequence[Row], access: Access, letter: Letter) -> set[Key]:
    told = [await _with_content(session, row) for row in rows]
    return {(row[0], row[1]) for row in await admitted(told, access, letter)}


async def _with_content(session: Session, row: Row) -> Row:
    """Of a deletion the version before it: to delete what is deleted makes no version."""
    if not row[4]:
        return row
    before = await session.fetch(statements.READ_VERSION, row[0], row[1], row[2] - 1)
    return before[0] if before else row
