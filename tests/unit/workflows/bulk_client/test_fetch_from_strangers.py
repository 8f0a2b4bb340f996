"""Exports fetched from servers that are broken or hostile: what comes is right, or it is refused with a reason."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from joserfc.jwk import ECKey
from stub_server import Asked, Reply, Stub, reply, stub_server

from fhir_service.workflows.bulk_client.client_key import ClientKey
from fhir_service.workflows.bulk_client.errors import NotExported
from fhir_service.workflows.bulk_client.fetch_export import Export, Server, fetch_export
from fhir_service.workflows.bulk_client.ledger import Ledger
from fhir_service.workflows.bulk_client.pace import Pace
from fhir_service.workflows.bulk_client.wanted import Wanted

TIME = "2026-01-01T00:00:00Z"
KEY = ClientKey(ECKey.generate_key("P-384", private=True), "k", "ES384")
LINES = b"".join(json.dumps({"resourceType": "Patient", "id": f"p{number}"}).encode() + b"\n" for number in range(50))
HALF = len(LINES) // 2
WHOLE_LINES = LINES.index(b"\n", HALF) + 1
ALL = Wanted()


class Time:
    """Passes while somebody sleeps, and not otherwise."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


class Unwatched:
    def waits(self, progress: str) -> None: ...
    def fetches(self, files: int, resources: int | None) -> None: ...
    def came(self, file: str, resources: int) -> None: ...


@pytest_asyncio.fixture
async def stub() -> AsyncIterator[Stub]:
    """A server whose export is one file of fifty patients."""
    async with stub_server() as made:
        location = {"Content-Location": f"{made.origin}/fhir/status"}
        made.routes = {
            "GET /fhir/$export": Reply(202, headers=location),
            "GET /fhir/status": reply(manifest(made)),
            "GET /file": Reply(body=LINES),
            "DELETE /fhir/status": Reply(202),
        }
        yield made


@pytest_asyncio.fixture
async def elsewhere() -> AsyncIterator[Stub]:
    """A server of another origin."""
    async with stub_server() as made:
        made.routes = {"GET /file": Reply(body=LINES)}
        yield made


@pytest.fixture
def time() -> Time:
    return Time()


def manifest(stub: Stub, *output: dict[str, Any], needs_token: bool = False, **more: Any) -> dict[str, Any]:
    items = list(output) or [{"type": "Patient", "url": f"{stub.origin}/file", "count": 50}]
    return {"transactionTime": TIME, "request": "", "requiresAccessToken": needs_token, "error": [], **more} | {
        "output": items
    }


async def fetched(stub: Stub, folder: Path, time: Time, wanted: Wanted = ALL, **server: Any) -> Export:
    ledger = Ledger(folder)
    try:
        pace = Pace(tries=3, in_all=3600.0, sleep=time.sleep, clock=time)
        return await fetch_export(Server(f"{stub.origin}/fhir", **server), wanted, ledger, Unwatched(), pace)
    finally:
        ledger.close()


async def refused(stub: Stub, folder: Path, time: Time, **server: Any) -> str:
    with pytest.raises(NotExported) as caught:
        await fetched(stub, folder, time, **server)
    return str(caught.value)


def with_tokens(stub: Stub, *tokens: str, seconds: float = 300) -> dict[str, Any]:
    """The server wants tokens, and gives these one after the other."""
    stub.routes["GET /fhir/.well-known/smart-configuration"] = reply({"token_endpoint": f"{stub.origin}/token"})
    granted = [reply({"access_token": one, "token_type": "Bearer", "expires_in": seconds}) for one in tokens]
    stub.routes["POST /token"] = granted
    return {"client_id": "me", "key": KEY}


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.rglob("*"))


def bearers(asked: list[Asked]) -> list[str]:
    return [one.headers.get("authorization", "") for one in asked]


async def test_an_export_is_fetched_and_the_job_dropped(stub: Stub, tmp_path: Path, time: Time) -> None:
    done = await fetched(stub, tmp_path, time)
    assert (tmp_path / "Patient.000.ndjson").read_bytes() == LINES
    assert (done.counts["Patient"], done.transaction_time) == (50, TIME)
    assert [one.target for one in stub.asked if one.method == "DELETE"] == ["/fhir/status"]
    assert "/fhir/$export" in stub.asked[0].target
    assert stub.asked[0].headers["prefer"] == "respond-async"


