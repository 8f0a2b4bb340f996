"""All checks of a store, one after the other, over a connection that cannot write."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable

from sqlalchemy.ext.asyncio import AsyncEngine

from fhir_service.storage.checks.current import disagreements_of_current
from fhir_service.storage.checks.disagreement import Disagreement, Kind
from fhir_service.storage.checks.leftovers import QUESTIONS, leftovers
from fhir_service.storage.checks.order import disagreements_of_order
from fhir_service.storage.checks.versions import disagreements_of_versions
from fhir_service.storage.checks.walks import Seen
from fhir_service.storage.dialects import dialect_of
from fhir_service.storage.engines import open_engine
from fhir_service.storage.sessions import Session, connect

Told = Callable[[str, int, int], None]
_TOTALS = "SELECT (SELECT count(*) FROM resource_version), (SELECT count(*) FROM resource_current)"
_READ_ONLY = {
    "sqlite": ("PRAGMA query_only=ON",),
    "postgresql": (
        "SET default_transaction_read_only = on",
        "SET statement_timeout = 0",
        "SET idle_in_transaction_session_timeout = 0",
    ),
}


async def disagreements(
    database_url: str, *, base: str | None = None, told: Told = lambda *_: None
) -> AsyncGenerator[Disagreement]:
    """What does not fit together in the store, as it is found. `base` is the address of this server in references. The
    service may run meanwhile: each page is looked at in one state of the store. `told` hears what is looked through,
    how much of it is done and how much there was at the beginning.

    Raises StoreUnavailable, UnusableDatabaseUrl. Wants the schema of this release.
    """
    engine = open_engine(database_url)
    name = engine.dialect.name
    try:
        session = await connect(engine, *_READ_ONLY[name])
        try:
            async for found in _all_of(session, engine, base, told):
                yield found
        finally:
            await session.close()
    finally:
        await engine.dispose()


async def _all_of(session: Session, engine: AsyncEngine, base: str | None, told: Told) -> AsyncIterator[Disagreement]:
    dialect = dialect_of(engine.dialect.name)
    if dialect.postings:
        async for found in _broken_file(session):
            yield found
    ((versions, current),) = await session.fetch(_TOTALS)

    walks: tuple[tuple[str, int, Callable[[Seen], AsyncIterator[Disagreement]]], ...] = (
        ("versions", versions, lambda seen: disagreements_of_versions(session, dialect, seen)),
        ("order of commits", versions, lambda seen: disagreements_of_order(session, dialect, seen)),
        ("resources", current, lambda seen: disagreements_of_current(session, dialect, base, seen)),
        ("leftovers", QUESTIONS, lambda seen: leftovers(session, dialect, seen)),
    )
    for part, total, walk in walks:
        async for found in walk(_counting(part, total, told)):
            yield found


def _counting(part: str, total: int, told: Told) -> Seen:
    """Tells of a part, and first that it begins."""
    done = 0

    def seen(rows: int) -> None:
        nonlocal done
        done += rows
        told(part, done, total)

    seen(0)
    return seen


async def _broken_file(session: Session) -> AsyncIterator[Disagreement]:
    for (said,) in await session.fetch("PRAGMA integrity_check(100)"):
        if said != "ok":
            yield Disagreement(Kind.FILE, "database", said)
