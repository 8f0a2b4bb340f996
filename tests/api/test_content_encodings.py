"""gzip and Brotli both ways, and the limits of a request."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable

import brotli
import httpx
import pytest
from api_client import Client, issues, patient

from fhir_service.api.content_encodings import MINIMUM_BYTES

LARGE = patient(id="x", name=[{"family": "F" * 2000}])
CODINGS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "br": brotli.compress}


async def received(client: Client, url: str, accept_encoding: str, **headers: str) -> httpx.Response:
    """The answer with its body as it came, not decompressed."""
    request = client.build_request("GET", url, headers={"accept-encoding": accept_encoding, **headers})
    answer = await client.send(request, stream=True)
    answer.raw_body = b"".join([part async for part in answer.aiter_raw()])  # type: ignore[attr-defined]  # ours
    return answer


@pytest.mark.parametrize(
    ("accept_encoding", "coding"),
    [
        ("gzip", "gzip"),
        ("br", "br"),
        ("gzip, deflate, br", "br"),
        ("gzip;q=1.0, br;q=0.5", "gzip"),
        ("br;q=0, gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("GZIP", "gzip"),
        ("*", "br"),
        ("*;q=0.1, br;q=0", "gzip"),
        ("br;q=0.2, identity;q=0.5", ""),
        ("gzip;q=0, br;q=0", ""),
        ("*;q=0", ""),
        ("gzip;q=nonsense", ""),
        ("deflate", ""),
        ("identity", ""),
        ("", ""),
    ],
)
async def test_the_coding_is_the_one_the_client_likes_best(client: Client, accept_encoding: str, coding: str) -> None:
    await client.put("/fhir/Patient/x", json=LARGE)
    answer = await received(client, "/fhir/Patient/x", accept_encoding)
    body: bytes = answer.raw_body  # type: ignore[attr-defined]  # ours
    assert answer.headers.get("content-encoding", "") == coding
    assert int(answer.headers["content-length"]) == len(body)
    assert "Accept-Encoding" in answer.headers["vary"]
    assert answer.headers["etag"] == 'W/"1"'
    plain = {"gzip": gzip.decompress, "br": brotli.decompress, "": bytes}[coding](body)
    assert json.loads(plain)["name"] == LARGE["name"]
    assert (len(body) < MINIMUM_BYTES) == bool(coding)


async def test_xml_refusals_pages_and_large_answers_are_compressed_small_ones_are_not(client: Client) -> None:
    await client.put("/fhir/Patient/x", json=patient(id="x", name=[{"family": "F" * 200_000}]))
    await client.put("/fhir/Patient/y", json=patient(id="y"))
    for url, coding in (
        ("/fhir/Patient/x", "br"),
        ("/fhir/Patient/x?_format=xml", "br"),
        ("/fhir/Patient?_id=" + "x" * 3000 + "&nonsense:bad=" + "y" * 3000, "br"),
        ("/docs", None),
        ("/openapi.json", "br"),
        ("/fhir/Patient/y", None),
        ("/fhir/Patient/nobody", None),
    ):
        answer = await client.get(url, headers={"accept-encoding": "br"})
        assert answer.headers.get("content-encoding") == coding, url
        assert answer.content


async def test_head_and_304_have_no_body_to_compress(client: Client) -> None:
    await client.put("/fhir/Patient/x", json=LARGE)
    head = await client.head("/fhir/Patient/x", headers={"accept-encoding": "gzip"})
    assert (head.status_code, head.content, head.headers["content-encoding"]) == (200, b"", "gzip")
    same = await client.get("/fhir/Patient/x", headers={"accept-encoding": "gzip", "if-none-match": 'W/"1"'})
    assert (same.status_code, same.content, same.headers.get("content-encoding")) == (304, b"", None)


@pytest.mark.parametrize("coding", ["gzip", "br"])
async def test_a_body_may_come_compressed(client: Client, coding: str) -> None:
    compress = CODINGS[coding]
    body = compress(json.dumps(LARGE).encode())
    made = await client.put("/fhir/Patient/x", content=body, headers={"content-encoding": coding})
    assert made.status_code == 201
    assert (await client.get("/fhir/Patient/x")).json()["name"] == LARGE["name"]
    form = {"content-type": "application/x-www-form-urlencoded", "content-encoding": coding.upper()}
    found = await client.post("/fhir/Patient/_search", content=compress(b"_id=x"), headers=form)
    assert found.json()["total"] == 1
    xml = compress(b'<Patient xmlns="http://hl7.org/fhir"><id value="y"/></Patient>')
    headers = {"content-type": "application/fhir+xml", "content-encoding": coding}
    assert (await client.put("/fhir/Patient/y", content=xml, headers=headers)).status_code == 201


async def test_gzip_members_may_follow_one_another(client: Client) -> None:
    parts = (b'{"resourceType":', b" " * 30_000, b'"Patient"}')
    for empty_ones in (0, 1_000):  # more than one slice of them
        body = gzip.compress(b"") * empty_ones + b"".join(map(gzip.compress, parts))
        headers = {"content-encoding": "x-gzip"}
        assert (await client.post("/fhir/Patient", content=body, headers=headers)).status_code == 201
        for broken in (body[:-1], body + b"x", body + gzip.compress(b"")[:-8]):
            assert (await client.post("/fhir/Patient", content=broken, headers=headers)).status_code == 400
    same = await client.post("/fhir/Patient", json=patient(), headers={"content-encoding": "identity"})
    assert same.status_code == 201


@pytest.mark.parametrize("coding", ["gzip", "br"])
async def test_the_limit_is_counted_on_what_a_body_unfolds_to(connect: Callable[..., Client], coding: str) -> None:
    compress = CODINGS[coding]
    async with connect(max_body_bytes=1_000_000) as client:
        bomb = compress(b"0" * 20_000_000)
        assert len(bomb) < 1_000_000
        answer = await client.post("/fhir/Patient", content=bomb, headers={"content-encoding": coding})
        assert answer.status_code == 413
        assert issues(answer)[0]["code"] == "too-long"
        body = json.dumps(patient(name=[{"family": "F" * 900_000}])).encode()
        made = await client.post("/fhir/Patient", content=compress(body), headers={"content-encoding": coding})
        assert made.status_code == 201


@pytest.mark.parametrize("coding", ["gzip", "br"])
@pytest.mark.parametrize("spoil", ["cut", "other", "more"])
async def test_what_is_not_of_its_coding_is_400(idle_client: Client, coding: str, spoil: str) -> None:
    body = CODINGS[coding](json.dumps(LARGE).encode())
    spoilt = {"cut": body[:-3], "other": b"{}", "more": body + b"zz"}[spoil]
    answer = await idle_client.post("/fhir/Patient", content=spoilt, headers={"content-encoding": coding})
    assert answer.status_code == 400
    assert issues(answer)[0]["code"] == "structure"


@pytest.mark.rule("GEN-7")
@pytest.mark.parametrize("coding", ["deflate", "zstd", "gzip, br", "nonsense"])
async def test_a_coding_that_is_not_known_is_415(idle_client: Client, coding: str) -> None:
    body = zlib.compress(b"{}")
    answer = await idle_client.post("/fhir/Patient", content=body, headers={"content-encoding": coding})
    assert answer.status_code == 415
    assert issues(answer)[0]["code"] == "not-supported"
    assert answer.headers["accept-encoding"] == "gzip, br"


@pytest.mark.rule("GEN-4")
async def test_addresses_and_headers_have_limits(idle_client: Client) -> None:
    long = await idle_client.get(f"/fhir/Patient?_id={'x' * 40_000}")
    assert (long.status_code, issues(long)[0]["code"]) == (414, "too-long")
    large = await idle_client.get("/fhir/Patient", headers={f"x-{number}": "x" * 4000 for number in range(20)})
    assert (large.status_code, issues(large)[0]["code"]) == (431, "too-long")
    assert (await idle_client.get(f"/fhir/Patient?unknown={'x' * 20_000}")).status_code == 200
