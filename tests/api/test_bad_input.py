"""Whatever is sent, the answer is an OperationOutcome with the right status, and nothing is stored."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from api_client import BASE, Client, issues, patient

NESTED = b'{"resourceType":"Patient","extension":' + b'[{"url":"http://e.org","extension":' * 5000


BODIES: dict[str, tuple[bytes, str | None]] = {
    "nothing": (b"", "structure"),
    "truncated": (b'{"resourceType":"Patient"', "structure"),
    "not JSON": (b"resourceType=Patient", "structure"),
    "a list": (b"[]", "structure"),
    "a string": (b'"x"', "structure"),
    "null": (b"null", "structure"),
    "no resourceType": (b"{}", None),
    "NaN": (b'{"resourceType":"Patient","multipleBirthInteger":NaN}', "structure"),
    "a key twice": (b'{"resourceType":"Patient","id":"a","id":"b"}', "structure"),
    "NUL in a string": (b'{"resourceType":"Patient","language":"\\u0000"}', None),
    "a raw NUL": (b'{"resourceType":"Patient","name":[{"text":"a\x00b"}]}', "structure"),
    "half a surrogate pair": (b'{"resourceType":"Patient","name":[{"text":"\\ud800"}]}', "structure"),
    "not UTF-8": (b'{"resourceType":"Patient","name":[{"text":"\xff"}]}', "structure"),
    "a byte order mark": (b'\xef\xbb\xbf{"resourceType":"Patient"}', "structure"),
    "deep nesting, not closed": (NESTED, "structure"),
    "deep nesting": (NESTED + b"[]" + b"}]" * 5000 + b"}", "structure"),
    "brackets": (b"[" * 100_000, "structure"),
    "a day that is not": (b'{"resourceType":"Patient","birthDate":"1990-02-30"}', None),
    "an unknown type": (b'{"resourceType":"Nonsense"}', None),
    "a type that is a list": (b'{"resourceType":["Patient"]}', None),
    "another type": (b'{"resourceType":"Observation","status":"final","code":{"text":"x"}}', "invalid"),
}


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_body_that_is_no_such_resource_is_400(idle_client: Client, method: str) -> None:
    for name, (body, code) in BODIES.items():
        answer = await idle_client.request(method, "/fhir/Patient" + ("/a" if method == "PUT" else ""), content=body)
        assert answer.status_code == 400, name
        assert code in (None, issues(answer)[0]["code"]), name
    assert (await idle_client.get("/fhir/Patient?_summary=count")).json()["total"] == 0


NAMESPACE = "http://www.w3.org/1999/xhtml"


@pytest.mark.rule("CRE-3", "UPD-5")
@pytest.mark.parametrize(
    ("div", "status"),
    [
        ("no element", 400),
        (f'<div xmlns="{NAMESPACE}">a<br></div>', 400),
        (f'<div xmlns="{NAMESPACE}">a</div><p/>', 400),
        ('<div xmlns="http://example.org">a</div>', 400),
        ('<!DOCTYPE div [<!ENTITY e "x">]><div>&e;</div>', 400),
        (f'<div xmlns="{NAMESPACE}"><script>alert(1)</script></div>', 422),
        (f'<div xmlns="{NAMESPACE}"><h:IFRAME xmlns:h="{NAMESPACE}"/></div>', 422),
        (f'<div xmlns="{NAMESPACE}"><p onClick="x()">a</p></div>', 422),
        (f'<div xmlns="{NAMESPACE}"><font color="red">a</font></div>', 422),
        (f'<div xmlns="{NAMESPACE}"><p hidden="hidden">a</p></div>', 422),
        (f'<div xmlns="{NAMESPACE}"> <br/> </div>', 422),
        (f'<div xmlns="{NAMESPACE}"><a href=" java\nscript:x()">a</a></div>', 422),
    ],
)
async def test_a_narrative_that_xml_cannot_hold_is_400_and_one_that_breaks_a_rule_of_narratives_422(
    client: Client, div: str, status: int
) -> None:
    """Stored, it would keep every XML client from the whole page of a search that it is on."""
    bad = patient(id="x", text={"status": "generated", "div": div})
    holder: dict[str, Any] = {
        "resourceType": "Observation",
        "id": "x",
        "status": "final",
        "code": {"text": "c"},
        "contained": [bad],
    }
    holder["subject"] = {"reference": "#x"}
    bundle = {"resourceType": "Bundle", "type": "transaction"}
    entry = {"resource": bad, "request": {"method": "PUT", "url": "Patient/x"}}
    for answer, place in (
        (await client.put("/fhir/Patient/x", json=bad), "Patient.text.div"),
        (await client.post("/fhir/Patient", json=bad), "Patient.text.div"),
        (await client.put("/fhir/Observation/x", json=holder), "Observation.contained[0].text.div"),
        (await client.post("/fhir", json={**bundle, "entry": [entry]}), "Bundle.entry[0].resource.text.div"),
    ):
        assert (answer.status_code, [issue["expression"] for issue in issues(answer)]) == (status, [[place]])
    assert (await client.get("/fhir/_history?_count=0")).json()["total"] == 0


@pytest.mark.parametrize("div", ["<div>a&nbsp;<br/></div>", f'<div xmlns="{NAMESPACE}"><a href="#x">a</a></div>'])
async def test_a_narrative_that_xml_can_hold_is_stored_as_it_came(client: Client, div: str) -> None:
    text = {"status": "generated", "div": div}
    assert (await client.put("/fhir/Patient/x", json=patient(id="x", text=text))).json()["text"] == text
    assert (await client.get("/fhir/Patient?_format=xml")).status_code == 200


async def test_json_that_cannot_be_read_is_told_with_its_place(idle_client: Client) -> None:
    answer = await idle_client.post("/fhir/Patient", content=b'{"resourceType":"Patient",\n  "gender" "male"}')
    assert "line 2, column 12" in issues(answer)[0]["diagnostics"]


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "text/turtle", "application/fhir+turtle", "text/html", "multipart/form-data; boundary=x"],
)
async def test_a_body_of_another_type_is_415(idle_client: Client, content_type: str) -> None:
    for url in ("/fhir/Patient", "/fhir"):
        answer = await idle_client.post(url, content=b"<Patient/>", headers={"content-type": content_type})
        assert answer.status_code == 415
        assert issues(answer)[0]["code"] == "not-supported"


async def test_a_body_in_another_encoding_or_fhir_version_is_415(idle_client: Client) -> None:
    for content_type in (
        "application/fhir+json; charset=latin-1",
        "application/fhir+json; fhirVersion=3.0",
        "application/json;fhirVersion=5.0",
    ):
        answer = await idle_client.post("/fhir/Patient", json=patient(), headers={"content-type": content_type})
        assert answer.status_code == 415
        assert issues(answer)


async def test_a_body_of_unknown_type_is_415(idle_client: Client) -> None:
    del idle_client.headers["content-type"]
    answer = await idle_client.post("/fhir/Patient", content=b"{}")
    assert answer.status_code == 415
    assert "missing" in issues(answer)[0]["diagnostics"]


@pytest.mark.parametrize("length", ["announced", "not announced"])
async def test_a_body_over_the_limit_is_413(idle_client: Client, length: str) -> None:
    text = json.dumps(patient(name=[{"text": "x" * 20 * 1024 * 1024}])).encode()

    async def in_pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(text), 1 << 20):
            yield text[start : start + (1 << 20)]

    for url in ("/fhir/Patient", "/fhir", "/fhir/Patient/_search"):
        answer = await idle_client.post(url, content=text if length == "announced" else in_pieces())
        assert answer.status_code == 413
        assert issues(answer)[0]["code"] == "too-long"
        assert "16,777,216" in issues(answer)[0]["diagnostics"]


async def test_a_body_at_the_limit_is_read(connect) -> None:
    body = json.dumps(patient(name=[{"text": "x" * 1000}])).encode()
    async with connect(max_body_bytes=len(body)) as client:
        assert (await client.post("/fhir/Patient", content=body)).status_code == 201
        assert (await client.post("/fhir/Patient", content=body + b" ")).status_code == 413


@pytest.mark.parametrize(
    "path", ["Patient/a b", "Patient/a_b", "Patient/%00", "Patient/" + "x" * 65, "Patient/é", "Patient/%FF"]
)
@pytest.mark.rule("GEN-2")
async def test_an_id_that_is_none_names_nothing(idle_client: Client, path: str) -> None:
    for method in ("GET", "DELETE", "HEAD"):
        answer = await idle_client.request(method, f"/fhir/{path}")
        assert answer.status_code == 404
    assert issues(await idle_client.get(f"/fhir/{path}"))[0]["code"] == "not-found"
    answer = await idle_client.put(f"/fhir/{path}", json=patient(id="a"))
    assert answer.status_code in (400, 404)
    assert issues(answer)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/nowhere", 404, "not-found"),
        ("/fhirx", 404, "not-found"),
        ("/fhir/Nonsense", 404, "not-supported"),
        ("/fhir/Practitioner/1", 404, "not-supported"),
        ("/fhir/nonsense", 404, "not-found"),
        ("/fhir/$nonsense", 404, "not-found"),
        ("/fhir/Patient/$nonsense", 404, "not-found"),
        ("/fhir/Patient/1/$nonsense", 404, "not-found"),
        ("/fhir/Observation/1/$everything", 404, "not-found"),
        ("/fhir/Patient/1/_history", 404, "not-found"),
        ("/fhir/Patient/1/2/3/4/5", 404, "not-found"),
        ("/fhir/Patient//", 200, ""),
        ("/fhir/../fhir/metadata/x", 404, "not-found"),
        ("/fhir", 200, ""),
        ("/fhir/", 200, ""),
        ("/fhir/Patient/_search", 405, "not-supported"),
    ],
)
async def test_an_address_that_is_none_says_so(idle_client: Client, path: str, status: int, code: str) -> None:
    answer = await idle_client.get(path)
    assert answer.status_code == status
    if code:
        assert issues(answer)[0]["code"] == code


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("BREW", "/fhir/Patient/1", {"GET", "HEAD", "PUT", "PATCH", "DELETE"}),
        ("POST", "/fhir/Patient/1", {"GET", "HEAD", "PUT", "PATCH", "DELETE"}),
        ("POST", "/fhir/metadata", {"GET", "HEAD"}),
        ("OPTIONS", "/fhir/Patient", {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}),
        ("BREW", "/fhir", {"GET", "HEAD", "POST"}),
    ],
)
async def test_a_method_that_is_not_possible_is_405_with_those_that_are(
    idle_client: Client, method: str, path: str, allowed: set[str]
) -> None:
    answer = await idle_client.request(method, path)
    assert answer.status_code == 405
    assert issues(answer)[0]["code"] == "not-supported"
    assert set(answer.headers["allow"].split(", ")) == allowed


async def test_a_wrong_method_beside_the_fhir_api_is_405_too(idle_client: Client) -> None:
    answer = await idle_client.post("/healthz")
    assert answer.status_code == 405
    assert issues(answer)[0]["code"] == "not-supported"
    assert answer.headers["allow"] == "GET"


async def test_a_crash_is_500_with_the_number_of_the_request_and_nothing_else(
    connect, repository, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("secret: SELECT * FROM somewhere")

    monkeypatch.setattr(repository, "read", broken)
    async with connect() as client:
        answer = await client.get("/fhir/Patient/a", headers={"x-request-id": "case-77"})
    assert answer.status_code == 500
    (issue,) = issues(answer)
    assert (issue["severity"], issue["code"]) == ("fatal", "exception")
    assert "case-77" in issue["diagnostics"]
    assert "secret" not in answer.text
    assert answer.headers["x-request-id"] == "case-77"
    (record,) = [record for record in caplog.records if record.name == "fhir_service.api"]
    assert record.__dict__["fields"]["request"] == "case-77"
    assert record.exc_info is not None
    assert "secret" in str(record.exc_info[1])


async def test_a_store_that_is_closed_is_503_with_retry_after(connect, repository) -> None:
    async with connect() as client:
        await repository.close()
        answer = await client.post("/fhir/Patient", json=patient())
        assert answer.status_code == 503
        assert issues(answer)[0]["code"] == "transient"
        assert int(answer.headers["retry-after"]) > 0
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get("/healthz")).status_code == 200


async def test_many_bad_requests_at_once_leave_the_good_ones_alone(client: Client) -> None:
    bad = [client.post("/fhir/Patient", content=NESTED) for _ in range(20)]
    good = [client.post("/fhir/Patient", json=patient()) for _ in range(20)]
    answers = await asyncio.gather(*bad, *good)
    assert [answer.status_code for answer in answers] == [400] * 20 + [201] * 20
    assert {answer.headers["location"].startswith(BASE) for answer in answers[20:]} == {True}


async def test_others_are_answered_while_a_large_resource_is_validated(idle_client: Client) -> None:
    """The findings are limited, and only the thread that makes them is busy."""
    large = json.dumps(patient(name=[{"family": number} for number in range(150_000)]))
    validating = asyncio.create_task(idle_client.post("/fhir/Patient/$validate", content=large))
    answered = 0
    while not validating.done():
        assert (await idle_client.get("/fhir/Patient?_summary=count")).status_code == 200
        answered += 1
        await asyncio.sleep(0)  # without a socket nothing else would give way to what is under way
    found = (await validating).json()["issue"]
    assert answered > 1
    assert len(found) == 1001
    assert "only the first 1,000 findings are listed" in found[-1]["diagnostics"]
