"""The application over the store of each database, asked over ASGI."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import pytest_asyncio
from api_client import JSON, Client, settings

from fhir_service.api.app import create_app
from fhir_service.storage.repository import Repository


@pytest.fixture
def connect(repository: Repository) -> Callable[..., Client]:
    """Makes a client of an application of its own, with settings of its own, over the shared store."""

    def connect(**changes: Any) -> Client:
        transport = httpx.ASGITransport(create_app(settings(**changes), repository), raise_app_exceptions=False)
        return Client(transport=transport, base_url="http://localhost", headers=JSON)

    return connect


@pytest_asyncio.fixture
async def client(connect: Callable[..., Client]) -> AsyncIterator[Client]:
    async with connect() as client:
        yield client
