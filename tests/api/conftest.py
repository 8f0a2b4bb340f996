"""The application over the store of each database, asked over ASGI."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from api_client import JSON, Client, InProcess, settings

from fhir_service.api.app import create_app
from fhir_service.storage.repository import Key, Repository, open_repository
from fhir_service.workflows.publish_definitions import publish_definitions


def client_of(repository: Repository, fixed: frozenset[Key] = frozenset(), **changes: Any) -> Client:
    transport = InProcess(create_app(settings(**changes), repository, fixed))
    return Client(transport=transport, base_url="http://localhost", headers=JSON)


@pytest.fixture
def connect(repository: Repository) -> Callable[..., Client]:
    """Makes a client of an application of its own, with settings of its own, over the case's store."""
    return lambda **changes: client_of(repository, **changes)


@pytest_asyncio.fixture
async def client(connect: Callable[..., Client]) -> AsyncIterator[Client]:
    async with connect() as client:
        yield client


@pytest_asyncio.fixture(scope="session", params=("sqlite", "postgresql"))
async def idle_store(
    request: pytest.FixtureRequest, lasting_database: Callable[[str], str]
) -> AsyncIterator[Repository]:
    """One store for all cases that store nothing; to make one takes longer than most of them."""
    opened = await open_repository(lasting_database(request.param))
    yield opened
    await opened.close()


@pytest.fixture
def idle_connect(idle_store: Repository) -> Callable[..., Client]:
    """Makes a client of an application of its own, with settings of its own, over the store in which nothing is."""
    return lambda **changes: client_of(idle_store, **changes)


@pytest_asyncio.fixture
async def idle_client(idle_store: Repository) -> AsyncIterator[Client]:
    """A client whose requests are answered without storing anything."""
    async with client_of(idle_store) as client:
        yield client
        assert (await client.get("/fhir/Patient?_summary=count")).json()["total"] == 0


@pytest_asyncio.fixture(scope="session", params=("sqlite", "postgresql"))
async def published_client(
    request: pytest.FixtureRequest, lasting_database: Callable[[str], str]
) -> AsyncIterator[Client]:
    """A client of one store that holds the definitions of the service, as after its start. Cases may add to it, and
    leave what is there."""
    opened = await open_repository(lasting_database(request.param))
    async with client_of(opened, await publish_definitions(opened, settings().base)) as client:
        yield client
    await opened.close()
