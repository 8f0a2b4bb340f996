"""Writes that depend on a search or a version; each test names the rule of the R4 REST rules it proves."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from api_client import BASE, Client, issues, patient

SEARCH = "identifier=urn:test|{}"


def known(name: str, **more: Any) -> dict[str, Any]:
    return patient(identifier=[{"system": "urn:test", "value": name}], **more)


async def create(client: Client, name: str, **headers: str) -> httpx.Response:
    return await client.post(
        "/fhir/Patient", json=known(name), headers={"if-none-exist": SEARCH.format(name), **headers}
    )


async def count(client: Client) -> int:
    return int((await client.get("/fhir/Patient?_summary=count")).json()["total"])


async def stored(client: Client, *ids: str, name: str = "x") -> None:
    for one in ids:
        await client.put(f"/fhir/Patient/{one}", json=known(name, id=one))


@pytest.mark.rule("CCRE-1")
async def test_a_conditional_create_makes_one_and_then_tells_which_one(client: Client) -> None:
    made = await create(client, "x")
    again = await create(client, "x")
    assert (made.status_code, again.status_code) == (201, 200)
    assert again.headers["location"] == made.headers["location"]
    assert again.headers["etag"] == 'W/"1"'
    assert again.content == made.content
    assert await count(client) == 1
    assert (await create(client, "y")).status_code == 201


@pytest.mark.rule("CCRE-1")
async def test_a_conditional_create_with_several_matches_makes_none(client: Client) -> None:
    await stored(client, "a", "b")
    answer = await create(client, "x")
    assert answer.status_code == 412
    assert issues(answer)[0]["code"] == "multiple-matches"
    assert await count(client) == 2


@pytest.mark.rule("CCRE-1")
async def test_a_condition_is_read_with_and_without_question_mark_and_type(client: Client) -> None:
    await stored(client, "a")
    for form in ("?identifier=urn:test|x", "Patient?identifier=urn%3Atest%7Cx", f"{BASE}/Patient?identifier=x"):
        answer = await client.post("/fhir/Patient", json=known("x"), headers={"if-none-exist": form})
        assert answer.status_code == 200, form


@pytest.mark.rule("CCRE-1")
async def test_a_search_in_the_url_of_a_create_is_a_condition_too(client: Client) -> None:
    for status in (201, 200):
        answer = await client.post(f"/fhir/Patient?{SEARCH.format('x')}", json=known("x"))
        assert answer.status_code == status
        assert answer.json()["identifier"][0]["value"] == "x"
    assert (await client.post("/fhir/Patient?colour=blue", json=known("y"))).status_code == 400
    assert (await client.post("/fhir/Patient?_format=json", json=known("y"))).status_code == 201
    assert await count(client) == 2


@pytest.mark.rule("CCRE-1", "DEL-2")
async def test_what_was_deleted_is_found_by_no_condition(client: Client) -> None:
    await stored(client, "a")
    await client.delete("/fhir/Patient/a")
    assert (await create(client, "x")).status_code == 201


@pytest.mark.rule("CUPD-1", "UPD-3")
async def test_a_conditional_update_without_match_creates(client: Client) -> None:
    fresh = await client.put(f"/fhir/Patient?{SEARCH.format('x')}", json=known("x"))
    named = await client.put(f"/fhir/Patient?{SEARCH.format('y')}", json=known("y", id="why"))
    assert (fresh.status_code, named.status_code) == (201, 201)
    assert fresh.headers["location"] == f"{BASE}/Patient/{fresh.json()['id']}/_history/1"
    assert named.headers["location"] == f"{BASE}/Patient/why/_history/1"
    assert await count(client) == 2


@pytest.mark.rule("CUPD-1")
async def test_a_conditional_update_does_not_take_the_id_of_a_resource_that_does_not_match(client: Client) -> None:
    await stored(client, "a", name="other")
    answer = await client.put(f"/fhir/Patient?{SEARCH.format('x')}", json=known("x", id="a"))
    assert answer.status_code == 409
    assert issues(answer)[0]["code"] == "conflict"
    assert (await client.get("/fhir/Patient/a")).json()["identifier"][0]["value"] == "other"
    await client.delete("/fhir/Patient/a")
    assert (await client.put(f"/fhir/Patient?{SEARCH.format('x')}", json=known("x", id="a"))).status_code == 201


@pytest.mark.rule("CUPD-2")
@pytest.mark.parametrize("more", [{}, {"id": "a"}])
async def test_a_conditional_update_with_one_match_updates_it(client: Client, more: dict[str, str]) -> None:
    await stored(client, "a")
    answer = await client.put(f"/fhir/Patient?{SEARCH.format('x')}", json=known("x", active=True, **more))
    assert (answer.status_code, answer.headers["etag"]) == (200, 'W/"2"')
    body = (await client.get("/fhir/Patient/a")).json()
    assert (body["id"], body["meta"]["versionId"], body["active"]) == ("a", "2", True)
    assert await count(client) == 1


@pytest.mark.rule("CUPD-3")
async def test_a_conditional_update_with_another_id_or_several_matches_is_refused(client: Client) -> None:
    await stored(client, "a")
    other = await client.put(f"/fhir/Patient?{SEARCH.format('x')}", json=known("x", id="b"))
    assert other.status_code == 400
    assert issues(other)[0]["expression"] == ["Patient.id"]
    await stored(client, "b")
    several = await client.put(f"/fhir/Patient?{SEARCH.format('x')}", json=known("x"))
    assert several.status_code == 412
    assert issues(several)[0]["code"] == "multiple-matches"
    assert (await client.get("/fhir/Patient/a")).json()["meta"]["versionId"] == "1"


@pytest.mark.rule("CDEL-1", "DEL-1", "DEL-2")
async def test_a_conditional_delete_deletes_the_one_match_and_never_several(client: Client) -> None:
    await stored(client, "a", "b")
    several = await client.delete(f"/fhir/Patient?{SEARCH.format('x')}")
    assert several.status_code == 412
    assert issues(several)[0]["code"] == "multiple-matches"
    assert await count(client) == 2
    await client.delete("/fhir/Patient/b")
    one = await client.delete(f"/fhir/Patient?{SEARCH.format('x')}")
    assert (one.status_code, one.headers["etag"]) == (204, 'W/"2"')
    assert (await client.get("/fhir/Patient/a")).status_code == 410
    none = await client.delete(f"/fhir/Patient?{SEARCH.format('x')}")
    assert (none.status_code, none.content) == (204, b"")


@pytest.mark.rule("CDEL-1", "GEN-9")
async def test_a_conditional_delete_tells_what_it_did_on_demand(client: Client) -> None:
    await stored(client, "a")
    prefer = {"prefer": "return=OperationOutcome"}
    texts = []
    for _ in range(2):
        answer = await client.delete(f"/fhir/Patient?{SEARCH.format('x')}", headers=prefer)
        assert answer.status_code == 200
        texts.append(answer.json()["issue"][0]["diagnostics"])
    assert texts == ["Patient/a is deleted; its version is 2", "no Patient matches; nothing was deleted"]


@pytest.mark.rule("CUPD-3", "CDEL-1", "CCRE-1", "ERR-1")
@pytest.mark.parametrize(
    ("search", "code"),
    [
        *[("", "invalid"), ("_format=json", "invalid"), ("_count=1", "invalid")],
        *[("identifier=", "not-supported"), ("colour=blue", "not-supported")],
        *[("_id=a&colour=blue", "not-supported"), ("_lastUpdated=yesterday", "invalid")],
    ],
)
async def test_a_condition_that_would_match_more_than_was_meant_is_refused(
    client: Client, search: str, code: str
) -> None:
    await stored(client, "a")
    answers = [
        await client.put(f"/fhir/Patient?{search}", json=known("x")),
        await client.delete(f"/fhir/Patient?{search}"),
    ]
    if search:
        answers.append(await client.post("/fhir/Patient", json=known("y"), headers={"if-none-exist": search}))
    for answer in answers:
        assert answer.status_code == 400
        assert issues(answer)[0]["code"] == code
    assert await count(client) == 1
    assert (await client.get("/fhir/Patient/a")).json()["meta"]["versionId"] == "1"


@pytest.mark.rule("VER-1")
async def test_if_match_holds_for_conditional_writes_too(client: Client) -> None:
    url = f"/fhir/Patient?{SEARCH.format('x')}"
    await stored(client, "a")
    stale = {"if-match": 'W/"7"'}
    assert (await client.put(url, json=known("x"), headers=stale)).status_code == 412
    assert (await client.delete(url, headers=stale)).status_code == 412
    assert (await client.put(url, json=known("x"), headers={"if-match": 'W/"1"'})).status_code == 200
    assert (await client.delete(url, headers={"if-match": 'W/"2"'})).status_code == 204
    assert (await client.put(url, json=known("x"), headers={"if-match": 'W/"3"'})).status_code == 412
    assert (await client.delete(url, headers={"if-match": 'W/"3"'})).status_code == 412
    assert await count(client) == 0


@pytest.mark.rule("VER-1", "VER-2")
async def test_an_update_that_may_only_create_leaves_what_is_there(client: Client) -> None:
    only_new = {"if-none-match": "*"}
    answers = [await client.put("/fhir/Patient/a", json=known("x", id="a"), headers=only_new) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 412]
    found = await client.put(f"/fhir/Patient?{SEARCH.format('x')}", json=known("x"), headers=only_new)
    assert found.status_code == 412
    malformed = await client.put("/fhir/Patient/a", json=known("x", id="a"), headers={"if-match": "1"})
    assert malformed.status_code == 400
    assert (await client.get("/fhir/Patient/a")).json()["meta"]["versionId"] == "1"


@pytest.mark.rule("CRE-3", "UPD-5")
async def test_a_conditional_write_of_what_is_not_valid_is_refused_before_the_search(client: Client) -> None:
    wrong = known("x", gender="unclear")
    headers = {"if-none-exist": SEARCH.format("x")}
    for answer in (
        await client.post("/fhir/Patient", json=wrong, headers=headers),
        await client.put(f"/fhir/Patient?{SEARCH.format('x')}", json=wrong),
        await client.put(f"/fhir/Patient?{SEARCH.format('x')}", json={"resourceType": "Observation"}),
    ):
        assert answer.status_code == 400
    assert await count(client) == 0


@pytest.mark.rule("HIS-4")
async def test_history_shows_conditional_writes_as_plain_ones(client: Client) -> None:
    await create(client, "x")
    await client.put(f"/fhir/Patient?{SEARCH.format('x')}", json=known("x"))
    await client.delete(f"/fhir/Patient?{SEARCH.format('x')}")
    entries = (await client.get("/fhir/Patient/_history")).json()["entry"]
    resource_id = entries[-1]["resource"]["id"]
    asked = [(entry["request"]["method"], entry["request"]["url"]) for entry in entries]
    address = f"Patient/{resource_id}"
    assert asked == [("DELETE", address), ("PUT", address), ("POST", "Patient")]


@pytest.mark.rule("CAP-2")
async def test_the_statement_says_which_conditions_are_offered(idle_client: Client) -> None:
    resources = (await idle_client.get("/fhir/metadata")).json()["rest"][0]["resource"]
    written = [each for each in resources if {"code": "create"} in each.get("interaction", ())]
    assert written
    for resource in written:
        told = [resource[f"conditional{kind}"] for kind in ("Create", "Update", "Delete")]
        assert told == [True, True, "single"]
        assert resource["readHistory"] is True


@pytest.mark.rule("CCRE-1")
async def test_an_empty_condition_creates_nothing(client: Client) -> None:
    answer = await client.post("/fhir/Patient", json=patient(), headers={"if-none-exist": ""})
    assert answer.status_code == 400
    assert issues(answer)
    assert (await client.get("/fhir/Patient?_summary=count")).json()["total"] == 0
