"""Tokens by SMART Backend Services 2.2.0. Some cases are named as tests of Inferno's bulk data kit 0.13.0 are."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from api_client import BASE, Client, issues, patient, settings
from joserfc import jwt
from joserfc.jwk import ECKey
from smart_client import ASSERTION_TYPE, EC, JWKS, TOKEN_URL, Signer, ask, form, public, secured, token

from fhir_service.api.auth import gate
from fhir_service.api.auth.tokens import Tokens
from fhir_service.fhir.access import OPEN
from fhir_service.storage.clients import Client as Registered
from fhir_service.storage.repository import Create, Repository, open_repository

SIGNER = Signer("reader")


@pytest_asyncio.fixture(scope="module", params=("sqlite", "postgresql"))
async def store(request: pytest.FixtureRequest, lasting_database: Callable[[str], str]) -> AsyncIterator[Repository]:
    """A store with a patient, and with two clients: one reads everything, one does everything."""
    opened = await open_repository(lasting_database(request.param))
    keys = json.dumps(JWKS)
    await opened.clients.add(Registered("reader", "", "system/*.rs", jwks=keys))
    await opened.clients.add(Registered("writer", "", "system/*.cruds", jwks=keys))
    await opened.commit([Create("Patient", json.dumps(patient()).encode(), "p1")], OPEN)
    yield opened
    await opened.close()


@pytest_asyncio.fixture(scope="module")
async def smart(store: Repository) -> AsyncIterator[Client]:
    """A service with access control over it."""
    async with secured(store) as client:
        yield client


def refusal(answer: httpx.Response, code: str, status: int) -> str:
    """What is said of a refused request for a token (RFC 6749 section 5.2)."""
    assert (answer.status_code, answer.json()["error"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    return str(answer.json()["error_description"])


async def test_well_known_endpoint(smart: Client) -> None:
    for accept in ("*/*", "application/fhir+json", "text/html"):
        answer = await smart.get("/fhir/.well-known/smart-configuration", headers={"accept": accept})
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("application/json")
    told = answer.json()
    assert told["token_endpoint"] == TOKEN_URL
    assert told["grant_types_supported"] == ["client_credentials"]
    assert told["token_endpoint_auth_methods_supported"] == ["private_key_jwt"]
    assert told["token_endpoint_auth_signing_alg_values_supported"] == ["RS384", "ES384"]
    assert {"client-confidential-asymmetric", "permission-v1", "permission-v2"} <= set(told["capabilities"])
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert {"system/*.rs", "system/*.read", "system/Patient.cruds"} <= set(told["scopes_supported"])
    assert "issuer" not in told


async def test_every_scope_that_is_told_of_is_granted(smart: Client) -> None:
    told = (await smart.get("/fhir/.well-known/smart-configuration")).json()["scopes_supported"]
    answer = await ask(smart, form(Signer("writer").assertion(), " ".join(told)))
    assert answer.json()["scope"].split() == told


async def test_smart_backend_services_invalid_grant_type(smart: Client) -> None:
    answer = await ask(smart, form(SIGNER.assertion(), grant_type="not_a_grant_type"))
    refusal(answer, "unsupported_grant_type", 400)


async def test_smart_backend_services_invalid_client_assertion(smart: Client) -> None:
    answer = await ask(smart, form(SIGNER.assertion(), client_assertion_type="not_an_assertion_type"))
    refusal(answer, "invalid_request", 400)


async def test_smart_backend_services_invalid_jwt(smart: Client) -> None:
    answer = await ask(smart, form("not.a.jwt", client_assertion_type="not_an_assertion_type"))
    assert answer.status_code in (400, 401)
    refusal(await ask(smart, form("not.a.jwt")), "invalid_client", 401)


@pytest.mark.parametrize("algorithm", ["RS384", "ES384"])
async def test_smart_backend_services_auth_request_success(smart: Client, algorithm: str) -> None:
    assert (await ask(smart, form(Signer("reader", algorithm).assertion(), "system/*.read"))).status_code == 200


async def test_smart_backend_services_auth_response_body(smart: Client) -> None:
    answer = await ask(smart, form(SIGNER.assertion(), "system/*.read"))
    body = answer.json()
    assert body["access_token"]
    assert body["token_type"].lower() == "bearer"
    assert body["expires_in"] == 300
    assert body["scope"] == "system/*.read"
    assert "refresh_token" not in body
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")


async def test_a_token_opens_what_nothing_else_opens(smart: Client) -> None:
    refused = await smart.get("/fhir/Patient/p1")
    assert (refused.status_code, issues(refused)[0]["code"]) == (401, "login")
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert (await smart.get("/fhir/Patient/p1", headers=await token(smart, "reader", "system/*.read"))).json()[
        "id"
    ] == "p1"
    assert (await smart.get("/fhir/metadata")).status_code == 200


async def test_the_capability_statement_tells_how_to_get_in(smart: Client) -> None:
    (rest,) = (await smart.get("/fhir/metadata")).json()["rest"]
    assert rest["security"]["service"][0]["coding"][0]["code"] == "SMART-on-FHIR"
    (uris,) = rest["security"]["extension"]
    assert {"url": "token", "valueUri": TOKEN_URL} in uris["extension"]


NOW = int(time.time())


@pytest.mark.parametrize(
    ("header", "claims", "reason"),
    [
        ({}, {"exp": NOW + 3600}, "more than five minutes"),
        ({}, {"exp": float("nan")}, "exp of the assertion is no number"),
        ({}, {"nbf": "1"}, "nbf of the assertion is no number"),
        ({}, {"exp": None}, "no exp"),
        ({}, {"exp": "soon"}, "exp of the assertion is no number"),
        ({}, {"aud": f"{BASE}/auth"}, "aud of the assertion"),
        ({}, {"aud": None}, "aud of the assertion"),
        ({}, {"jti": None}, "no jti"),
        ({}, {"sub": "writer"}, "iss and sub"),
        ({}, {"iss": "nobody"}, "no client"),
        ({}, {"iss": None}, "no client"),
        ({}, {"nbf": NOW + 3600}, "not good yet"),
        ({"kid": "rsa"}, {}, "no single key"),
        ({"kid": None}, {}, "no kid"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_an_assertion_that_is_not_good_is_refused(
    smart: Client, header: dict[str, Any], claims: dict[str, Any], reason: str
) -> None:
    answer = await ask(smart, form(SIGNER.assertion(header=header, **claims)))
    assert reason in refusal(answer, "invalid_client", 401)


async def test_an_assertion_is_good_once(smart: Client) -> None:
    sent = form(SIGNER.assertion())
    answers = await asyncio.gather(*(ask(smart, sent) for _ in range(4)))
    assert sorted(one.status_code for one in answers) == [200, 401, 401, 401]
    assert "used before" in refusal(await ask(smart, sent), "invalid_client", 401)
    jti = "the same for two clients is no replay"
    for client_id in ("reader", "writer"):
        assert (await ask(smart, form(Signer(client_id).assertion(jti=jti)))).status_code == 200


@pytest.mark.parametrize("name", ["grant_type", "client_assertion_type", "client_assertion", "scope"])
async def test_a_request_without_one_of_its_parts_is_refused(smart: Client, name: str) -> None:
    sent = form(SIGNER.assertion())
    del sent[name]
    assert f"{name} is missing" in refusal(await ask(smart, sent), "invalid_request", 400)


async def test_a_request_that_is_no_form_is_refused(smart: Client) -> None:
    answer = await smart.post(
        "/fhir/auth/token", json=form(SIGNER.assertion()), headers={"content-type": "application/json"}
    )
    refusal(answer, "invalid_request", 400)
    twice = f"grant_type=client_credentials&grant_type=client_credentials&client_assertion_type={ASSERTION_TYPE}"
    content_type = {"content-type": "application/x-www-form-urlencoded"}
    answer = await smart.post("/fhir/auth/token", content=twice, headers=content_type)
    assert "more than once" in refusal(answer, "invalid_request", 400)
    answer = await smart.get("/fhir/auth/token")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        ("system/*.cruds", "system/*.rs"),
        ("system/Patient.read", "system/Patient.read"),
        ("system/Patient.* system/Observation.u", "system/Patient.rs"),
        ("system/Observation.rs?code=a", "system/Observation.rs?code=a"),
    ],
)
async def test_no_more_is_granted_than_the_client_is_registered_for(smart: Client, asked: str, granted: str) -> None:
    assert (await ask(smart, form(SIGNER.assertion(), asked))).json()["scope"] == granted


@pytest.mark.parametrize(
    "asked",
    ["system/Patient.cud", "patient/*.rs", "user/*.rs", "openid", "system/Nothing.rs", "system/Patient.sr", " "],
)
async def test_a_scope_that_cannot_be_granted_is_refused(smart: Client, asked: str) -> None:
    refusal(await ask(smart, form(SIGNER.assertion(), asked)), "invalid_scope", 400)


@pytest.mark.parametrize("header", ["Bearer x.y.z", "Bearer ", "Basic cmVhZGVyOg==", "Bearer a b"])
async def test_what_is_no_token_of_ours_is_refused(smart: Client, header: str) -> None:
    answer = await smart.get("/fhir/Patient", headers={"authorization": header})
    assert (answer.status_code, issues(answer)[0]["code"]) == (401, "login")


async def test_a_token_that_is_changed_or_signed_by_others_is_refused(smart: Client) -> None:
    sound = (await token(smart, "reader", "system/*.read"))["authorization"]
    claims = {
        "iss": "http://127.0.0.1:8000/fhir",
        "sub": "writer",
        "scope": "system/*.cruds",
        "iat": NOW,
        "exp": NOW + 99,
    }
    stranger = ECKey.generate_key("P-256", private=True)
    made = jwt.encode({"alg": "ES256", "typ": "at+jwt"}, claims, stranger, algorithms=["ES256"])
    head, body, _ = sound.split(".")
    assertion = SIGNER.assertion()
    for text in (f"Bearer {made}", f"{head}.{body}.", f"{sound[:-4]}AAAA", f"Bearer {assertion}"):
        assert (await smart.get("/fhir/Patient", headers={"authorization": text})).status_code == 401


async def test_a_token_is_good_for_its_time_in_every_process_that_has_the_key(
    store: Repository, tmp_path: Path
) -> None:
    key = ECKey.generate_key("P-256", private=True)
    file = tmp_path / "key.pem"
    file.write_bytes(key.as_pem(private=True))
    async with secured(store, token_key_file=str(file)) as client:
        for seconds, status in ((60, 200), (-1, 401)):
            made = Tokens(key, settings().own_address, seconds).issue("reader", "system/*.rs")
            assert (
                await client.get("/fhir/Patient", headers={"authorization": f"Bearer {made}"})
            ).status_code == status
        elsewhere = Tokens(key, "https://other.example.org/fhir", 60).issue("reader", "system/*.rs")
        answer = await client.get("/fhir/Patient", headers={"authorization": f"Bearer {elsewhere}"})
        assert answer.status_code == 401


async def test_a_revoked_client_gets_nothing_more(
    smart: Client, store: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "RECHECK_SECONDS", 0.0)
    await store.clients.add(Registered("leaver", "", "system/*.rs", jwks=json.dumps(JWKS)))
    header = await token(smart, "leaver", "system/*.read")
    assert (await smart.get("/fhir/Patient", headers=header)).status_code == 200
    await store.clients.revoke("leaver")
    assert (await smart.get("/fhir/Patient", headers=header)).status_code == 401
    refusal(await ask(smart, form(Signer("leaver").assertion())), "invalid_client", 401)


async def test_a_client_learns_what_its_own_token_is_good_for(smart: Client) -> None:
    own = await token(smart, "reader", "system/*.read")
    form_of = {"content-type": "application/x-www-form-urlencoded"}

    async def told(text: str, header: dict[str, str] = own) -> httpx.Response:
        return await smart.post("/fhir/auth/introspect", data={"token": text}, headers={**header, **form_of})

    body = (await told(own["authorization"].removeprefix("Bearer "))).json()
    assert body["active"] is True
    assert (body["client_id"], body["scope"]) == ("reader", "system/*.read")
    assert time.time() < body["exp"] <= time.time() + 300
    other = (await token(smart, "writer", "system/*.read"))["authorization"].removeprefix("Bearer ")
    assert (await told(other)).json() == {"active": False}
    assert (await told("rubbish")).json() == {"active": False}
    assert (await told("rubbish", {})).status_code == 401


async def test_two_keys_of_one_id_are_no_key(smart: Client, store: Repository) -> None:
    other = ECKey.generate_key("P-384", private=True)
    keys = json.dumps({"keys": [public(EC, "ec"), public(other, "ec")]})
    await store.clients.add(Registered("double", "", "system/*.rs", jwks=keys))
    assert "no single key" in refusal(await ask(smart, form(Signer("double").assertion())), "invalid_client", 401)


async def test_without_access_control_there_is_nothing_to_ask_for_a_token(idle_client: Client) -> None:
    assert (await idle_client.get("/fhir/.well-known/smart-configuration")).status_code == 404
    assert (await ask(idle_client, form(SIGNER.assertion()))).status_code in (404, 405)
