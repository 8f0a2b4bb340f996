"""Tokens of an outside issuer for people, over real HTTP: found by discovery, checked, and kept to what they say."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from api_client import BASE, JSON, Client, issues, observation
from joserfc import jwt
from joserfc.jwk import ECKey
from joserfc.util import urlsafe_b64encode
from key_server import KeyServer, key_server
from smart_client import EC, RSA, public, secured

from fhir_service.api.auth import gate
from fhir_service.definitions.compartments import compartment
from fhir_service.definitions.elements import resource_types
from fhir_service.fhir.access import OPEN, Grant
from fhir_service.search.restrictions import restriction_of
from fhir_service.search.scopes import read_scopes
from fhir_service.search.scopes_of_people import grants_of_person
from fhir_service.storage.repository import Change, Create, Repository, open_repository
from fhir_service.workflows import issuer as issuers
from fhir_service.workflows import key_sets

NOW = int(time.time())
STRANGER = ECKey.generate_key("P-384", private=True)
DOCTOR = "https://ehr.example.org/fhir/Practitioner/d1"


def stored(kind: str, resource_id: str, **elements: Any) -> Change:
    return Create(kind, json.dumps({"resourceType": kind, **elements}).encode(), resource_id)


def held() -> Iterator[Change]:
    """Two patients with an Observation each, one of another about both, and what is in nobody's compartment."""
    for one in ("p1", "p2"):
        yield stored("Patient", one, name=[{"family": f"Mark-{one}"}])
        yield Create("Observation", json.dumps(observation(one, valueString=f"Mark-{one}")).encode(), f"o-{one}")
    yield stored("Patient", "p3", link=[{"other": {"reference": "Patient/p1"}, "type": "seealso"}])
    yield stored("Group", "g", type="person", actual=True, member=[{"entity": {"reference": "Patient/p1"}}])
    yield stored("Device", "d")


@pytest_asyncio.fixture(scope="module")
async def store(lasting_database: Callable[[str], str]) -> AsyncIterator[Repository]:
    opened = await open_repository(lasting_database("sqlite"))
    await opened.commit(list(held()), OPEN)
    yield opened
    await opened.close()


@pytest.fixture
def issuer() -> Iterator[KeyServer]:
    with key_server() as server:
        server.serves(public(EC, "ec"), public(RSA, "rsa"))
        configured(server)
        yield server


def configured(server: KeyServer, **changes: Any) -> None:
    told = {"issuer": name_of(server), "jwks_uri": server.url, **changes}
    server.pages["/.well-known/openid-configuration"] = json.dumps(told).encode()


def name_of(server: KeyServer) -> str:
    return f"http://localhost:{server.port}"


@pytest_asyncio.fixture
async def ehr(store: Repository, issuer: KeyServer, tmp_path: Any) -> AsyncIterator[Client]:
    """A service that trusts the issuer."""
    changes = {"oidc_issuer": name_of(issuer), "public_base_url": BASE, "export_files": str(tmp_path)}
    async with secured(store, **changes) as client:
        yield client


class Person:
    """Signs tokens as the issuer does; what is given replaces what is right, None leaves it out."""

    def __init__(self, issuer: KeyServer) -> None:
        self._issuer = name_of(issuer)

    def token(
        self, scope: str = "user/*.rs", header: dict[str, Any] | None = None, key: Any = EC, **claims: Any
    ) -> str:
        said = {"alg": "ES384", "kid": "ec", "typ": "at+jwt", **(header or {})}
        told: dict[str, Any] = {
            "iss": self._issuer,
            "aud": [BASE, "other"],
            "sub": "jane",
            "scope": scope,
            "fhirUser": DOCTOR,
        }
        told |= {"client_id": "app", "iat": NOW, "exp": NOW + 600, **claims}
        kept = {name: value for name, value in told.items() if value is not None}
        sent = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(sent, kept, key, algorithms=[said["alg"]])

    def header(self, *arguments: Any, **claims: Any) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token(*arguments, **claims)}"}


@pytest.fixture
def person(issuer: KeyServer) -> Person:
    return Person(issuer)


async def found(client: Client, address: str, header: dict[str, str]) -> list[str]:
    """The resources of a Bundle; the status where there is none."""
    answer = await client.get(f"/fhir/{address}", headers=header)
    if answer.status_code != 200:
        return [str(answer.status_code)]
    listed = answer.json().get("entry", ())
    matches = [entry for entry in listed if entry.get("search", {}).get("mode") != "include"]
    assert answer.json().get("total", len(matches)) == len(matches)
    return sorted(entry["fullUrl"].removeprefix(f"{BASE}/") for entry in listed)


