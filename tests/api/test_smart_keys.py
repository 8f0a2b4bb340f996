"""Keys of clients that are at a URL, over real sockets; and the whole way to a token with TLS."""

from __future__ import annotations

import asyncio
import datetime
import json
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
import uvicorn
from api_client import JSON, Client, settings
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.jwk import ECKey
from key_server import KeyServer, key_server
from smart_client import EC, JWKS, RSA, Signer, ask, form, public, secured

from fhir_service.api.app import create_app
from fhir_service.storage.repository import Client as Registered
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


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of localhost that it gave itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(1))
        .not_valid_after(now + datetime.timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    files[1].write_bytes(key.private_bytes(*private))
    return files


async def test_smart_backend_services_token_tls_version(store: Repository, tmp_path: Path) -> None:
    """Behind TLS 1.2 or later a client finds its way by discovery alone; TLS 1.1 is not spoken."""
    file, key = certificate(tmp_path)
    app = create_app(settings(access="smart"), store)
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_level="error", lifespan="on", ssl_certfile=file, ssl_keyfile=key
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())  # `serve` would take the signals of the test runner
    while not server.started:
        assert not serving.done(), "the server did not start"
        await asyncio.sleep(0.01)
    base = f"https://localhost:{server.servers[0].sockets[0].getsockname()[1]}/fhir"
    trusted = ssl.create_default_context(cafile=str(file))
    trusted.minimum_version = trusted.maximum_version = ssl.TLSVersion.TLSv1_2
    async with httpx.AsyncClient(verify=trusted, headers=JSON) as client:
        told = (await client.get(f"{base}/.well-known/smart-configuration")).json()
        assert told["token_endpoint"] == f"{base}/auth/token"
        assertion = Signer("inline", "RS384").assertion(RSA, aud=told["token_endpoint"])
        answer = await ask(client, form(assertion), told["token_endpoint"])
        header = {"authorization": f"Bearer {answer.json()['access_token']}"}
        assert (await client.get(f"{base}/Patient", headers=header)).status_code == 200
        assert (await client.get(f"{base}/Patient")).status_code == 401
    old = ssl.create_default_context(cafile=str(file))
    old.set_ciphers("DEFAULT:@SECLEVEL=0")  # or the client would not speak it either
    with pytest.warns(DeprecationWarning, match="TLSv1 is"):
        old.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    async with httpx.AsyncClient(verify=old) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(f"{base}/metadata")
    server.should_exit = True
    await serving
