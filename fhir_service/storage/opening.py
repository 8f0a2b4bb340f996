"""A database as a store needs it: one that can be opened, has the newest schema, and a replica beside it if wanted."""

from __future__ import annotations

import asyncio

from fhir_service.storage.database import Database
from fhir_service.storage.engines import open_engine, try_opening
from fhir_service.storage.failures import unavailable_told
from fhir_service.storage.migrate import bring_up_to_date
from fhir_service.storage.replica import ReplicaAt


async def open_database(database_url: str, seconds: float, connections: int, replica: ReplicaAt | None) -> Database:
    """A statement that reads may take some `seconds`, on one of so many `connections` of a kind.

    Raises UnusableDatabaseUrl, NewerDatabase, StoreUnavailable.
    """
    engine = open_engine(database_url)
    try:
        with unavailable_told():
            await asyncio.to_thread(try_opening, database_url)
            await bring_up_to_date(engine)
    except BaseException:
        await engine.dispose()
        raise
    database = Database(engine, seconds, connections)
    if replica is not None:
        database.add_replica(open_engine(replica.url), replica.lag, seconds, connections)
    return database
