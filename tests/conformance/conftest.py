"""One service with access control behind TLS, for all that is asked of a bulk data server."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from api_client import settings
from smart_client import JWKS
from socket_server import serving
from tls_front import certificate, tls_front

from fhir_service.api.app import create_app
from fhir_service.fhir.access import OPEN
from fhir_service.fhir.json_text import encode
from fhir_service.storage.clients import Client as Registered
from fhir_service.storage.repository import Create, Repository, open_repository

EXAMPLE = Path(__file__).parents[2] / "docs" / "howto" / "behind-nginx.md"
VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True)
class BulkServer:
    """`base` is its FHIR base, `http` a client that trusts `certificate`, its own; `store` is what it serves."""

    base: str
    http: httpx.AsyncClient
    certificate: Path
    store: Repository


@pytest_asyncio.fixture(scope="session")
async def bulk_server(
    lasting_database: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[BulkServer]:
    folder = tmp_path_factory.mktemp("bulk-server")
    store = await open_repository(lasting_database("sqlite"))
    await _fill(store)
    jobs = {"run_jobs": True, "export_files": str(folder / "exports"), "export_polls": 1e6}
    app = create_app(settings(access="smart", trusted_proxies=("127.0.0.1",), **jobs), store)
    file, key = certificate(folder)
    async with serving(app, proxy_headers=False) as behind, tls_front(behind, _as_in_the_example(file, key)) as port:
        trusted = ssl.create_default_context(cafile=str(file))
        async with httpx.AsyncClient(verify=trusted) as http:
            yield BulkServer(f"https://localhost:{port}/fhir", http, file, store)
        await app.state.service.end_jobs()
    await store.close()


def _as_in_the_example(file: Path, key: Path) -> ssl.SSLContext:
    """TLS of the versions that our example of a proxy allows."""
    allowed = re.search(r"ssl_protocols\s+([^;]+);", EXAMPLE.read_text())
    assert allowed
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # what is refused is refused by its version alone
    context.minimum_version = min(VERSIONS[name] for name in allowed[1].split())
    return context


async def _fill(store: Repository) -> None:
    """Three patients, two of them in the Group `g`, and a client that may read everything."""
    await store.clients.add(Registered("reader", "", "system/*.rs", jwks=json.dumps(JWKS)))
    made = [Create("Patient", encode({"resourceType": "Patient"}), f"p{number}") for number in (1, 2, 3)]
    code = {"status": "final", "code": {"text": "x"}, "subject": {"reference": "Patient/p1"}}
    made.append(Create("Observation", encode({"resourceType": "Observation", **code}), "o"))
    members = [{"entity": {"reference": f"Patient/p{number}"}} for number in (1, 2)]
    group = {"resourceType": "Group", "type": "person", "actual": True, "member": members}
    await store.commit([*made, Create("Group", encode(group), "g")], OPEN)