async def test_polling_waits_as_long_as_the_server_says_and_else_longer_each_time(
    stub: Stub, tmp_path: Path, time: Time
) -> None:
    running = [
        Reply(202),
        Reply(202),
        Reply(202, headers={"Retry-After": "7"}),
        Reply(429, headers={"Retry-After": "9"}),
    ]
    stub.routes["GET /fhir/status"] = [*running, Reply(202, headers={"Retry-After": "-5"}), reply(manifest(stub))]
    await fetched(stub, tmp_path, time)
    assert time.waits == [1, 2, 7, 9, 8]


async def test_an_export_without_end_is_left_and_can_be_gone_on_with(stub: Stub, tmp_path: Path, time: Time) -> None:
    stub.routes["GET /fhir/status"] = Reply(202, headers={"X-Progress": "\x1b[2J for ever"})
    assert "not complete yet" in await refused(stub, tmp_path, time)
    assert time.now <= 3600
    assert len(stub.sent("/fhir/status")) < 100
    stub.routes["GET /fhir/status"] = reply(manifest(stub))
    await fetched(stub, tmp_path, time)
    assert len(stub.sent("/fhir/$export")) == 1


async def test_a_wait_that_nobody_has_time_for_ends_it(stub: Stub, tmp_path: Path, time: Time) -> None:
    stub.routes["GET /fhir/status"] = Reply(202, headers={"Retry-After": "999999999999"})
    assert "not complete yet" in await refused(stub, tmp_path, time)


@pytest.mark.parametrize("packed", [False, True], ids=["as it is", "gzip"])
async def test_a_file_that_breaks_off_goes_on_where_it_was(
    stub: Stub, tmp_path: Path, time: Time, packed: bool
) -> None:
    whole = gzip.compress(LINES) if packed else LINES
    coding = {"Content-Encoding": "gzip", "ETag": 'W/"f"'} if packed else {"ETag": '"f"'}

    def file(asked: Asked) -> Reply:
        if "range" not in asked.headers:
            return Reply(body=whole, headers=coding, cut=len(whole) // 2)
        begin = int(asked.headers["range"].removeprefix("bytes=").removesuffix("-"))
        content_range = f"bytes {begin}-{len(LINES) - 1}/{len(LINES)}"
        return Reply(206, LINES[begin:], {"Content-Range": content_range, "ETag": '"f"'})

    stub.routes["GET /file"] = file
    await fetched(stub, tmp_path, time)
    assert (tmp_path / "Patient.000.ndjson").read_bytes() == LINES
    first, second = stub.sent("/file")
    assert first.headers["accept-encoding"] == "gzip"
    assert int(second.headers["range"][6:-1]) > 0
    assert second.headers.get("if-range") == (None if packed else '"f"')


@pytest.mark.parametrize(
    "second",
    [
        Reply(200, LINES),
        Reply(206, LINES[5:], {"Content-Range": f"bytes 5-{len(LINES) - 1}/{len(LINES)}"}),
        Reply(206, LINES[HALF:], {"Content-Range": f"bytes {HALF}-{len(LINES) - 1}/{len(LINES)}", "ETag": '"other"'}),
        Reply(416, headers={"Content-Range": "bytes */3"}),
    ],
    ids=["whole", "from elsewhere", "of another file", "nothing there"],
)
async def test_what_is_not_the_rest_of_the_same_file_is_fetched_anew(
    stub: Stub, tmp_path: Path, time: Time, second: Reply
) -> None:
    stub.routes["GET /file"] = [Reply(body=LINES, headers={"ETag": '"f"'}, cut=HALF), second, Reply(body=LINES)]
    await fetched(stub, tmp_path, time)
    assert (tmp_path / "Patient.000.ndjson").read_bytes() == LINES


async def test_a_file_without_a_length_that_ends_early_is_noticed_by_its_count(
    stub: Stub, tmp_path: Path, time: Time
) -> None:
    rest = {"Content-Range": f"bytes {WHOLE_LINES}-{len(LINES) - 1}/{len(LINES)}"}
    stub.routes["GET /file"] = [Reply(body=LINES[:WHOLE_LINES], length=False), Reply(206, LINES[WHOLE_LINES:], rest)]
    await fetched(stub, tmp_path, time)
    assert (tmp_path / "Patient.000.ndjson").read_bytes() == LINES


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (LINES + b'{"resourceType":"Patient"}\n', "more lines than the 50"),
        (LINES[:WHOLE_LINES], "manifest says 50"),
        (LINES.replace(b"Patient", b"Practitioner"), "'Practitioner', and not Patient"),
        (b"<html>please log in</html>", "no resource in JSON"),
        (LINES[:-3], "no resource in JSON"),
        (b"\x00" * 100, "no resource in JSON"),
    ],
    ids=["too many", "too few", "another type", "HTML", "cut line", "zeros"],
)
async def test_a_file_that_is_not_what_the_manifest_says_is_refused(
    stub: Stub, tmp_path: Path, time: Time, body: bytes, reason: str
) -> None:
    stub.routes["GET /file"] = lambda asked: Reply(416 if "range" in asked.headers else 200, body)
    assert reason in await refused(stub, tmp_path, time)
    assert not (tmp_path / "Patient.000.ndjson").exists()


