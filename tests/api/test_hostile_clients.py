"""Clients that cheat: each is refused with the standard error, and what it tried stands in the log."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from api_client import JSON, Client, issues, patient, settings
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from joserfc import jwt
from joserfc.jwk import ECKey
from joserfc.util import urlsafe_b64decode, urlsafe_b64encode
from smart_client import EC, JWKS, RSA, Signer, ask, form, public, secured, token

from fhir_service.api.auth.tokens import token_key
from fhir_service.fhir.access import OPEN
from fhir_service.fhir.errors import NotFound
from fhir_service.storage.clients import Client as Registered
from fhir_service.storage.repository import Create, Repository, open_repository

SIGNER = Signer("reader")
STRANGER = ECKey.generate_key("P-384", private=True)
OWN = settings().own_address
NOW = int(time.time())


@pytest_asyncio.fixture(scope="module")
async def store(lasting_database: Callable[[str], str]) -> AsyncIterator[Repository]:
    opened = await open_repository(lasting_database("sqlite"))
    for client_id in ("reader", "other"):
        await opened.clients.add(Registered(client_id, "", "system/*.cruds", jwks=json.dumps(JWKS)))
    private = "https://127.0.0.1/jwks.json"
    await opened.clients.add(Registered("private", "", "system/*.rs", jwks_url=private))
    await opened.commit([Create("Patient", json.dumps(patient(name=[{"family": "Secret"}])).encode(), "p1")], OPEN)
    yield opened
    await opened.close()


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The key that signs our own access tokens."""
    file = tmp_path_factory.mktemp("keys") / "token-key.pem"
    file.write_bytes(ECKey.generate_key("P-256", private=True).as_pem(private=True))
    return file


