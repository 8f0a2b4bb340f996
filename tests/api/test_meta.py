"""$meta, $meta-add and $meta-delete: profiles, security labels and tags as sets."""

from __future__ import annotations

from typing import Any

import pytest
from api_client import Client, issues, patient

SECRET = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}
TAG = {"system": "http://example.org/tags", "code": "reviewed"}
DIV = '<div xmlns="http://www.w3.org/1999/xhtml">Anna</div>'


def sent(**meta: Any) -> dict[str, Any]:
    return {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": meta}]}


def returned(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200
    (parameter,) = answer.json()["parameter"]
    assert parameter["name"] == "return"
    found: dict[str, Any] = parameter["valueMeta"]
    return found


async def stored(client: Client, **meta: Any) -> str:
    text = {"status": "generated", "div": DIV}
    answer = await client.post("/fhir/Patient", json=patient(text=text, **({"meta": meta} if meta else {})))
    return f"/fhir/Patient/{answer.json()['id']}"


async def test_meta_is_that_of_the_current_version(client: Client) -> None:
    url = await stored(client, tag=[TAG])
    answer = await client.get(f"{url}/$meta")
    assert returned(answer) == (await client.get(url)).json()["meta"]
    assert answer.headers["etag"] == 'W/"1"'
    assert (await client.get("/fhir/Patient/nobody/$meta")).status_code == 404


async def test_what_is_added_is_a_set_by_url_and_by_system_and_code(client: Client) -> None:
    url = await stored(client, tag=[TAG | {"display": "kept"}], profile=["http://example.org/p"])
    body = sent(
        tag=[TAG | {"display": "other", "version": "2"}, {"code": "reviewed"}],
        security=[SECRET, SECRET],
        profile=["http://example.org/p", "http://example.org/p|2"],
        versionId="77",
    )
    meta = returned(await client.post(f"{url}/$meta-add", json=body))
    assert meta["tag"] == [TAG | {"display": "kept"}, {"code": "reviewed"}]
    assert meta["security"] == [SECRET]
    assert meta["profile"] == ["http://example.org/p", "http://example.org/p|2"]
    assert meta["versionId"] == "2"
    read = (await client.get(url)).json()
    assert read["meta"] == meta
    assert read["text"]["div"] == DIV


async def test_what_is_taken_away_is_what_is_the_same(client: Client) -> None:
    url = await stored(client, tag=[TAG, {"code": "reviewed"}], security=[SECRET], profile=["http://example.org/p"])
    body = sent(tag=[TAG | {"display": "x"}], security=[SECRET], profile=["http://example.org/q"])
    meta = returned(await client.post(f"{url}/$meta-delete", json=body))
    assert meta["tag"] == [{"code": "reviewed"}]
    assert "security" not in meta
    assert meta["profile"] == ["http://example.org/p"]


async def test_what_changes_nothing_makes_no_version(client: Client) -> None:
    url = await stored(client, tag=[TAG])
    for operation, body in (("add", sent(tag=[TAG])), ("delete", sent(security=[SECRET])), ("add", sent(id="x"))):
        answer = await client.post(f"{url}/$meta-{operation}", json=body)
        assert returned(answer)["versionId"] == "1"


@pytest.mark.rule("VER-1")
async def test_a_version_that_is_not_the_current_one_is_412(client: Client) -> None:
    url = await stored(client)
    answer = await client.post(f"{url}/$meta-add", json=sent(tag=[TAG]), headers={"if-match": 'W/"9"'})
    assert (answer.status_code, issues(answer)[0]["code"]) == (412, "conflict")


NO_META: tuple[dict[str, Any], ...] = (
    {"resourceType": "Parameters"},
    {"resourceType": "Patient"},
    {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueString": "x"}]},
    {"resourceType": "Parameters", "parameter": [{"name": "tag", "valueCoding": TAG}]},
    {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": {"tag": "x"}}]},
    {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": {"colour": "x"}}]},
    {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": {"tag": [TAG]}}] * 2},
)


@pytest.mark.rule("OPS-1")
async def test_ops_1_an_input_of_another_form_is_400(client: Client) -> None:
    url = await stored(client)
    for body in NO_META:
        for operation in ("add", "delete"):
            answer = await client.post(f"{url}/$meta-{operation}", json=body)
            assert answer.status_code == 400, body
            assert issues(answer)
    assert returned(await client.get(f"{url}/$meta"))["versionId"] == "1"
