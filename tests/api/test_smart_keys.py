"""Keys of clients that are at a URL, over real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator

import httpx
import pytest
import pytest_asyncio
from api_client import Client
from joserfc.jwk import ECKey
from key_server import KeyServer, key_server
from smart_client import EC, JWKS, Signer, ask, form, public, secured

from fhir_service.storage.clients import Client as Registered
from fhir_service.storage.repository import Repository, open_repository
from fhir_service.workflows import key_sets

SIGNER = Signer("remote")


@pytest.fixture
def keys() -> Iterator[KeyServer]:
    with key_server() as server:
        server.serves(public(EC, "ec"))
        yield server


@pytest_asyncio.fixture(scope="module")
async def store(lasting_database: Callable[[str], str]) -> AsyncIterator[Repository]:
    opened = await open_repository(lasting_database("sqlite"))
    await opened.clients.add(Registered("inline", "", "system/*.rs", jwks=json.dumps(JWKS)))
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def remote(store: Repository, keys: KeyServer) -> AsyncIterator[Client]:
    """A service that may ask this machine for keys, and the client `remote`, whose keys are there."""
    client_id = f"remote-{keys.port}"
    await store.clients.add(Registered(client_id, "", "system/*.rs", jwks_url=keys.url))
    async with secured(store, jwks_private_hosts=("localhost",)) as client:
        client.headers["x-client"] = client_id
        yield client


async def asked(client: Client, key: ECKey | None = None, **header: str) -> httpx.Response:
    return await ask(client, form(Signer(client.headers["x-client"]).assertion(key, header)))


async def test_keys_are_fetched_once_and_kept(remote: Client, keys: KeyServer) -> None:
    answers = await asyncio.gather(*(asked(remote) for _ in range(5)))
    assert {one.status_code for one in answers} == {200}
    assert len(keys.asked) == 1
    assert (await asked(remote, jku=keys.url)).status_code == 200
    assert (await asked(remote, jku=f"{keys.url}?other")).status_code == 401


async def test_keys_are_not_kept_longer_than_they_may(remote: Client, keys: KeyServer) -> None:
    keys.headers = {"Cache-Control": "no-store"}
    for number in (1, 2):
        assert (await asked(remote)).status_code == 200
        assert len(keys.asked) == number


async def test_a_client_changes_its_keys_without_telling(
    remote: Client, keys: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await asked(remote)).status_code == 200
    new = ECKey.generate_key("P-384", private=True)
    keys.serves(public(new, "new"))
    # A key that is not there makes us ask again, but not all the time.
    assert (await asked(remote, new, kid="new")).status_code == 401
    assert len(keys.asked) == 1
    monkeypatch.setattr(key_sets, "_BETWEEN_LOOKS", 0.0)
    assert (await asked(remote, new, kid="new")).status_code == 200
    assert (await asked(remote)).status_code == 401


@pytest.mark.parametrize("broken", ["status", "no JSON", "no keys", "secret", "private"])
async def test_keys_that_cannot_be_had_are_none(remote: Client, keys: KeyServer, broken: str) -> None:
    bodies = {
        "no JSON": b"<html>",
        "no keys": b'{"keys":[]}',
        "secret": b'{"keys":[{"kty":"oct","kid":"ec","k":"c2VjcmV0"}]}',
        "private": json.dumps({"keys": [{**EC.as_dict(private=True), "kid": "ec"}]}).encode(),
    }
    keys.status, keys.body = (500, b"") if broken == "status" else (200, bodies[broken])
    for _ in range(2):
        answer = await asked(remote)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert len(keys.asked) == 1  # not all the time


async def test_a_key_url_at_a_private_address_is_refused(store: Repository, keys: KeyServer) -> None:
    client_id = f"private-{keys.port}"
    await store.clients.add(Registered(client_id, "", "system/*.rs", jwks_url=keys.url.replace("http:", "https:")))
    for changes, reason in (({}, "not among the hosts"), ({"jwks_hosts": ("localhost",)}, "private address")):
        async with secured(store, **changes) as client:
            answer = await ask(client, form(Signer(client_id).assertion()))
            assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
            assert reason in answer.json()["error_description"]
    assert keys.asked == []