async def test_gzip_without_a_length_that_breaks_off_is_noticed(stub: Stub, tmp_path: Path, time: Time) -> None:
    """Its lines may be whole and nobody said how many there are: it is its own end that is missing."""
    packed = gzip.compress(LINES)
    stub.routes["GET /fhir/status"] = reply(manifest(stub, {"type": "Patient", "url": f"{stub.origin}/file"}))
    coding = {"Content-Encoding": "gzip"}
    broken = Reply(body=packed[:-4], headers=coding, length=False)
    stub.routes["GET /file"] = [broken, Reply(416), Reply(body=packed, headers=coding, length=False)]
    await fetched(stub, tmp_path, time)
    assert len(stub.sent("/file")) == 3
    assert (tmp_path / "Patient.000.ndjson").read_bytes() == LINES


async def test_a_file_that_was_whole_when_the_process_ended_is_not_fetched_again(
    stub: Stub, tmp_path: Path, time: Time
) -> None:
    stub.routes["GET /file"] = Reply(403)
    await refused(stub, tmp_path, time)
    (tmp_path / "Patient.000.ndjson.part").write_bytes(LINES)
    stub.routes["GET /file"] = Reply(416, headers={"Content-Range": f"bytes */{len(LINES)}"})
    assert (await fetched(stub, tmp_path, time)).counts["Patient"] == 50


async def test_a_file_that_a_lost_machine_left_with_holes_is_fetched_again(
    stub: Stub, tmp_path: Path, time: Time
) -> None:
    stub.routes["GET /file"] = Reply(403)
    await refused(stub, tmp_path, time)
    (tmp_path / "Patient.000.ndjson.part").write_bytes(LINES[:HALF] + b"\x00" * 100 + b"\n")
    stub.routes["GET /file"] = Reply(body=LINES)
    await fetched(stub, tmp_path, time)
    assert "range" not in stub.sent("/file")[-1].headers
    assert (tmp_path / "Patient.000.ndjson").read_bytes() == LINES


async def test_links_that_have_run_out_are_asked_for_again(stub: Stub, tmp_path: Path, time: Time) -> None:
    def listed(signature: str) -> Reply:
        items = [{"type": "Patient", "url": f"{stub.origin}/{name}?s={signature}"} for name in "abcde"]
        return reply(manifest(stub, *items))

    def file(asked: Asked) -> Reply:
        old = asked.target.endswith("s=old")
        return Reply(403) if old and len(stub.asked) > 4 else Reply(body=LINES)

    stub.routes |= {f"GET /{name}": file for name in "abcde"}
    stub.routes["GET /fhir/status"] = [listed("old"), listed("new")]
    assert (await fetched(stub, tmp_path, time)).counts["Patient"] == 250
    assert len(stub.sent("/fhir/status")) == 3  # begun, run out, dropped