async def test_who_cares_for_patients_may_what_the_scopes_say(ehr: Client, person: Person) -> None:
    every = ["Observation/o-p1", "Observation/o-p2"]
    assert await found(ehr, "Observation", person.header("openid fhirUser user/Observation.rs launch")) == every
    assert await found(ehr, "Patient", person.header("user/Observation.rs")) == ["403"]
    listed = person.header(None, scp=["user/Observation.read", "profile"])
    assert await found(ehr, "Observation", listed) == every
    rsa = person.header("user/*.rs", {"alg": "RS256", "kid": "rsa", "typ": None}, RSA)
    assert await found(ehr, "Observation", rsa) == every
    restricted = person.header("user/Observation.rs?subject=Patient/p1")
    assert await found(ehr, "Observation", restricted) == ["Observation/o-p1"]


@pytest.mark.parametrize(
    ("scope", "claims"),
    [
        ("system/*.cruds", {}),
        ("user/*.rs", {"fhirUser": None}),
        ("user/*.rs", {"fhirUser": "RelatedPerson/r1"}),
        ("user/*.rs", {"fhirUser": "https://ehr.example.org/fhir/Patient/p1"}),
        ("user/*.rs", {"fhirUser": 1}),
        ("patient/*.rs", {}),
        ("patient/*.rs", {"patient": "p1&_id=p2"}),
        ("patient/*.rs", {"patient": ["p1"]}),
        ("openid profile", {}),
        ("user/*.rs?x=y USER/*.rs user/patient.rs", {}),
    ],
)
async def test_what_is_not_said_is_leave_for_nothing(
    ehr: Client, person: Person, scope: str, claims: dict[str, Any]
) -> None:
    header = person.header(scope, **claims)
    for address in ("Patient/p1", "Patient", "Observation", "", "_history", "$export"):
        answer = await ehr.get(f"/fhir/{address}", headers=header)
        assert (answer.status_code, issues(answer)[0]["code"]) == (403, "forbidden"), address


@pytest.mark.parametrize(
    "claims",
    [
        {"scope": "patient/*.cruds", "patient": "p1"},
        {"scope": "user/*.cruds", "fhirUser": "Patient/p1"},
        {"scope": "user/*.cruds", "fhirUser": f"{BASE}/Patient/p1"},
    ],
    ids=["by the launch", "by who it is", "by who it is on this server"],
)
async def test_a_patients_token_is_for_the_compartment_alone(
    ehr: Client, person: Person, store: Repository, claims: dict[str, Any]
) -> None:
    header = person.header(**claims)
    mine = ["Observation/o-p1", "Patient/p1"]
    everything = ("Patient/p1/*", "Patient/p1/$everything", "Patient?_revinclude=Observation:subject")
    for address in ("", "_history", *everything):
        assert await found(ehr, address, header) == mine, address
    for address in ("Patient?_id=p2,p3", "Observation?subject=Patient/p2", "Patient/p2/Observation"):
        assert await found(ehr, address, header) == [], address
    for address in ("Patient/p2", "Observation/o-p2", "Patient/p2/_history", "Patient/p3", "Patient/p2/$everything"):
        assert await found(ehr, address, header) == ["404"], address
    for address in ("Group", "Group/g", "Device", "Device/d", "AuditEvent", "Observation?device.type=x"):
        assert await found(ehr, address, header) == ["403"], address
    strange = await ehr.post("/fhir/Observation", json=observation("p2"), headers=header | JSON)
    assert strange.status_code == 403
    resource = (await ehr.post("/fhir/Observation", json=observation("p1"), headers=header | JSON)).json()
    absolute = {**resource, "subject": {"reference": f"{BASE}/Patient/p1"}}
    address = f"/fhir/Observation/{resource['id']}"
    assert (await ehr.put(address, json=absolute, headers=header | JSON)).status_code == 200
    assert (await ehr.get(address, headers=header)).json()["subject"] == absolute["subject"]
    assert f"Observation/{resource['id']}" in await found(ehr, "Observation", header)
    moved = {**resource, "subject": {"reference": "Patient/p2"}}
    assert (await ehr.put(address, json=moved, headers=header | JSON)).status_code == 403
    assert (await ehr.delete("/fhir/Observation/o-p2", headers=header)).status_code == 404
    await store.erase([("Observation", resource["id"])], OPEN)


