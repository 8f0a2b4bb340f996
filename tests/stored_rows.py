"""Every row of resource data in a store, to hold two ways of writing against each other."""

from __future__ import annotations

from typing import Any

from fhir_service.storage.fresh_rows import BLOCK
from fhir_service.storage.group_commit import Commit, Group
from fhir_service.storage.repository import Repository

_TABLES = ("resource_version", "resource_current", "date_value", "number_value", "text_value", "link")
_FULL_TEXT = {
    True: "SELECT resource_key, partition_key, narrative::text, content::text FROM full_text",
    False: "SELECT rowid, narrative, content FROM full_text",
}


async def all_rows(repository: Repository) -> dict[str, list[str]]:
    """By table, in an order of their own."""
    statements = {table: f"SELECT * FROM {table}" for table in _TABLES}
    statements["full_text"] = _FULL_TEXT[repository.shared]
    if not repository.shared:
        statements["posting"] = "SELECT * FROM posting"
    async with repository._database.reading() as session:
        return {
            table: sorted(repr(tuple(row)) for row in await session.fetch(statement))
            for table, statement in statements.items()
        }


async def begin_anew(repository: Repository) -> None:
    """Forget the resources, and that any instant was given out; the next place is where a block may begin."""
    async with repository._database.reading() as session:
        keys = [(row[0], row[1]) for row in await session.fetch("SELECT type, id FROM resource_current")]

    async def reset(group: Group) -> Any:
        await group.session.fetch("UPDATE commit_clock SET place = $1, last_updated = 0", BLOCK - 1)

    await repository._writer.commit(Commit(erase=tuple(keys)))
    await repository._writer.commit(Commit(work=reset, alone=True))