async def test_what_unpacks_without_end_is_refused_at_the_first_wrong_line(
    stub: Stub, tmp_path: Path, time: Time
) -> None:
    bomb = gzip.compress(b"\n".join([b"x" * 1000] * 5000))
    stub.routes["GET /file"] = Reply(body=bomb, headers={"Content-Encoding": "gzip"})
    assert "no resource in JSON" in await refused(stub, tmp_path, time)


@pytest.mark.parametrize(
    "kind",
    ["../../etc/passwd", "Patient/../../x", "/etc/cron.d/x", "..", "", "Patient.ndjson\x00", "Nothing", "Element"],
)
async def test_no_name_of_a_server_becomes_the_name_of_a_file(
    stub: Stub, tmp_path: Path, time: Time, kind: str
) -> None:
    stub.routes["GET /fhir/status"] = reply(manifest(stub, {"type": kind, "url": f"{stub.origin}/file"}))
    assert "a file under output whose type is" in await refused(stub, tmp_path / "in", time)
    assert names(tmp_path) == ["exports.ndjson", "in"]


async def test_a_path_in_the_address_of_a_file_names_nothing_here(stub: Stub, tmp_path: Path, time: Time) -> None:
    url = f"{stub.origin}/%2e%2e/..%2f..%2fetc/passwd"
    stub.routes["GET /%2e%2e/..%2f..%2fetc/passwd"] = Reply(body=LINES)
    stub.routes["GET /fhir/status"] = reply(manifest(stub, {"type": "Patient", "url": url}))
    await fetched(stub, tmp_path, time)
    assert names(tmp_path) == ["Patient.000.ndjson", "exports.ndjson"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"transactionTime": "yesterday"}, "no instant"),
        ({"requiresAccessToken": "perhaps"}, "requiresAccessToken"),
        ({"output": {}}, "output"),
        ({"output": [{"type": "Patient", "url": "file:///etc/passwd"}]}, "no plain http"),
        ({"output": [{"type": "Patient", "url": "/file"}]}, "no plain http"),
        ({"output": [{"type": "Patient", "url": "u", "count": 1}] * 2}, "twice the same"),
        ({"output": [{"type": "Patient", "url": "u", "count": -1}]}, "fewer than none"),
        ({"deleted": [{"type": "Patient", "url": "u"}]}, "under deleted"),
    ],
)
async def test_a_manifest_that_cannot_be_right_is_refused(
    stub: Stub, tmp_path: Path, time: Time, changes: dict[str, Any], reason: str
) -> None:
    stub.routes["GET /fhir/status"] = reply(manifest(stub) | changes)
    assert reason in await refused(stub, tmp_path, time)


async def test_the_pages_of_a_manifest_are_one(stub: Stub, tmp_path: Path, time: Time) -> None:
    page = {"link": [{"relation": "next", "url": f"{stub.origin}/page"}]}
    stub.routes["GET /fhir/status"] = reply(manifest(stub) | page)
    stub.routes["GET /page"] = [
        Reply(202, headers={"Retry-After": "1"}),
        reply(manifest(stub, {"type": "Patient", "url": f"{stub.origin}/more"})),
    ]
    stub.routes["GET /more"] = Reply(body=LINES)
    assert (await fetched(stub, tmp_path, time)).counts["Patient"] == 100
    assert names(tmp_path) == ["Patient.000.ndjson", "Patient.001.ndjson", "exports.ndjson"]


async def test_a_manifest_that_leads_back_to_itself_is_refused(stub: Stub, tmp_path: Path, time: Time) -> None:
    stub.routes["GET /fhir/status"] = reply(
        manifest(stub) | {"link": [{"relation": "next", "url": f"{stub.origin}/fhir/status"}]}
    )
    assert "without end" in await refused(stub, tmp_path, time)


async def test_files_that_change_between_two_runs_are_refused(stub: Stub, tmp_path: Path, time: Time) -> None:
    stub.routes["GET /file"] = Reply(403)
    assert "403" in await refused(stub, tmp_path, time)
    changed = {"type": "Patient", "url": f"{stub.origin}/file", "count": 49}
    stub.routes["GET /fhir/status"] = reply(manifest(stub, changed))
    assert "other files than before" in await refused(stub, tmp_path, time)


