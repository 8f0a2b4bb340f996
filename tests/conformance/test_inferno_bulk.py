"""Inferno's Bulk Data v2.0.0 server suite (kit 0.13.0): each of its tests as a case named by its id.

What a case asserts is what the test of that id asserts (docs/conformance/inferno-bulk.md), on a socket, with access
control and TLS. `well_known_capabilities_stu2` is not among them: it wants an authorization endpoint, which a server
for programs alone does not have.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import time
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from bulk_client import ASYNC
from smart_client import ASSERTION_TYPE, Signer, form
from tls_front import certificate, tls_front

from fhir_service.validation.structure import findings

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "conformance" / "inferno-bulk.md"
CONTRACT = ROOT.parent / "shared" / "contract" / "bulk-and-smart.md"
LEFT_OUT = {"well_known_capabilities_stu2"}
LEVELS = {"group": "Group/g/$export", "patient": "Patient/$export", "system": "$export"}
HOLDERS = {"group": "Group", "patient": "Patient", "system": ""}
SHALL_BE_THERE = {"transactionTime", "request", "requiresAccessToken", "output", "error"}
FORMATS = ("application/fhir+ndjson", "application/ndjson", "ndjson")
JSON = {"accept": "application/json"}
FORM = {"accept": "application/json", "content-type": "application/x-www-form-urlencoded"}
pytestmark = pytest.mark.xdist_group("inferno")


def inferno(*ids: str) -> pytest.MarkDecorator:
    """The tests of the kit that a case is, `{l}` for each level; the case is told the level, empty for none."""
    named = [one.replace("{l}", level) for one in ids for level in (LEVELS if "{l}" in one else ("",))]
    level_of = {one: next((level for level in LEVELS if f"_{level}_" in one), "") for one in named}
    return pytest.mark.parametrize("level", [pytest.param(level_of[one], id=one) for one in named])


class Kit:
    """Asks as the kit does, and remembers by level what was answered."""

    def __init__(self, server: Any) -> None:
        self.base: str = server.base
        self.http: httpx.AsyncClient = server.http
        self.bearer: dict[str, str] = {}
        self.statuses: dict[str, httpx.Response] = {}

    async def configuration(self) -> httpx.Response:
        return await self.http.get(f"{self.base}/.well-known/smart-configuration", headers=JSON)

    async def token(self, **changes: str) -> httpx.Response:
        url = (await self.configuration()).json()["token_endpoint"]
        sent = form(Signer("reader").assertion(aud=url), "system/*.read") | changes
        return await self.http.post(url, data=sent, headers=FORM)

    async def authorized(self) -> dict[str, str]:
        if not self.bearer:
            self.bearer = {"authorization": f"Bearer {(await self.token()).json()['access_token']}"}
        return self.bearer

    async def kick_off(self, level: str, **parameters: str) -> httpx.Response:
        headers = ASYNC | await self.authorized()
        return await self.http.get(f"{self.base}/{LEVELS[level]}", params=parameters, headers=headers)

    async def cancel(self, begun: httpx.Response) -> httpx.Response:
        return await self.http.delete(begun.headers["content-location"], headers=await self.authorized())

    async def status(self, level: str) -> httpx.Response:
        """Of an export of that level, when it is complete."""
        if level not in self.statuses:
            address = (await self.kick_off(level)).headers["content-location"]
            deadline = time.monotonic() + 180
            while (said := await self.http.get(address, headers=JSON | await self.authorized())).status_code == 202:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.01)
            self.statuses[level] = said
        return self.statuses[level]

    async def output(self, level: str) -> list[dict[str, Any]]:
        items = (await self.status(level)).json()["output"]
        assert items
        return list(items)

    async def files(self, level: str) -> list[tuple[str, httpx.Response]]:
        headers = {"accept": "application/fhir+ndjson"} | await self.authorized()
        return [(one["type"], await self.http.get(one["url"], headers=headers)) for one in await self.output(level)]


@pytest.fixture(scope="session")
def kit(bulk_server: Any) -> Kit:
    return Kit(bulk_server)


@inferno("bulk_data_{l}_export_operation_support")
async def test_the_capability_statement_tells_the_operation(kit: Kit, level: str) -> None:
    statement = (await kit.http.get(f"{kit.base}/metadata")).json()
    assert "http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data" in statement["instantiates"]
    rest = statement["rest"][0]
    held = {"": rest} | {one["type"]: one for one in rest["resource"]}
    assert "export" in [one["name"] for one in held[HOLDERS[level]]["operation"]]


@inferno("bulk_data_{l}_no_auth_reject")
async def test_a_kick_off_without_a_token_is_refused(kit: Kit, level: str) -> None:
    assert (await kit.http.get(f"{kit.base}/{LEVELS[level]}", headers=ASYNC)).status_code in (400, 401)


@inferno("bulk_data_{l}_kick_off")
async def test_a_kick_off_is_accepted_and_names_its_status(kit: Kit, level: str) -> None:
    begun = await kit.kick_off(level)
    assert begun.status_code == 202
    assert begun.headers["content-location"].startswith(f"{kit.base}/")
    await kit.cancel(begun)


@inferno("bulk_data_{l}_status_check")
async def test_the_status_becomes_a_manifest(kit: Kit, level: str) -> None:
    done = await kit.status(level)
    assert (done.status_code, done.headers["content-type"]) == (200, "application/json")
    assert done.json().keys() >= SHALL_BE_THERE


@inferno("bulk_data_{l}_output_check")
async def test_each_file_has_a_type_and_an_absolute_url(kit: Kit, level: str) -> None:
    for item in await kit.output(level):
        assert item["type"]
        assert re.fullmatch(r"https?://[^/\s]+/\S+", item["url"])


@inferno("bulk_data_{l}_ndjson_download")
async def test_a_file_wants_the_token_that_the_manifest_says_it_wants(kit: Kit, level: str) -> None:
    assert (await kit.status(level)).json()["requiresAccessToken"] is True
    for item in await kit.output(level):
        assert (await kit.http.get(item["url"])).status_code in (400, 401)
    assert {answer.status_code for _, answer in await kit.files(level)} == {200}


@inferno("bulk_data_{l}_valid_resources")
async def test_each_line_is_a_valid_resource_of_the_type(kit: Kit, level: str) -> None:
    for kind, answer in await kit.files(level):
        assert answer.headers["content-type"].startswith("application/fhir+ndjson")
        lines = [json.loads(line) for line in answer.text.splitlines()]
        assert {one["resourceType"] for one in lines} == {kind}
        assert [found for one in lines for found in findings(one) if found.severity in ("error", "fatal")] == []


@inferno("bulk_data_{l}_multiple_patients")
async def test_there_are_two_patients_at_least(kit: Kit, level: str) -> None:
    (patients,) = [answer.text for kind, answer in await kit.files(level) if kind == "Patient"]
    assert len({json.loads(line)["id"] for line in patients.splitlines()}) == (2 if level == "group" else 3)


@inferno("bulk_data_export_group_cancel", "bulk_data_patient_export_cancel", "bulk_data_system_export_cancel")
async def test_an_export_can_be_cancelled(kit: Kit, level: str) -> None:
    assert (await kit.cancel(await kit.kick_off(level))).status_code == 202


@inferno("bulk_data_{l}_export_cancel_stu2")
async def test_a_cancelled_export_is_not_found(kit: Kit, level: str) -> None:
    begun = await kit.kick_off(level)
    assert (await kit.cancel(begun)).status_code == 202
    gone = await kit.http.get(begun.headers["content-location"], headers=JSON | await kit.authorized())
    assert gone.status_code == 404
    assert gone.json()["resourceType"] == "OperationOutcome"
    assert [one for one in findings(gone.json()) if one.severity in ("error", "fatal")] == []


@pytest.mark.rule("BULK-PAR-1")
@inferno("output_format_in_{l}_export_response")
async def test_each_name_of_the_format_is_taken(kit: Kit, level: str) -> None:
    for name in FORMATS:
        begun = await kit.kick_off(level, _outputFormat=name)
        assert begun.status_code == 202, begun.text
        assert (await kit.cancel(begun)).status_code == 202


@inferno("since_in_{l}_export_response")
async def test_since_is_taken(kit: Kit, level: str) -> None:
    begun = await kit.kick_off(level, _since=(datetime.now(UTC) - timedelta(days=7)).isoformat())
    assert begun.status_code == 202, begun.text
    assert (await kit.cancel(begun)).status_code == 202


@inferno("well_known_endpoint")
async def test_the_configuration_is_json(kit: Kit, level: str) -> None:
    told = await kit.configuration()
    assert told.status_code == 200
    assert told.headers["content-type"].startswith("application/json")
    assert isinstance(told.json(), dict)


@inferno("smart_backend_services_invalid_grant_type")
async def test_another_grant_type_is_refused(kit: Kit, level: str) -> None:
    assert (await kit.token(grant_type="not_a_grant_type")).status_code == 400


@inferno("smart_backend_services_invalid_client_assertion", "smart_backend_services_invalid_jwt")
async def test_another_kind_of_assertion_is_refused(kit: Kit, level: str) -> None:
    assert (await kit.token(client_assertion_type="not_an_assertion_type")).status_code in (400, 401)
    assert (await kit.token(client_assertion="not.a.jwt")).status_code in (400, 401)


@inferno("smart_backend_services_auth_request_success")
async def test_a_token_is_given(kit: Kit, level: str) -> None:
    assert (await kit.token(client_assertion_type=ASSERTION_TYPE)).status_code in (200, 201)


@inferno("smart_backend_services_auth_response_body")
async def test_the_answer_says_what_the_token_is(kit: Kit, level: str) -> None:
    told = (await kit.token()).json()
    assert told["access_token"]
    assert told["scope"]
    assert told["token_type"].lower() == "bearer"
    assert isinstance(told["expires_in"], int)


@inferno(
    "bulk_data_server_tls_version_stu2", "bulk_file_server_tls_version", "smart_backend_services_token_tls_version"
)
async def test_tls_is_of_version_1_2_at_least(kit: Kit, level: str, request: pytest.FixtureRequest) -> None:
    url = {
        "bulk_data_server_tls_version_stu2": kit.base,
        "bulk_file_server_tls_version": (await kit.output("patient"))[0]["url"],
        "smart_backend_services_token_tls_version": (await kit.configuration()).json()["token_endpoint"],
    }[request.node.callspec.id]
    assert await handshake(httpx.URL(url), ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
    assert await handshake(httpx.URL(url), ssl.TLSVersion.TLSv1_3) == "TLSv1.3"
    assert await handshake(httpx.URL(url), ssl.TLSVersion.TLSv1_1) == "refused"


async def test_our_own_client_would_speak_tls_1_1(tmp_path: Path) -> None:
    """So that it is the server that refuses it in the cases above."""
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    old.load_cert_chain(*certificate(tmp_path))
    speak(old, ssl.TLSVersion.TLSv1_1)
    async with tls_front(0, old) as port:
        assert await handshake(httpx.URL(f"https://127.0.0.1:{port}"), ssl.TLSVersion.TLSv1_1) == "TLSv1.1"


def speak(context: ssl.SSLContext, version: ssl.TLSVersion) -> None:
    """That version and no other, however old it is."""
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a version that no one should speak any more
        context.minimum_version = context.maximum_version = version


async def handshake(url: httpx.URL, version: ssl.TLSVersion) -> str:
    """The version that is agreed on with a client that speaks only that one, or `refused`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    speak(context, version)
    assert url.scheme == "https"
    try:
        _, writer = await asyncio.open_connection(url.host, url.port, ssl=context)
    except (ssl.SSLError, ConnectionResetError):
        return "refused"
    agreed: str = writer.get_extra_info("ssl_object").version()
    writer.close()
    return agreed


def ids_in(text: str) -> Iterator[str]:
    """Those in the first column of a table."""
    for line in text.splitlines():
        for name in re.findall(r"`([a-z0-9_{}]+)`", line.split("|")[1] if line.startswith("|") else ""):
            yield from (name.replace("{l}", level) for level in (LEVELS if "{l}" in name else ("",)))


@pytest.fixture
def cases(collected: list[pytest.Item]) -> set[str]:
    own = [one for one in collected if isinstance(one, pytest.Function) and one.path == Path(__file__)]
    return {one.callspec.id for one in own if hasattr(one, "callspec")}


def test_the_page_lists_every_case(cases: set[str]) -> None:
    assert set(ids_in(PAGE.read_text())) == cases


@pytest.mark.skipif(not CONTRACT.exists(), reason="the contract is not part of the repository")
def test_every_test_of_the_contract_has_a_case(cases: set[str]) -> None:
    text = CONTRACT.read_text()
    suite = text[text.index("### A7.") : text.index("## B.")] + text[text.index("### B5.") :]
    assert set(ids_in(suite)) - LEFT_OUT == cases