def test_every_type_in_the_compartment_can_be_kept_to_one_patient() -> None:
    grants = grants_of_person(read_scopes("patient/*.rs"), resource_types(), patient="p1")
    kinds = {grant.type for grant in grants}
    assert kinds == {"Patient", *compartment("Patient")} - {"Group"}
    assert all(restriction_of(grant.type, grant.query) for grant in grants)
    one = grants_of_person(read_scopes("patient/Observation.rs?code=a"), (), patient="p1")
    assert Grant("rs", "Observation", "subject=Patient/p1&code=a") in one


def unsigned(text: str, header: dict[str, Any]) -> str:
    head = urlsafe_b64encode(json.dumps(header).encode()).decode()
    return f"{head}.{text.split('.')[1]}."


def by_public_key(text: str) -> str:
    head = urlsafe_b64encode(b'{"alg":"HS256","kid":"rsa"}').decode()
    said = f"{head}.{text.split('.')[1]}"
    return f"{said}.{urlsafe_b64encode(hmac.digest(RSA.as_pem(private=False), said.encode(), 'sha256')).decode()}"


BAD: dict[str, tuple[Callable[[Person], str], str]] = {
    "of another issuer": (lambda one: one.token(iss="https://elsewhere.example.org"), "not of this server"),
    "for another audience": (lambda one: one.token(aud="https://elsewhere.example.org"), "another audience"),
    "for nobody": (lambda one: one.token(aud=None), "another audience"),
    "expired": (lambda one: one.token(exp=NOW - 1), "expired"),
    "for ever": (lambda one: one.token(exp=None), "no exp"),
    "for too long": (lambda one: one.token(exp=NOW + 90_000), "longer than"),
    "exp in words": (lambda one: one.token(exp="2099"), "no number"),
    "not yet good": (lambda one: one.token(nbf=NOW + 600), "not good yet"),
    "of the future": (lambda one: one.token(iat=NOW + 600), "not good yet"),
    "unsigned": (lambda one: f"{one.token().rpartition('.')[0]}.", "signature"),
    "alg none": (lambda one: unsigned(one.token(), {"alg": "none", "kid": "ec"}), "has to be signed"),
    "HS256 with the public key": (lambda one: by_public_key(one.token()), "has to be signed"),
    "an algorithm that is not listed": (
        lambda one: one.token("user/*.rs", {"alg": "RS512", "kid": "rsa"}, RSA),
        "has to be signed",
    ),
    "a key of a stranger": (lambda one: one.token("user/*.rs", {"jwk": public(STRANGER, "ec")}, STRANGER), "signature"),
    "unknown kid": (lambda one: one.token("user/*.rs", {"kid": "other"}), "no single key"),
    "no kid": (lambda one: one.token("user/*.rs", {"kid": None}), "no kid"),
    "a key of another kind": (lambda one: one.token("user/*.rs", {"kid": "rsa"}), "no single key"),
    "an ID token": (lambda one: one.token(nonce="n"), "ID token"),
    "of another type": (lambda one: one.token("user/*.rs", {"typ": "logout+jwt"}), "typ"),
    "of nobody": (lambda one: one.token(sub=None), "sub"),
    "critical extensions": (lambda one: one.token("user/*.rs", {"crit": ["b64"], "b64": True}), "not of this server"),
}