async def test_an_export_that_the_server_has_no_longer_is_begun_anew_by_the_next_run(
    stub: Stub, tmp_path: Path, time: Time
) -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": [{"diagnostics": "expired \x1b[31m long ago"}]}
    stub.routes["GET /fhir/status"] = [reply(outcome, 404), reply(manifest(stub))]
    assert "404 to the question how far the export is: expired  [31m long ago" in await refused(stub, tmp_path, time)
    await fetched(stub, tmp_path, time)
    assert len(stub.sent("/fhir/$export")) == 2


async def test_the_token_goes_with_what_wants_it_and_is_renewed_before_it_ends(
    stub: Stub, tmp_path: Path, time: Time
) -> None:
    server = with_tokens(stub, "t1", "t2", "t3", seconds=10)
    stub.routes["GET /fhir/status"] = [
        Reply(202, headers={"Retry-After": "9"}),
        reply(manifest(stub, needs_token=True)),
    ]
    await fetched(stub, tmp_path, time, **server)
    assert bearers(stub.sent("/fhir/$export")) == ["Bearer t1"]
    assert bearers(stub.sent("/fhir/status")) == ["Bearer t1", "Bearer t2", "Bearer t2"]
    assert bearers(stub.sent("/file")) == ["Bearer t2"]
    assert "scope=system%2F%2A.read" in stub.sent("/token")[0].body


async def test_a_token_that_is_not_taken_is_replaced_once(stub: Stub, tmp_path: Path, time: Time) -> None:
    server = with_tokens(stub, "old", "new")

    def status(asked: Asked) -> Reply:
        return reply(manifest(stub)) if asked.headers["authorization"] == "Bearer new" else Reply(401)

    stub.routes["GET /fhir/status"] = status
    await fetched(stub, tmp_path, time, **server)
    stub.routes["GET /fhir/status"] = Reply(401)
    assert "401" in await refused(stub, tmp_path / "again", time, **server)


async def test_a_file_that_wants_no_token_gets_none_wherever_it_is(
    stub: Stub, elsewhere: Stub, tmp_path: Path, time: Time
) -> None:
    items = [{"type": "Patient", "url": f"{one.origin}/file"} for one in (stub, elsewhere)]
    stub.routes["GET /fhir/status"] = reply(manifest(stub, *items))
    await fetched(stub, tmp_path, time, **with_tokens(stub, "t"))
    assert bearers(stub.sent("/file")) == bearers(elsewhere.asked) == [""]


async def test_a_file_of_another_origin_that_wants_the_token_is_not_asked_for_unless_a_person_says_so(
    stub: Stub, elsewhere: Stub, tmp_path: Path, time: Time
) -> None:
    item = {"type": "Patient", "url": f"{elsewhere.origin}/file"}
    stub.routes["GET /fhir/status"] = reply(manifest(stub, item, needs_token=True))
    server = with_tokens(stub, "t")
    assert f"--trust {elsewhere.origin}" in await refused(stub, tmp_path, time, **server)
    assert elsewhere.asked == []
    await fetched(stub, tmp_path, time, **server, trusted=(elsewhere.origin,))
    assert bearers(elsewhere.asked) == ["Bearer t"]


async def test_a_redirect_of_a_file_leaves_the_token_behind(
    stub: Stub, elsewhere: Stub, tmp_path: Path, time: Time
) -> None:
    stub.routes["GET /fhir/status"] = reply(manifest(stub, needs_token=True))
    stub.routes["GET /file"] = Reply(302, headers={"Location": f"{elsewhere.origin}/file"})
    await fetched(stub, tmp_path, time, **with_tokens(stub, "t"))
    assert bearers(stub.sent("/file")) == ["Bearer t"]
    assert bearers(elsewhere.asked) == [""]


async def test_redirects_without_end_or_to_what_is_no_address_are_refused(
    stub: Stub, tmp_path: Path, time: Time
) -> None:
    stub.routes["GET /file"] = Reply(302, headers={"Location": "/file"})
    assert "somewhere else more than" in await refused(stub, tmp_path, time)
    stub.routes["GET /file"] = Reply(302, headers={"Location": "file:///etc/passwd"})
    assert "no plain http" in await refused(stub, tmp_path, time)


@pytest.mark.parametrize("path", ["GET /fhir/$export", "GET /fhir/status", "POST /token"])
async def test_nothing_but_a_file_is_looked_for_elsewhere(
    stub: Stub, elsewhere: Stub, tmp_path: Path, time: Time, path: str
) -> None:
    server = with_tokens(stub, "t")
    stub.routes[path] = Reply(307, headers={"Location": f"{elsewhere.origin}/x"})
    assert "307" in await refused(stub, tmp_path, time, **server)
    assert elsewhere.asked == []


async def test_a_status_url_of_another_origin_is_neither_asked_nor_deleted(
    stub: Stub, elsewhere: Stub, tmp_path: Path, time: Time
) -> None:
    stub.routes["GET /fhir/$export"] = Reply(202, headers={"Content-Location": f"{elsewhere.origin}/fhir/status"})
    assert "another origin" in await refused(stub, tmp_path, time)
    stub.routes["GET /fhir/$export"] = Reply(202)
    assert "status URL of the export is no plain" in await refused(stub, tmp_path, time)
    assert elsewhere.asked == []


@pytest.mark.parametrize(
    ("granted", "reason"),
    [
        ({"access_token": "a\r\nX-Evil: 1", "token_type": "bearer"}, "no bearer token"),
        ({"access_token": "a", "token_type": "mac"}, "no bearer token"),
        ({"token_type": "bearer"}, "access_token"),
        ([], "not as it should be"),
    ],
)
async def test_what_is_no_token_is_not_sent(stub: Stub, tmp_path: Path, time: Time, granted: Any, reason: str) -> None:
    server = with_tokens(stub, "t")
    stub.routes["POST /token"] = reply(granted)
    assert reason in await refused(stub, tmp_path, time, **server)
    assert stub.sent("/fhir/$export") == []


async def test_no_token_travels_in_clear(stub: Stub, tmp_path: Path, time: Time) -> None:
    server = with_tokens(stub, "t")
    stub.routes["GET /fhir/.well-known/smart-configuration"] = reply({"token_endpoint": "http://192.0.2.1/token"})
    assert "over https only" in await refused(stub, tmp_path, time, **server)
    stub.routes["GET /fhir/.well-known/smart-configuration"] = reply(
        {"token_endpoint": f"{stub.origin}/token", "token_endpoint_auth_signing_alg_values_supported": ["RS384"]}
    )
    assert "RS384, and the key is for ES384" in await refused(stub, tmp_path, time, **server)


async def test_a_server_that_is_busy_is_asked_again_and_one_that_is_away_is_told_of(
    stub: Stub, tmp_path: Path, time: Time
) -> None:
    begun = stub.routes["GET /fhir/$export"]
    assert isinstance(begun, Reply)
    stub.routes["GET /fhir/$export"] = [Reply(503, headers={"Retry-After": "30"}), begun]
    stub.routes["GET /file"] = [Reply(500), Reply(429, headers={"Retry-After": "40"}), Reply(body=LINES)]
    await fetched(stub, tmp_path, time)
    assert time.waits == [30, 1, 40]
    stub.routes["GET /fhir/$export"] = [*[Reply(429, headers={"Retry-After": "20"})] * 9, begun]
    assert (await fetched(stub, tmp_path / "patient", time)).counts["Patient"] == 50  # as long as it says how long
    for route in ("GET /fhir/$export", "GET /file"):
        stub.routes |= {"GET /fhir/$export": begun, route: Reply(429, headers={"Retry-After": "20"})}
        before = time.now
        assert "answers 429 to the" in await refused(stub, tmp_path / route[-4:], time)
        assert 800 < time.now - before < 1000
    gone = replace(stub, port=1)
    assert "does not answer (ConnectError)" in await refused(gone, tmp_path / "gone", time)


async def test_a_folder_holds_one_export_and_what_came_since_in_folders_of_its_own(
    stub: Stub, tmp_path: Path, time: Time
) -> None:
    await fetched(stub, tmp_path, time)
    assert "already" in await refused(stub, tmp_path, time)
    deleted = {"resourceType": "Bundle", "entry": [{"request": {"method": "DELETE", "url": "Patient/p1"}}] * 3}
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "warning"}]}
    stub.routes["GET /deleted"] = reply(deleted)
    stub.routes["GET /told"] = reply(outcome)
    stub.routes["GET /fhir/status"] = reply(
        manifest(
            stub,
            deleted=[{"type": "Bundle", "url": f"{stub.origin}/deleted"}],
            error=[{"type": "OperationOutcome", "url": f"{stub.origin}/told"}],
        )
    )
    done = await fetched(stub, tmp_path, time, Wanted(since=TIME))
    assert done.folder == tmp_path / "since-2026-01-01T00.00.00Z"
    assert (done.deleted, done.issues["warning"]) == (3, 1)
    assert json.loads((done.folder / "deleted" / "Bundle.000.ndjson").read_text()) == deleted
    assert stub.sent("/fhir/$export")[-1].target == f"/fhir/$export?_since={TIME}"


