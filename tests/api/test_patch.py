"""PATCH of a resource: every kind of patch, by id and by search, and what it may not do."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from api_client import BASE, Client, issues, observation, patient

JSON_PATCH = {"content-type": "application/json-patch+json"}
MERGE_PATCH = {"content-type": "application/merge-patch+json"}
PLAIN = {"content-type": "application/json"}
DIV = '<div xmlns="http://www.w3.org/1999/xhtml">Anna</div>'


def operation(kind: str, path: str, **parts: Any) -> dict[str, Any]:
    """A FHIRPath Patch of one operation; a part is given as (key, value)."""
    named = [{"name": name, key: value} for name, (key, value) in parts.items()]
    texts = [{"name": "type", "valueCode": kind}, {"name": "path", "valueString": path}]
    return {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [*texts, *named]}]}


ACTIVATE = operation("add", "Patient", name=("valueString", "active"), value=("valueBoolean", True))
ACTIVATE_JSON = [{"op": "add", "path": "/active", "value": True}]


async def stored(client: Client, **more: Any) -> str:
    answer = await client.post("/fhir/Patient", json=patient(**more))
    return f"/fhir/Patient/{answer.json()['id']}"


KINDS: tuple[tuple[dict[str, str], Any], ...] = (
    (JSON_PATCH, ACTIVATE_JSON),
    (MERGE_PATCH, {"active": True}),
    (PLAIN, {"active": True}),
    (PLAIN, ACTIVATE_JSON),
    (PLAIN, ACTIVATE),
    ({}, ACTIVATE),
    ({"content-type": "application/fhir+json; fhirVersion=4.0; charset=utf-8"}, ACTIVATE),
)


@pytest.mark.rule("PAT-1", "PAT-2")
async def test_pat_1_every_kind_of_patch_makes_the_next_version(client: Client) -> None:
    for headers, body in KINDS:
        url = await stored(client, gender="female")
        answer = await client.patch(url, json=body, headers=headers)
        assert answer.status_code == 200
        assert answer.headers["etag"] == 'W/"2"'
        assert "last-modified" in answer.headers
        made = answer.json()
        assert (made["active"], made["gender"], made["meta"]["versionId"]) == (True, "female", "2")
        assert (await client.get(url)).content == answer.content
        assert "active" not in (await client.get(f"{url}/_history/1")).json()


@pytest.mark.rule("PAT-1")
async def test_pat_1_an_xml_patch_is_done_on_the_xml_of_the_resource(client: Client) -> None:
    url = await stored(client, name=[{"text": "Anna"}], text={"status": "generated", "div": DIV})
    sel = "<replace sel=\"f:Patient/f:name[f:text/@value='Anna']/f:text/@value\">Berta</replace>"
    for replacement, status in ((sel, 200), (sel, 422)):
        body = f'<diff xmlns:f="http://hl7.org/fhir">{replacement}</diff>'
        answer = await client.patch(url, content=body, headers={"content-type": "application/xml-patch+xml"})
        assert answer.status_code == status
    made = (await client.get(url)).json()
    assert (made["name"], made["meta"]["versionId"]) == ([{"text": "Berta"}], "2")
    assert "text" not in made


def xml_part(name: str, kind: str, value: str) -> str:
    return f'<part><name value="{name}"/><value{kind} value="{value}"/></part>'


@pytest.mark.rule("PAT-1", "FPP-1")
async def test_pat_1_a_fhirpath_patch_may_be_xml(client: Client) -> None:
    url = await stored(client)
    nested = f'<part><name value="value"/>{xml_part("url", "Uri", "http://example.org/e")}</part>'
    body = '<Parameters xmlns="http://hl7.org/fhir">'
    for path, name, value in (
        ("Patient", "extension", nested),
        ("Patient.extension", "value", xml_part("value", "Decimal", "1.10")),
    ):
        parts = xml_part("type", "Code", "add") + xml_part("path", "String", path) + xml_part("name", "String", name)
        body += f'<parameter><name value="operation"/>{parts}{value}</parameter>'
    body += "</Parameters>"
    answer = await client.patch(url, content=body, headers={"content-type": "application/fhir+xml"})
    assert answer.status_code == 200
    assert b'"extension":[{"url":"http://example.org/e","valueDecimal":1.10}]' in answer.content


@pytest.mark.rule("PAT-1")
async def test_pat_1_a_body_that_is_no_patch_is_415_and_told_what_is(idle_client: Client) -> None:
    for content_type in ("application/xml", "text/plain", ""):
        headers = {"content-type": content_type}
        answer = await idle_client.patch("/fhir/Patient/a", content=b"<diff/>", headers=headers)
        assert answer.status_code == 415
        assert issues(answer)[0]["code"] == "not-supported"
        assert "application/json-patch+json" in answer.headers["accept-patch"]


async def test_what_a_patch_does_not_touch_stays_to_the_digit(client: Client) -> None:
    text = (
        b'{"resourceType":"Observation","status":"final","code":{"text":"VAS \\u00e9"},'
        b'"valueQuantity":{"value":8.0},"component":[{"code":{"text":"c"},"valueQuantity":{"value":1.10}}]}'
    )
    made = (await client.post("/fhir/Observation", content=text)).json()
    url = f"/fhir/Observation/{made['id']}"
    unit = [{"op": "add", "path": "/component/0/valueQuantity/unit", "value": "mL"}]
    answer = await client.patch(url, json=unit, headers=JSON_PATCH)
    kept = text[text.index(b'"status"') : -len(b"}}]}")]
    assert answer.content.endswith(kept + b',"unit":"mL"}}]}')


@pytest.mark.rule("PAT-2", "VER-1")
async def test_pat_2_if_match_of_another_version_is_412_and_changes_nothing(client: Client) -> None:
    url = await stored(client)
    refused = await client.patch(url, json=ACTIVATE_JSON, headers={**JSON_PATCH, "if-match": 'W/"2"'})
    assert refused.status_code == 412
    assert issues(refused)[0]["code"] == "conflict"
    assert (await client.get(url)).headers["etag"] == 'W/"1"'
    done = await client.patch(url, json=ACTIVATE_JSON, headers={**JSON_PATCH, "if-match": 'W/"1"'})
    assert (done.status_code, done.headers["etag"]) == (200, 'W/"2"')


@pytest.mark.rule("PAT-2", "GEN-9")
async def test_pat_2_the_answer_is_what_the_client_prefers(client: Client) -> None:
    url = await stored(client)
    for number, (preference, kind) in enumerate(
        [("minimal", None), ("representation", "Patient"), ("OperationOutcome", "OperationOutcome")]
    ):
        body = [{"op": "add", "path": "/gender", "value": ["male", "female", "other"][number]}]
        answer = await client.patch(url, json=body, headers={**JSON_PATCH, "prefer": f"return={preference}"})
        assert answer.status_code == 200
        assert (answer.json()["resourceType"] if answer.content else None) == kind


@pytest.mark.rule("PAT-2")
async def test_pat_2_what_never_was_is_404_and_what_was_deleted_410(client: Client) -> None:
    url = await stored(client)
    await client.delete(url)
    assert (await client.patch(url, json=ACTIVATE_JSON, headers=JSON_PATCH)).status_code == 410
    missing = await client.patch("/fhir/Patient/nobody", json=ACTIVATE_JSON, headers=JSON_PATCH)
    assert (missing.status_code, issues(missing)[0]["code"]) == (404, "not-found")
    other = await client.patch("/fhir/Practitioner/x", json=ACTIVATE_JSON, headers=JSON_PATCH)
    assert (other.status_code, issues(other)[0]["code"]) == (404, "not-supported")


@pytest.mark.rule("PAT-2")
async def test_pat_2_what_would_be_invalid_is_422_with_all_that_is_wrong(client: Client) -> None:
    url = await stored(client)
    body = {"gender": "unknown-code", "birthDate": "yesterday", "colour": "blue"}
    answer = await client.patch(url, json=body, headers=MERGE_PATCH)
    assert answer.status_code == 422
    assert {issue["expression"][0] for issue in issues(answer)} == {
        "Patient.gender",
        "Patient.birthDate",
        "Patient.colour",
    }
    assert (await client.get(url)).headers["etag"] == 'W/"1"'


async def test_a_patch_that_changes_nothing_makes_no_version(client: Client) -> None:
    url = await stored(client, active=True)
    for headers, body in (
        (JSON_PATCH, ACTIVATE_JSON),
        (JSON_PATCH, [{"op": "test", "path": "/active", "value": True}]),
        (MERGE_PATCH, {"active": True, "meta": {"versionId": "77"}}),
    ):
        answer = await client.patch(url, json=body, headers=headers)
        assert (answer.status_code, answer.headers["etag"]) == (200, 'W/"1"')
        assert answer.json()["active"] is True


OF_ANOTHER: tuple[tuple[dict[str, str], Any], ...] = (
    (JSON_PATCH, [{"op": "replace", "path": "/id", "value": "other"}]),
    (JSON_PATCH, [{"op": "remove", "path": "/id"}]),
    (JSON_PATCH, [{"op": "replace", "path": "/resourceType", "value": "Group"}]),
    (JSON_PATCH, [{"op": "remove", "path": ""}]),
    (JSON_PATCH, [{"op": "replace", "path": "", "value": {"resourceType": "Patient"}}]),
    (MERGE_PATCH, {"id": None}),
    (MERGE_PATCH, {"resourceType": "Group"}),
    ({}, operation("delete", "Patient")),
    ({}, operation("replace", "Patient.id", value=("valueId", "other"))),
)


@pytest.mark.rule("PAT-2")
async def test_pat_2_a_patch_cannot_change_whose_resource_it_is(client: Client) -> None:
    url = await stored(client)
    for headers, body in OF_ANOTHER:
        answer = await client.patch(url, json=body, headers=headers)
        assert answer.status_code == 422, body
        assert issues(answer)
    assert (await client.get(url)).headers["etag"] == 'W/"1"'


@pytest.mark.rule("UPD-2", "PAT-2")
async def test_pat_2_version_and_time_are_the_servers_and_profiles_are_the_clients(client: Client) -> None:
    url = await stored(client, meta={"profile": ["http://example.org/p"]})
    body = [
        {"op": "replace", "path": "/meta/versionId", "value": "77"},
        {"op": "replace", "path": "/meta/lastUpdated", "value": "1999-01-01T00:00:00Z"},
        {"op": "add", "path": "/meta/profile/-", "value": "http://example.org/q"},
    ]
    meta = (await client.patch(url, json=body, headers=JSON_PATCH)).json()["meta"]
    assert meta["versionId"] == "2"
    assert not meta["lastUpdated"].startswith("1999")
    assert meta["profile"] == ["http://example.org/p", "http://example.org/q"]


@pytest.mark.rule("PAT-5")
async def test_pat_5_all_operations_or_none(client: Client) -> None:
    url = await stored(client, gender="female")
    for body in (
        [*ACTIVATE_JSON, {"op": "test", "path": "/gender", "value": "male"}],
        [*ACTIVATE_JSON, {"op": "remove", "path": "/name"}],
    ):
        answer = await client.patch(url, json=body, headers=JSON_PATCH)
        assert answer.status_code == 422
        assert "operation 1" in issues(answer)[0]["diagnostics"]
        assert (await client.get(url)).headers["etag"] == 'W/"1"'


NO_PATCHES: tuple[tuple[dict[str, str], bytes], ...] = (
    (JSON_PATCH, b""),
    (JSON_PATCH, b"{}"),
    (JSON_PATCH, b'[{"op":"add"}]'),
    (JSON_PATCH, b'[{"op":"remove","path":"/a","path":"/b"}]'),
    (JSON_PATCH, b"[" * 5000),
    (MERGE_PATCH, b"[]"),
    (MERGE_PATCH, b"\xff"),
    ({}, b'{"active":true}'),
    ({}, b'{"resourceType":"Patient","active":true}'),
    ({}, b'{"resourceType":"Parameters","parameter":[{"name":"operation","valueFoo":1}]}'),
    ({}, b'{"resourceType":"Parameters","parameter":[{"name":"x"}]}'),
)


async def test_what_is_no_patch_of_its_kind_is_400(client: Client) -> None:
    url = await stored(client)
    for headers, body in NO_PATCHES:
        answer = await client.patch(url, content=body, headers=headers)
        assert answer.status_code == 400, body[:80]
        assert issues(answer)


@pytest.mark.rule("FPP-1", "FPP-5")
async def test_fpp_5_a_fhirpath_patch_that_cannot_be_done_names_its_operation(client: Client) -> None:
    url = await stored(client)
    answer = await client.patch(url, json=operation("replace", "Patient.gender", value=("valueCode", "male")))
    assert answer.status_code == 422
    assert issues(answer)[0]["expression"] == ["Parameters.parameter[0]"]


@pytest.mark.rule("PAT-4")
class TestNarrative:
    async def patched(self, client: Client, status: str, changes: dict[str, Any]) -> Any:
        url = await stored(client, text={"status": status, "div": DIV}, name=[{"text": "Anna"}])
        return await client.patch(url, json=changes, headers=MERGE_PATCH)

    @pytest.mark.parametrize("status", ["generated", "extensions"])
    async def test_pat_4_a_generated_one_is_dropped_where_the_data_change(self, client: Client, status: str) -> None:
        answer = await self.patched(client, status, {"name": [{"text": "Berta"}]})
        assert answer.status_code == 200
        assert "text" not in answer.json()

    @pytest.mark.parametrize("status", ["generated", "additional"])
    async def test_pat_4_one_that_is_patched_too_is_the_clients(self, client: Client, status: str) -> None:
        text = {"status": status, "div": DIV.replace("Anna", "Berta")}
        answer = await self.patched(client, status, {"name": [{"text": "Berta"}], "text": text})
        assert answer.json()["text"] == text

    async def test_pat_4_one_that_says_more_than_the_data_is_not_left_untrue(self, client: Client) -> None:
        answer = await self.patched(client, "additional", {"name": [{"text": "Berta"}]})
        assert answer.status_code == 422
        assert issues(answer)[0]["expression"] == ["Patient.text"]

    @pytest.mark.parametrize("status", ["generated", "additional"])
    async def test_pat_4_it_stays_where_no_data_change(self, client: Client, status: str) -> None:
        answer = await self.patched(client, status, {"meta": {"profile": ["http://example.org/p"]}})
        assert answer.status_code == 200
        assert answer.json()["text"]["div"] == DIV

    async def test_pat_4_an_empty_one_says_nothing_untrue(self, client: Client) -> None:
        answer = await self.patched(client, "empty", {"name": [{"text": "Berta"}]})
        assert answer.json()["text"]["status"] == "empty"


@pytest.mark.rule("PAT-3")
class TestConditional:
    async def test_pat_3_one_match_is_patched(self, client: Client) -> None:
        url = await stored(client)
        other = await stored(client)
        answer = await client.patch(
            "/fhir/Patient", params={"_id": url.rpartition("/")[2]}, json=ACTIVATE_JSON, headers=JSON_PATCH
        )
        assert (answer.status_code, answer.json()["active"]) == (200, True)
        assert f"{BASE}/Patient/{answer.json()['id']}".endswith(url)
        assert (await client.get(other)).headers["etag"] == 'W/"1"'

    async def test_pat_3_the_search_may_be_of_any_kind(self, client: Client) -> None:
        url = await stored(client)
        number = url.rpartition("/")[2]
        await client.post("/fhir/Observation", json=observation(number))
        await client.post("/fhir/Observation", json=observation("somebody-else"))
        answer = await client.patch(
            f"/fhir/Observation?patient={number}&code=cement-volume",
            json=[{"op": "replace", "path": "/status", "value": "amended"}],
            headers=JSON_PATCH,
        )
        assert (answer.status_code, answer.json()["status"]) == (200, "amended")

    async def test_pat_3_no_match_is_404(self, client: Client) -> None:
        answer = await client.patch("/fhir/Patient?_id=nobody", json=ACTIVATE_JSON, headers=JSON_PATCH)
        assert (answer.status_code, issues(answer)[0]["code"]) == (404, "not-found")

    async def test_pat_3_several_are_412_and_none_is_changed(self, client: Client) -> None:
        urls = [await stored(client), await stored(client)]
        ids = ",".join(url.rpartition("/")[2] for url in urls)
        answer = await client.patch(f"/fhir/Patient?_id={ids}", json=ACTIVATE_JSON, headers=JSON_PATCH)
        assert (answer.status_code, issues(answer)[0]["code"]) == (412, "multiple-matches")
        for url in urls:
            assert (await client.get(url)).headers["etag"] == 'W/"1"'

    async def test_pat_3_what_no_longer_matches_when_it_is_written_is_not_patched(self, client: Client) -> None:
        await stored(client, gender="female")
        change = {"gender": "male"}
        url = "/fhir/Patient?gender=female"
        answers = await asyncio.gather(*(client.patch(url, json=change, headers=MERGE_PATCH) for _ in range(4)))
        assert sorted(answer.status_code for answer in answers) == [200, 404, 404, 404]

    async def test_pat_3_many_that_patch_the_same_one_at_the_same_time_all_do(self, client: Client) -> None:
        await stored(client, gender="female", identifier=[{"value": "first"}])
        url = "/fhir/Patient?gender=female"
        bodies = [[identifier(letter)] for letter in "abcdefghijklmnop"]
        answers = await asyncio.gather(*(client.patch(url, json=body, headers=JSON_PATCH) for body in bodies))
        assert [answer.status_code for answer in answers] == [200] * len(bodies)
        assert len((await client.get(url)).json()["entry"][0]["resource"]["identifier"]) == len(bodies) + 1

    async def test_a_search_that_asks_for_nothing_known_is_400(self, client: Client) -> None:
        url = await stored(client)
        for query in ("", "?", "?_count=1", "?shoe-size=43", "?_id=a&shoe-size=43"):
            answer = await client.patch(f"/fhir/Patient{query}", json=ACTIVATE_JSON, headers=JSON_PATCH)
            assert answer.status_code == 400, query
            assert issues(answer)
        assert (await client.get(url)).headers["etag"] == 'W/"1"'


async def test_patches_at_the_same_time_are_all_there_afterwards(client: Client) -> None:
    letters = "abcdefghijklmnop"
    url = await stored(client)
    bodies = [[{"op": "test", "path": "/resourceType", "value": "Patient"}, add] for add in map(identifier, letters)]
    await client.patch(url, json={"identifier": [{"value": "first"}]}, headers=MERGE_PATCH)
    answers = await asyncio.gather(*(client.patch(url, json=body, headers=JSON_PATCH) for body in bodies))
    assert [answer.status_code for answer in answers] == [200] * len(letters)
    values = [one["value"] for one in (await client.get(url)).json()["identifier"]]
    assert sorted(values) == [*letters[:6], "first", *letters[6:]]


def identifier(value: str) -> dict[str, Any]:
    return {"op": "add", "path": "/identifier/-", "value": {"value": value}}


async def test_a_large_resource_is_patched_too(client: Client) -> None:
    url = await stored(client, name=[{"text": "x" * 1000}] * 100)
    answer = await client.patch(url, content=json.dumps(ACTIVATE_JSON), headers=JSON_PATCH)
    assert (answer.status_code, answer.json()["active"]) == (200, True)
