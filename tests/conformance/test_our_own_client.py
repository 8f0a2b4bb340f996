"""`fhir-service export` against `fhir-service serve`: over TLS, with tokens, and what changed since."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from smart_client import EC

from fhir_service.fhir.access import OPEN
from fhir_service.storage.repository import Create, Delete
from fhir_service.workflows.bulk_client import fetch_export as client
from fhir_service.workflows.bulk_client.client_key import ClientKey
from fhir_service.workflows.bulk_client.errors import NotExported
from fhir_service.workflows.bulk_client.ledger import Ledger
from fhir_service.workflows.bulk_client.pace import Pace
from fhir_service.workflows.bulk_client.wanted import Wanted

pytestmark = pytest.mark.xdist_group("inferno")


class Unwatched:
    def waits(self, progress: str) -> None: ...
    def fetches(self, files: int, resources: int | None) -> None: ...
    def came(self, file: str, resources: int) -> None: ...


@pytest.fixture(autouse=True)
def trusting(bulk_server: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """This machine trusts the certificate of the server."""
    monkeypatch.setenv("SSL_CERT_FILE", str(bulk_server.certificate))
    client.authorities.cache_clear()
    yield
    client.authorities.cache_clear()


async def hardly(_: float) -> None:
    """Nobody here waits as long as the server asks for."""
    await asyncio.sleep(0.02)


async def fetched(base: str, folder: Path, wanted: Wanted, **who: Any) -> client.Export:
    asks = {"client_id": "reader", "key": ClientKey(EC, "ec", "ES384")} | who
    ledger = Ledger(folder)
    try:
        server = client.Server(base, **asks)
        return await client.fetch_export(server, wanted, ledger, Unwatched(), Pace(tries=2, sleep=hardly))
    finally:
        ledger.close()


def keys_in(folder: Path) -> set[str]:
    lines = [json.loads(line) for file in folder.glob("*.0*.ndjson") for line in file.read_bytes().splitlines()]
    return {f"{one['resourceType']}/{one['id']}" for one in lines}


def condition(resource_id: str, patient_id: str) -> Create:
    subject = {"subject": {"reference": f"Patient/{patient_id}"}}
    return Create("Condition", json.dumps({"resourceType": "Condition", **subject}).encode(), resource_id)


async def test_a_group_is_fetched_and_then_what_changed_since(bulk_server: Any, tmp_path: Path) -> None:
    await bulk_server.store.commit([condition("gone", "p1")], OPEN)
    first = await fetched(bulk_server.base, tmp_path, Wanted(group="g"))
    assert keys_in(tmp_path) == {"Patient/p1", "Patient/p2", "Observation/o", "Condition/gone"}
    assert sum(first.counts.values()) == 4
    await bulk_server.store.commit(
        [Delete("Condition", "gone"), condition("later", "p2"), condition("other", "p3")], OPEN
    )
    second = await fetched(bulk_server.base, tmp_path, Wanted(group="g", since=first.transaction_time))
    assert (keys_in(second.folder), second.deleted) == ({"Condition/later"}, 1)
    (line,) = (second.folder / "deleted" / "Bundle.000.ndjson").read_text().splitlines()
    assert json.loads(line)["entry"][0]["request"]["url"] == "Condition/gone"
    ledger = Ledger(tmp_path)
    assert (ledger.last_time, len(ledger.exports)) == (second.transaction_time, 2)
    ledger.close()
    said = await bulk_server.http.get(ledger.current.begun.status)
    assert said.status_code in (401, 404)  # the export is dropped


@pytest.mark.parametrize(
    ("who", "wanted", "reason"),
    [
        ({"client_id": "stranger"}, Wanted(), "401 to the question for a token: iss of the assertion is no client"),
        ({"scope": "system/*.cud"}, Wanted(), "400 to the question for a token: "),
        ({"scope": "system/Observation.rs"}, Wanted(types=("Patient",)), "403 to the export: the scope of the token"),
        ({"key": None}, Wanted(), "401 to the export: say who asks by a token"),
        ({}, Wanted(group="nobody"), "404 to the export: there is no Group/nobody"),
        ({}, Wanted(filters=("Observation?nonsense=1",)), "400 to the export: _typeFilter"),
    ],
)
async def test_a_refusal_is_told_in_the_words_of_the_server(
    bulk_server: Any, tmp_path: Path, who: dict[str, Any], wanted: Wanted, reason: str
) -> None:
    with pytest.raises(NotExported) as refused:
        await fetched(bulk_server.base, tmp_path, wanted, **who)
    assert str(refused.value).startswith(f"the server answers {reason}")


async def test_a_certificate_that_nobody_vouches_for_is_not_taken(
    bulk_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    client.authorities.cache_clear()
    with pytest.raises(NotExported, match="does not answer"):
        await fetched(bulk_server.base, tmp_path, Wanted())
