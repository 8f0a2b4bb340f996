"""All checks of a store, one after the other, over a connection that cannot write."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

from sqlalchemy.ext.asyncio import AsyncEngine

from fhir_service.storage.checks.current import disagreements_of_current
from fhir_service.storage.checks.disagreement import Disagreement, Kind
from fhir_service.storage.checks.leftovers import leftovers
from fhir_service.storage.checks.order import disagreements_of_order
from fhir_service.storage.checks.versions import disagreements_of_versions
from fhir_service.storage.dialects import dialect_of
from fhir_service.storage.engines import open_engine
from fhir_service.storage.sessions import Session, connect

_READ_ONLY = {
    "sqlite": ("PRAGMA query_only=ON",),
    "postgresql": (
        "SET default_transaction_read_only = on",
        "SET statement_timeout = 0",
        "SET idle_in_transaction_session_timeout = 0",
    ),
}


async def disagreements(database_url: str, *, base: str | None = None) -> AsyncGenerator[Disagreement]:
    """What does not fit together in the store, as it is found. `base` is the address of this server in references. The
    service may run meanwhile: each page is looked at in one state of the store.

    Raises StoreUnavailable, UnusableDatabaseUrl. Wants the schema of this release.
    """
    engine = open_engine(database_url)
    name = engine.dialect.name
    try:
        session = await connect(engine, *_READ_ONLY[name])
        try:
            async for found in _all_of(session, engine, base):
                yield found
        finally:
            await session.close()
    finally:
        await engine.dispose()


async def _all_of(session: Session, engine: AsyncEngine, base: str | None) -> AsyncIterator[Disagreement]:
    dialect = dialect_of(engine.dialect.name)
    if dialect.postings:
        async for found in _broken_file(session):
            yield found
    async for found in disagreements_of_versions(session, dialect):
        yield found
    async for found in disagreements_of_order(session, dialect):
        yield found
    async for found in disagreements_of_current(session, dialect, base):
        yield found
    async for found in leftovers(session, dialect):
        yield found


async def _broken_file(session: Session) -> AsyncIterator[Disagreement]:
    for (said,) in await session.fetch("PRAGMA integrity_check(100)"):
        if said != "ok":
            yield Disagreement(Kind.FILE, "database", said)