async def test_patients_are_named_by_post(stub: Stub, tmp_path: Path, time: Time) -> None:
    stub.routes["POST /fhir/Group/g/$export"] = stub.routes["GET /fhir/$export"]
    wanted = Wanted(group="g", types=("Patient", "Device"), filters=("Device?type=x",), since=TIME, named=("a", "b"))
    await fetched(stub, tmp_path, time, wanted)
    (asked,) = stub.sent("/fhir/Group/g/$export")
    assert (asked.target, asked.headers["content-type"]) == ("/fhir/Group/g/$export", "application/fhir+json")
    assert json.loads(asked.body)["parameter"] == [
        {"name": "_type", "valueString": "Patient,Device"},
        {"name": "_since", "valueInstant": TIME},
        {"name": "_typeFilter", "valueString": "Device?type=x"},
        {"name": "patient", "valueReference": {"reference": "Patient/a"}},
        {"name": "patient", "valueReference": {"reference": "Patient/b"}},
    ]
    with pytest.raises(NotExported, match="no id of a Patient"):
        await fetched(stub, tmp_path / "other", time, Wanted(named=("../x",)))


async def test_an_unfinished_export_is_gone_on_with_or_given_up_but_not_mixed_with_another(
    stub: Stub, tmp_path: Path, time: Time
) -> None:
    second = {"type": "Device", "url": f"{stub.origin}/second"}
    first = {"type": "Patient", "url": f"{stub.origin}/file"}
    stub.routes["GET /fhir/status"] = reply(manifest(stub, first, second))
    stub.routes["GET /second"] = Reply(403)
    await refused(stub, tmp_path, time)
    assert len(stub.sent("/file")) == 1
    with pytest.raises(NotExported, match="unfinished export of"):
        await fetched(stub, tmp_path, time, Wanted(types=("Device",)))
    stub.routes["GET /second"] = Reply(body=b'{"resourceType":"Device"}')
    assert (await fetched(stub, tmp_path, time)).counts == {"Patient": 50, "Device": 1}
    assert (len(stub.sent("/file")), len(stub.sent("/fhir/$export"))) == (1, 1)


async def test_a_file_that_somebody_has_cut_since_is_fetched_again(stub: Stub, tmp_path: Path, time: Time) -> None:
    items = [{"type": kind, "url": f"{stub.origin}/{kind}"} for kind in ("Patient", "Device")]
    stub.routes["GET /fhir/status"] = reply(manifest(stub, *items))
    stub.routes |= {"GET /Patient": Reply(body=LINES), "GET /Device": Reply(403)}
    await refused(stub, tmp_path, time)
    (tmp_path / "Patient.000.ndjson").write_bytes(LINES[:HALF])
    stub.routes["GET /Device"] = Reply()
    await fetched(stub, tmp_path, time)
    assert (tmp_path / "Patient.000.ndjson").read_bytes() == LINES