@pytest.mark.parametrize("how", BAD)
async def test_a_token_that_is_not_good_opens_nothing(
    ehr: Client, person: Person, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    make, reason = BAD[how]
    answer = await ehr.get("/fhir/Patient/p1", headers={"authorization": f"Bearer {make(person)}"})
    assert (answer.status_code, issues(answer)[0]["code"]) == (401, "login"), answer.text
    assert reason in issues(answer)[0]["diagnostics"]
    assert any("a token was refused" in record.getMessage() for record in caplog.records)


async def test_keys_are_found_once_and_follow_the_issuer(
    ehr: Client, person: Person, issuer: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        assert (await ehr.get("/fhir/Patient/p1", headers=person.header(jti=str(number)))).status_code == 200
    assert [path for path, _ in issuer.asked] == ["/.well-known/openid-configuration", "/jwks.json"]
    known, new = person.header(jti="known"), ECKey.generate_key("P-384", private=True)
    assert (await ehr.get("/fhir/Patient/p1", headers=known)).status_code == 200
    issuer.serves(public(new, "new"))
    monkeypatch.setattr(key_sets, "_BETWEEN_LOOKS", 0.0)
    rotated = person.header("user/*.rs", {"kid": "new"}, new)
    assert (await ehr.get("/fhir/Patient/p1", headers=rotated)).status_code == 200
    # A token that was found good stays so for a while; then its key has to be there still.
    assert (await ehr.get("/fhir/Patient/p1", headers=known)).status_code == 200
    monkeypatch.setattr(gate, "RELOOK_SECONDS", -1.0)
    later = person.header(jti="later")
    assert (await ehr.get("/fhir/Patient/p1", headers=later)).status_code == 401


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"issuer": "https://elsewhere.example.org"}, "not that of this issuer"),
        ({"jwks_uri": None}, "no jwks_uri"),
        ({"jwks_uri": "http://169.254.169.254/latest/meta-data"}, "not among the hosts"),
        ({"jwks_uri": "http://2130706433/jwks"}, "not among the hosts"),
        ({"jwks_uri": "http://[::ffff:127.0.0.1]/jwks"}, "not among the hosts"),
        ({"jwks_uri": "file:///etc/passwd"}, "no plain https URL"),
    ],
)
async def test_an_issuer_that_tells_nothing_of_use_is_no_reason_to_refuse_the_token(
    ehr: Client, person: Person, issuer: KeyServer, changes: dict[str, Any], reason: str
) -> None:
    """Nobody can tell whether it is good: 503, and the issuer is not asked all the time."""
    configured(issuer, **changes)
    told = []
    for _ in range(2):
        answer = await ehr.get("/fhir/Patient/p1", headers=person.header())
        assert (answer.status_code, issues(answer)[0]["code"]) == (503, "transient")
        assert int(answer.headers["retry-after"]) > 0
        told.append(issues(answer)[0]["diagnostics"])
    assert reason in told[0]
    assert [path for path, _ in issuer.asked] == ["/.well-known/openid-configuration"]


async def test_known_tokens_go_on_where_the_issuer_is_gone_and_comes_back(
    ehr: Client, person: Person, issuer: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = person.header(jti="known")
    issuer.headers = {"Cache-Control": "no-store"}
    assert (await ehr.get("/fhir/Patient/p1", headers=known)).status_code == 200
    issuer.status = 500
    monkeypatch.setattr(key_sets, "_BETWEEN_LOOKS", 0.0)
    monkeypatch.setattr(issuers, "_BETWEEN_LOOKS", 0.0)
    assert (await ehr.get("/fhir/Patient/p1", headers=known)).status_code == 200
    assert (await ehr.get("/fhir/Patient/p1", headers=person.header(jti="new"))).status_code == 503
    assert (await ehr.get("/fhir/metadata", headers=person.header(jti="new"))).status_code == 200
    issuer.status = 200
    assert (await ehr.get("/fhir/Patient/p1", headers=person.header(jti="new"))).status_code == 200


async def test_what_a_person_begins_is_for_the_same_person_app_and_patient(ehr: Client, person: Person) -> None:
    mine = {"scope": "patient/*.rs", "patient": "p1"}
    begun = await ehr.get("/fhir/$export", headers=person.header(**mine))
    assert begun.status_code == 202
    address = begun.headers["content-location"]
    others: list[dict[str, Any]] = [{"sub": "joe"}, {"client_id": "app2"}, {"patient": "p2"}]
    for change in others:
        answer: httpx.Response = await ehr.get(address, headers=person.header(**{**mine, **change}))
        assert answer.status_code == 404
    assert (await ehr.delete(address, headers=person.header(**mine, jti="other"))).status_code == 202


async def test_accesses_are_noted_under_the_name_that_the_issuer_gives(
    ehr: Client, person: Person, issuer: KeyServer
) -> None:
    await ehr.get("/fhir/Patient/p1", headers=person.header(sub="jane-doe"))
    auditor = person.header("user/AuditEvent.rs", sub="auditor")
    told = (await ehr.get("/fhir/AuditEvent?patient=p1&_count=1", headers=auditor)).json()
    (agent,) = told["entry"][0]["resource"]["agent"]
    assert agent["who"]["identifier"] == {"system": name_of(issuer), "value": "jane-doe"}
    assert agent["altId"] == f"{name_of(issuer)}#jane-doe"
    found_by = await ehr.get("/fhir/AuditEvent", params={"altid": agent["altId"]}, headers=auditor)
    assert found_by.json()["total"] == 1
