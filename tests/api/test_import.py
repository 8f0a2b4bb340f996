"""$import: files of other servers and of a folder become resources; what is refused is told with file and line."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from api_client import Client, issues
from bulk_client import ASYNC, JSON, bulk_client, finished, manifest_of
from key_server import KeyServer, key_server
from smart_client import JWKS, secured, token
from stored_resources import observation, patient

from fhir_service.fhir.access import OPEN
from fhir_service.fhir.audit_events import AccessRecord
from fhir_service.storage.access_records import AccessRecords
from fhir_service.storage.clients import Client as Registered
from fhir_service.storage.repository import Create, Repository
from fhir_service.workflows import import_source, run_import

IMPORT = "/fhir/$import"
KICK_OFF = {**ASYNC, "content-type": JSON}


def lines(*resources: bytes) -> bytes:
    return b"".join(one + b"\n" for one in resources)


def asked(*inputs: tuple[str, str], **members: Any) -> dict[str, Any]:
    files = [{"type": kind, "url": url} for kind, url in inputs]
    return {"inputFormat": "application/fhir+ndjson", "inputSource": "https://a.example", "input": files} | members


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[KeyServer]:
    monkeypatch.setattr(run_import, "_PAUSE_SECONDS", 0.0)
    with key_server() as told:
        yield told


@pytest_asyncio.fixture
async def client(repository: Repository, tmp_path: Path) -> AsyncIterator[Client]:
    (tmp_path / "in" / "sub").mkdir(parents=True)
    async with importing(repository, tmp_path) as client:
        yield client


def importing(repository: Repository, tmp_path: Path, **changes: Any) -> Any:
    given = {
        "import_private_hosts": ("localhost",),
        "import_hosts": ("127.0.0.1", "nowhere.invalid"),
        "import_folder": str(tmp_path / "in"),
        "import_workers": 0,
        "import_file_bytes": 60_000,
        "max_body_bytes": 20_000,
    }
    return bulk_client(repository, tmp_path / "jobs", **given | changes)


async def imported(client: Client, *inputs: tuple[str, str]) -> dict[str, Any]:
    taken = await client.post(IMPORT, json=asked(*inputs), headers=KICK_OFF)
    assert taken.status_code == 202, taken.text
    return await manifest_of(client, taken.headers["content-location"])


async def told(client: Client, item: dict[str, Any]) -> list[tuple[str, int, str]]:
    """File, line and text of each outcome of a file of errors."""
    answered = await client.get(item["url"], headers={"accept": "application/fhir+ndjson"})
    found = [json.loads(line) for line in answered.content.splitlines()]
    assert len(found) == item["count"]
    return [
        (
            one["extension"][0]["valueString"],
            one["issue"][0].get("extension", [{"valueInteger": 0}])[0]["valueInteger"],
            one["issue"][0]["diagnostics"],
        )
        for one in found
    ]


async def test_files_of_a_server_and_of_the_folder_are_imported_in_any_order(
    client: Client, server: KeyServer, tmp_path: Path
) -> None:
    url = f"http://localhost:{server.port}"
    about = [observation(f"Patient/p{number}", id=f"o{number}") for number in range(3)]
    server.pages["/o.ndjson?sig=secret"] = lines(*about, patient(id="p0"), b"{", observation(id="o1", status="nope"))
    (tmp_path / "in" / "sub" / "p.ndjson.gz").write_bytes(
        gzip.compress(lines(*(patient(id=f"p{n}") for n in range(3))))
    )
    inputs = ("Observation", f"{url}/o.ndjson?sig=secret"), ("Patient", "file:sub/p.ndjson.gz")
    manifest = await imported(client, *inputs)
    assert [(one["inputUrl"], one["count"]) for one in manifest["output"]] == [(inputs[0][1], 3), (inputs[1][1], 3)]
    assert manifest["output"][0]["extension"] == {"created": 3, "updated": 0, "unchanged": 0}
    assert manifest["request"] == "http://localhost/fhir/$import"
    (error,) = manifest["error"]
    assert error["inputUrl"] == inputs[0][1]
    assert await told(client, error) == [
        (f"{url}/o.ndjson", 4, "the file is of Observation, and this is a Patient"),
        (f"{url}/o.ndjson", 5, "not JSON at line 1, column 2: Expecting property name enclosed in double quotes"),
        (f"{url}/o.ndjson", 6, next(text for _, line, text in await told(client, error) if line == 6)),
    ]
    found = (await client.get("/fhir/Observation?patient=p1&_include=Observation:patient")).json()
    assert {entry["resource"]["id"] for entry in found["entry"]} == {"o1", "p1"}
    again = await imported(client, *inputs)
    assert [one["extension"]["unchanged"] for one in again["output"]] == [3, 3]
    assert {(await client.get(f"/fhir/Patient/p{n}")).json()["meta"]["versionId"] for n in range(3)} == {"1"}


async def test_what_was_written_is_an_audit_event(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "p.ndjson").write_bytes(lines(patient(id="a"), patient(id="b")))
    async with importing(repository, tmp_path, audit="on") as client:
        await imported(client, ("Patient", "file:p.ndjson"))
        found = (await client.get("/fhir/AuditEvent?patient=b")).json()
    (event,) = [entry["resource"] for entry in found["entry"]]
    assert event["action"] == "E"
    assert {entity["what"]["reference"] for entity in event["entity"] if "what" in entity} >= {"Patient/a", "Patient/b"}


async def test_what_a_run_wrote_that_was_broken_off_before_it_was_told_is_told_by_the_next(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add, broken = AccessRecords.add, []

    async def break_off(records: AccessRecords, some: Sequence[AccessRecord], *attempt: Any) -> None:
        if some[0].interaction == "import" and "Patient" in str(some[0].resources) and not broken:
            broken.append(some)
            raise RuntimeError("the process is gone")
        await add(records, some, *attempt)

    monkeypatch.setattr(AccessRecords, "add", break_off)
    monkeypatch.setattr("fhir_service.storage.jobs._RETRY_MILLISECONDS", -1000)  # at once: the worker does not wait
    await repository.commit([Create("Patient", patient(), "before")], OPEN)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "p.ndjson").write_bytes(lines(patient(id="before"), patient(id="a"), patient(id="b")))
    async with importing(repository, tmp_path, audit="on") as client:
        await imported(client, ("Patient", "file:p.ndjson"))
        assert broken
        for name, there in (("a", True), ("b", True), ("before", False)):
            assert ("entry" in (await client.get(f"/fhir/AuditEvent?patient={name}")).json()) is there


async def test_parameters_say_the_same_as_json(client: Client, tmp_path: Path) -> None:
    (tmp_path / "in" / "p.ndjson").write_bytes(patient(id="a"))
    file = [{"name": "type", "valueCode": "Patient"}, {"name": "url", "valueUrl": "file:p.ndjson"}]
    parameters = [
        {"name": "inputFormat", "valueCode": "application/fhir+ndjson"},
        {"name": "inputSource", "valueUri": "https://a.example"},
        {"name": "storageDetail", "part": [{"name": "type", "valueCode": "file"}]},
        {"name": "input", "part": file},
    ]
    body = {"resourceType": "Parameters", "parameter": parameters}
    taken = await client.post(IMPORT, json=body, headers=ASYNC)
    assert (await manifest_of(client, taken.headers["content-location"]))["output"][0]["count"] == 1


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("/etc/passwd", "it is no plain https URL"),
        ("file:/etc/passwd", "no name of a file"),
        ("file:../secret.ndjson", "no name of a file"),
        ("file:sub/../../secret.ndjson", "no name of a file"),
        ("file:..\\secret.ndjson", "no name of a file"),
        ("file:", "no name of a file"),
        ("file:link.ndjson", "has no such file"),
        ("file:none.ndjson", "has no such file"),
        ("file:sub", "has no such file"),
        ("http://nowhere.invalid/p.ndjson", "no https URL"),
        ("https://169.254.169.254/latest", "not among the hosts"),
        ("https://a@nowhere.invalid/p.ndjson", "no plain https URL"),
        ("s3://bucket/p.ndjson", "not among the hosts"),
    ],
)
async def test_what_may_not_be_read_is_refused_at_once(
    idle_connect: Callable[..., Client], tmp_path: Path, url: str, reason: str
) -> None:
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "secret.ndjson").write_bytes(patient(id="secret"))
    (tmp_path / "in" / "link.ndjson").symlink_to(tmp_path / "secret.ndjson")
    client = idle_connect(import_folder=str(tmp_path / "in"), import_hosts=("nowhere.invalid",))
    answered = await client.post(IMPORT, json=asked(("Patient", url)), headers=KICK_OFF)
    assert answered.status_code == 400
    (issue,) = issues(answered)
    assert reason in issue["diagnostics"]
    assert issue["expression"] == ["input[0].url"]


@pytest.mark.parametrize(
    ("members", "expression"),
    [
        ({"inputFormat": "text/csv"}, "inputFormat"),
        ({"inputSource": 1}, "inputSource"),
        ({"input": []}, "input"),
        ({"input": [{"type": "Patient"}]}, "input[0].url"),
        ({"input": [{"type": "Nobody", "url": "file:p"}]}, "input[0].type"),
        ({"input": [{"type": "Patient", "url": "file:p", "token": "x"}]}, "input[0].token"),
        ({"storageDetail": {"type": "aws-s3"}}, "storageDetail.type"),
        ({"mode": "transaction"}, "mode"),
    ],
)
async def test_what_is_not_understood_is_refused(
    idle_connect: Callable[..., Client], tmp_path: Path, members: dict[str, Any], expression: str
) -> None:
    (tmp_path / "p.ndjson").write_bytes(patient(id="a"))
    client = idle_connect(import_folder=str(tmp_path))
    answered = await client.post(IMPORT, json=asked(("Patient", "file:p.ndjson"), **members), headers=KICK_OFF)
    assert answered.status_code == 400
    assert issues(answered)[0]["expression"] == [expression]


async def test_a_file_that_cannot_be_had_is_told_and_the_others_are_imported(
    client: Client, server: KeyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"http://localhost:{server.port}"
    whole = gzip.compress(lines(*(patient(id=f"p{n}", language=f"l{n * 7919}") for n in range(500))))
    server.pages["/cut.ndjson.gz"] = whole[: len(whole) // 2]
    server.pages["/huge.ndjson"] = lines(patient(id="small"), patient(language="x" * 30_000), patient(id="last"))
    server.pages["/long.ndjson"] = lines(*(patient(id=f"l{n}") for n in range(2000)))
    (tmp_path / "in" / "p.ndjson").write_bytes(patient(id="a"))
    inputs = [
        ("Patient", f"{url}/cut.ndjson.gz"),
        ("Patient", f"{url}/huge.ndjson"),
        ("Patient", f"{url}/long.ndjson"),
        ("Patient", "https://127.0.0.1/p.ndjson"),
        ("Patient", "https://nowhere.invalid/p.ndjson"),
        ("Patient", "file:p.ndjson"),
    ]
    manifest = await imported(client, *inputs)
    counts = {one["inputUrl"]: one["count"] for one in manifest["output"]}
    assert counts.pop(inputs[0][1]) > 100
    assert counts.pop(inputs[2][1]) < 2000
    assert list(counts.values()) == [2, 0, 0, 1]
    reasons = {one["inputUrl"]: (await told(client, one))[0][2] for one in manifest["error"]}
    assert [reasons[one].partition(" (")[0].partition(";")[0] for _, one in inputs[:5]] == [
        "the gzip data is damaged or cut off",
        "it is larger than 20,000 bytes",
        "the file is larger than 60,000 bytes",
        "127.0.0.1 has a private address, and is not among FHIR_SERVICE_IMPORT_PRIVATE_HOSTS",
        "nowhere.invalid has no address",
    ]
    monkeypatch.setattr(import_source._Body, "readinto", lambda *_: (_ for _ in ()).throw(OSError("cut off")))
    (error,) = (await imported(client, inputs[1]))["error"]
    assert (await told(client, error))[0][2].startswith("it cannot be read to its end; what stands behind line 0")
    server.status = 404
    (error,) = (await imported(client, inputs[1]))["error"]
    assert (await told(client, error))[0][2].startswith("the server answers 404")


async def test_an_import_can_be_ended_and_is_then_not_found(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "p.ndjson").write_bytes(patient(id="a"))
    async with importing(repository, tmp_path, run_jobs=False, max_imports=1) as client:
        body = asked(("Patient", "file:p.ndjson"))
        status = (await client.post(IMPORT, json=body, headers=KICK_OFF)).headers["content-location"]
        assert (await client.get(status)).headers["x-progress"] == "0 of 1 files, 0 resources"
        assert (await client.get(f"{status}/errors-1.ndjson")).status_code == 404
        assert (await client.get(status.replace("_import", "_export"))).status_code == 404
        assert (await client.post(IMPORT, json=body, headers=KICK_OFF)).status_code == 429
        assert (await client.delete(status)).status_code == 202
        assert (await finished(client, status)).status_code == 404
        assert (await client.post(IMPORT, json=body, headers=KICK_OFF)).status_code == 202


async def test_whoever_may_not_write_all_of_a_type_may_not_import_it(repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "p.ndjson").write_bytes(patient(id="a"))
    for name in ("one", "another"):
        await repository.clients.add(Registered(name, "", "system/*.cruds", jwks=json.dumps(JWKS)))
    async with secured(repository, import_folder=str(tmp_path), export_files=str(tmp_path / "jobs")) as client:

        async def sent(scope: str) -> httpx.Response:
            header = await token(client, "one", scope)
            return await client.post(IMPORT, json=asked(("Patient", "file:p.ndjson")), headers={**KICK_OFF, **header})

        for scope in ("system/Patient.c", "system/Observation.cu", "system/*.rs", "system/Patient.cu?_id=a"):
            assert (await sent(scope)).status_code == 403, scope
        taken = await sent("system/Patient.cu")
        assert taken.status_code == 202
        status = taken.headers["content-location"]
        another = await token(client, "another", "system/*.cruds")
        assert (await client.get(status, headers=another)).status_code == 404
        assert (await client.delete(status, headers=another)).status_code == 404
        assert (await client.get(status)).status_code == 401
    assert await repository.newest([("Patient", "a")], OPEN) == {}