@pytest_asyncio.fixture(scope="module")
async def smart(store: Repository, key_file: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    files = str(tmp_path_factory.mktemp("exports"))
    changes = {"token_key_file": str(key_file), "export_files": files, "jwks_hosts": ("127.0.0.1",)}
    async with secured(store, audit="off", **changes) as client:
        yield client


@contextmanager
def logged(caplog: pytest.LogCaptureFixture, *words: str) -> Iterator[None]:
    """What is done within leaves a line with these words."""
    caplog.clear()
    caplog.set_level("INFO", "fhir_service")
    yield
    told = [f"{record.getMessage()} {getattr(record, 'fields', '')}" for record in caplog.records]
    assert any(all(word in line for word in words) for line in told), told
    assert not any("Secret" in line or "eyJ" in line for line in told), told


def encoded(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return urlsafe_b64encode(text.encode()).decode()


def signed_by_nobody(text: str, header: dict[str, Any]) -> str:
    return f"{encoded(header)}.{text.split('.')[1]}."


def signed_by_the_public_key(text: str, key: ECKey | Any, kid: str) -> str:
    """HS256, with what everybody knows for a secret."""
    said = f"{encoded({'alg': 'HS256', 'kid': kid, 'typ': 'JWT'})}.{text.split('.')[1]}"
    return f"{said}.{urlsafe_b64encode(hmac.digest(key.as_pem(private=False), said.encode(), 'sha256')).decode()}"


def with_doubles() -> str:
    """Two audiences by one name, of which each reader may take another; rightly signed."""
    head, body, _ = SIGNER.assertion().split(".")
    claims = urlsafe_b64decode(body.encode()).decode()
    return signed(head, encoded('{"aud":"https://elsewhere.example.org",' + claims[1:]))


def with_half_a_character() -> str:
    head, body, _ = SIGNER.assertion(jti="half").split(".")
    return signed(head, encoded(urlsafe_b64decode(body.encode()).decode().replace("half", "\\ud800")))


def with_other_claims() -> str:
    head, _, signature = SIGNER.assertion().split(".")
    return f"{head}.{encoded({'iss': 'reader', 'sub': 'reader'})}.{signature}"


def signed(head: str, body: str) -> str:
    """By the key of the client, whatever they say."""
    pair = decode_dss_signature(EC.private_key.sign(f"{head}.{body}".encode(), ec.ECDSA(hashes.SHA384())))
    return f"{head}.{body}.{urlsafe_b64encode(b''.join(one.to_bytes(48, 'big') for one in pair)).decode()}"


ASSERTIONS: dict[str, tuple[Callable[[], str], str]] = {
    "unsigned": (lambda: f"{SIGNER.assertion().rpartition('.')[0]}.", "signature"),
    "alg none": (
        lambda: signed_by_nobody(SIGNER.assertion(), {"alg": "none", "kid": "ec", "typ": "JWT"}),
        "has to be signed",
    ),
    "HS256 with the public key": (lambda: signed_by_the_public_key(SIGNER.assertion(), RSA, "rsa"), "to be signed"),
    "expired": (lambda: SIGNER.assertion(exp=NOW - 60), "has expired"),
    "wrong audience": (lambda: SIGNER.assertion(aud="https://elsewhere.example.org/token"), "aud of the assertion"),
    "unknown kid": (lambda: SIGNER.assertion(header={"kid": "other"}), "no single key"),
    "a path for a kid": (lambda: SIGNER.assertion(header={"kid": "../../../dev/null"}), "no single key"),
    "a key of a stranger": (lambda: SIGNER.assertion(key=STRANGER), "signature"),
    "a key that it brings along": (
        lambda: SIGNER.assertion(key=STRANGER, header={"jwk": public(STRANGER, "ec")}),
        "signature",
    ),
    "a key at an address that it names": (
        lambda: SIGNER.assertion(key=STRANGER, header={"jku": "https://evil.example.org/jwks"}),
        "jku",
    ),
    "changed": (with_other_claims, "signature"),
    "a claim twice": (with_doubles, "no signed JWT"),
    "an access token": (lambda: SIGNER.assertion(header={"typ": "at+jwt"}), "typ"),
    "half of a character": (with_half_a_character, "no signed JWT"),
    "too long": (lambda: "a." * 10_000, "too long"),
}


@pytest.mark.parametrize("how", ASSERTIONS)
async def test_an_assertion_that_is_forged_or_stale_gets_no_token(
    smart: Client, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    make, reason = ASSERTIONS[how]
    with logged(caplog, "no token: invalid_client", reason):
        answer = await ask(smart, form(make()))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), answer.text
    assert reason in answer.json()["error_description"]
    assert answer.headers["cache-control"] == "no-store"


async def test_a_replayed_assertion_gets_no_token(smart: Client, caplog: pytest.LogCaptureFixture) -> None:
    sent = form(SIGNER.assertion())
    assert (await ask(smart, sent)).status_code == 200
    with logged(caplog, "invalid_client", "used before"):
        assert (await ask(smart, sent)).json()["error"] == "invalid_client"


async def test_a_key_url_at_a_private_address_is_not_asked(smart: Client, caplog: pytest.LogCaptureFixture) -> None:
    with logged(caplog, "invalid_client", "private address"):
        answer = await ask(smart, form(Signer("private").assertion()))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def access_token(file: Path, header: dict[str, Any] | None = None, key: ECKey | None = None, **claims: Any) -> str:
    """One of ours, but for what is said here."""
    said = {"alg": "ES256", "typ": "at+jwt", **(header or {})}
    told = {"iss": OWN, "aud": OWN, "sub": "reader", "scope": "system/*.rs", "iat": NOW, "exp": NOW + 300, **claims}
    return jwt.encode(said, told, key or token_key(str(file)), algorithms=["ES256"])


TOKENS: dict[str, Callable[[Path], str]] = {
    "unsigned": lambda file: f"{access_token(file).rpartition('.')[0]}.",
    "alg none": lambda file: signed_by_nobody(access_token(file), {"alg": "none", "typ": "at+jwt"}),
    "HS256 with the public key": lambda file: signed_by_the_public_key(access_token(file), token_key(str(file)), "x"),
    "expired": lambda file: access_token(file, exp=NOW - 1),
    "of another issuer": lambda file: access_token(file, iss="https://elsewhere.example.org"),
    "for another audience": lambda file: access_token(file, aud="https://elsewhere.example.org"),
    "of another kind": lambda file: access_token(file, {"typ": "JWT"}),
    "of a stranger": lambda file: access_token(file, key=ECKey.generate_key("P-256", private=True)),
    "an assertion": lambda _: SIGNER.assertion(),
    "of nobody": lambda file: access_token(file, sub="nobody"),
    "too long": lambda _: "a" * 17_000,
}


@pytest.mark.parametrize("how", TOKENS)
async def test_a_token_that_is_forged_or_stale_opens_nothing(
    smart: Client, key_file: Path, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    with logged(caplog, "a token was refused"):
        answer = await smart.get("/fhir/Patient/p1", headers={"authorization": f"Bearer {TOKENS[how](key_file)}"})
    assert (answer.status_code, issues(answer)[0]["code"]) == (401, "login")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    sound = {"authorization": f"Bearer {access_token(key_file)}"}
    assert (await smart.get("/fhir/Patient/p1", headers=sound)).status_code == 200


async def test_a_path_in_a_file_name_and_the_export_of_another_client_are_not_found(
    smart: Client, caplog: pytest.LogCaptureFixture
) -> None:
    header = await token(smart, "reader", "system/*.rs")
    status = (await smart.get("/fhir/$export", headers=header)).headers["content-location"]
    for name in ("..%2f..%2f..%2fetc%2fpasswd", "%2e%2e", "..%5c..%5cetc"):
        with logged(caplog, "'status': 404"):
            answer = await smart.get(f"{status}/{name}", headers=header)
        assert (answer.status_code, issues(answer)[0]["code"]) == (404, "not-found")
    stranger = await token(smart, "other", "system/*.rs")
    for method in ("GET", "DELETE"):
        with logged(caplog, "'status': 404", "'client': 'other'"):
            answer = await smart.request(method, status, headers=stranger)
        assert (answer.status_code, issues(answer)[0]["code"]) == (404, "not-found")
    assert (await smart.delete(status, headers=header)).status_code == 202


async def test_what_a_client_has_begun_ends_when_it_is_revoked(smart: Client, store: Repository) -> None:
    await store.clients.add(Registered("leaver", "", "system/*.rs", jwks=json.dumps(JWKS)))
    header = await token(smart, "leaver", "system/*.rs")
    job_id = (await smart.get("/fhir/$export", headers=header)).headers["content-location"].rpartition("/")[2]
    assert (await store.jobs.find(job_id)).state == "running"
    await store.clients.revoke("leaver")
    with pytest.raises(NotFound):
        await store.jobs.find(job_id)


async def test_a_form_for_a_token_is_small(smart: Client) -> None:
    """It is read before anybody has said who they are."""
    answer = await ask(smart, form(SIGNER.assertion(), "a " * 50_000))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    asked = " ".join(f"system/Observation.rs?code={number:0100}" for number in range(100))
    answer = await ask(smart, form(SIGNER.assertion(), asked))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")


@pytest.mark.parametrize("scope", ["system/Patient.u", "system/Patient.u system/Patient.r?gender=male"])
async def test_a_patch_tells_nothing_to_who_may_not_read(smart: Client, scope: str) -> None:
    header = {**await token(smart, "reader", scope), "content-type": "application/json-patch+json"}
    test = [{"op": "test", "path": "/name/0/family", "value": "Secret"}]
    copy = [{"op": "copy", "from": "/name/0/family", "path": "/birthDate"}]
    for changes in (test, copy):
        for address in ("Patient/p1", "Patient?_id=p1"):
            answer: httpx.Response = await smart.patch(f"/fhir/{address}", json=changes, headers=header)
            assert answer.status_code in (403, 404), answer.text
            assert "Secret" not in answer.text
        data = base64.b64encode(json.dumps(changes).encode()).decode()
        entry = {
            "resource": {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": data},
            "request": {"method": "PATCH", "url": "Patient/p1"},
        }
        for kind in ("batch", "transaction"):
            bundle = {"resourceType": "Bundle", "type": kind, "entry": [entry]}
            answer = await smart.post("/fhir", json=bundle, headers=header | JSON)
            status = answer.json()["entry"][0]["response"]["status"] if kind == "batch" else str(answer.status_code)
            assert status[:3] in ("403", "404"), answer.text
            assert "Secret" not in answer.text
