"""Create, read, vread, update and delete; each test names the rule of the R4 REST rules it proves."""

from __future__ import annotations

import asyncio
import re
from email.utils import parsedate_to_datetime

import pytest
from api_client import BASE, Client, issues, observation, patient

DECIMALS = (
    b'{"resourceType":"Observation","status":"final","code":{"text":"VAS \\u00e9"},'
    b'"valueQuantity":{"value":8.0},"extension":[{"url":"http://example.org/new","valueDecimal":1.10e2}]}'
)

AS_IT_IS = {"accept-encoding": "identity"}
"""No coding: how long a compressed answer to HEAD would be is not found out."""


async def created(client: Client, **more: object) -> str:
    return str((await client.post("/fhir/Patient", json=patient(**more))).json()["id"])


@pytest.mark.rule("CRE-1")
async def test_cre_1_create_answers_201_with_location_etag_and_last_modified(client: Client) -> None:
    answer = await client.post("/fhir/Patient", json=patient(gender="female"))
    assert answer.status_code == 201
    body = answer.json()
    assert answer.headers["location"] == f"{BASE}/Patient/{body['id']}/_history/1"
    assert answer.headers["etag"] == 'W/"1"'
    assert parsedate_to_datetime(answer.headers["last-modified"]).tzinfo is not None
    assert answer.headers["content-type"] == "application/fhir+json"
    assert body["gender"] == "female"


@pytest.mark.rule("CRE-2")
async def test_cre_2_an_id_and_a_version_that_were_sent_are_not_kept(client: Client) -> None:
    meta = {"versionId": "77", "lastUpdated": "1999-01-01T00:00:00Z", "profile": ["http://example.org/p"]}
    body = (await client.post("/fhir/Patient", json=patient(id="mine", meta=meta))).json()
    assert body["id"] != "mine"
    assert body["meta"]["versionId"] == "1"
    assert not body["meta"]["lastUpdated"].startswith("1999")
    assert body["meta"]["profile"] == ["http://example.org/p"]
    assert (await client.get("/fhir/Patient/mine")).status_code == 404


@pytest.mark.rule("CRE-3")
async def test_cre_3_an_unknown_type_is_404(idle_client: Client) -> None:
    answer = await idle_client.post("/fhir/Practitioner", json={"resourceType": "Practitioner"})
    assert answer.status_code == 404
    assert issues(answer)[0]["code"] == "not-supported"


async def test_what_is_stored_is_what_was_sent_to_the_digit(client: Client) -> None:
    made = await client.post("/fhir/Observation", content=DECIMALS)
    sent = DECIMALS.removeprefix(b'{"resourceType":"Observation",')
    assert made.content.endswith(sent)
    assert (await client.get(f"/fhir/Observation/{made.json()['id']}")).content == made.content


@pytest.mark.rule("READ-1")
async def test_read_1_read_gives_the_resource_of_the_url_with_etag_and_last_modified(client: Client) -> None:
    await client.put("/fhir/Patient/a.b-1", json=patient(id="a.b-1"))
    answer = await client.get("/fhir/Patient/a.b-1")
    assert answer.status_code == 200
    assert answer.json()["id"] == "a.b-1"
    assert answer.headers["etag"] == 'W/"1"'
    assert "last-modified" in answer.headers


@pytest.mark.rule("READ-2")
async def test_read_2_what_never_was_is_404_and_what_was_deleted_410(client: Client) -> None:
    number = await created(client)
    missing = await client.get("/fhir/Patient/nobody")
    assert missing.status_code == 404
    assert issues(missing)[0]["code"] == "not-found"
    await client.delete(f"/fhir/Patient/{number}")
    gone = await client.get(f"/fhir/Patient/{number}")
    assert gone.status_code == 410
    assert issues(gone)[0]["code"] == "deleted"


@pytest.mark.rule("READ-3")
async def test_read_3_the_version_the_client_has_is_304_without_body(client: Client) -> None:
    number = await created(client)
    first = await client.get(f"/fhir/Patient/{number}")
    for condition in (
        {"if-none-match": first.headers["etag"]},
        {"if-none-match": 'W/"9", W/"1"'},
        {"if-modified-since": first.headers["last-modified"]},
    ):
        again = await client.get(f"/fhir/Patient/{number}", headers=condition)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == 'W/"1"'
    await client.put(f"/fhir/Patient/{number}", json=patient(id=number, active=True))
    for condition in (
        {"if-none-match": 'W/"1"'},
        {"if-modified-since": "Thu, 01 Jan 2015 00:00:00 GMT"},
        {"if-modified-since": "yesterday"},
        {"if-modified-since": "Mon, 01 Jan 99999999999999 00:00:00 GMT"},
        {"if-modified-since": "Mon, 01 Jan 2015 00:00:00 +99999999999999"},
    ):
        assert (await client.get(f"/fhir/Patient/{number}", headers=condition)).status_code == 200


@pytest.mark.rule("VREAD-1")
@pytest.mark.rule("GEN-10")
async def test_vread_1_every_version_stays_readable(client: Client) -> None:
    number = await created(client, gender="female")
    await client.put(f"/fhir/Patient/{number}", json=patient(id=number, gender="male"))
    first = await client.get(f"/fhir/Patient/{number}/_history/1")
    second = await client.get(f"/fhir/Patient/{number}/_history/2")
    assert (first.json()["gender"], first.json()["meta"]["versionId"]) == ("female", "1")
    assert (second.json()["gender"], second.json()["meta"]["versionId"]) == ("male", "2")
    assert first.headers["etag"] == 'W/"1"'


@pytest.mark.rule("VREAD-2")
async def test_vread_2_the_deletion_is_410_and_an_unknown_version_404(client: Client) -> None:
    number = await created(client)
    await client.delete(f"/fhir/Patient/{number}")
    assert (await client.get(f"/fhir/Patient/{number}/_history/1")).status_code == 200
    assert (await client.get(f"/fhir/Patient/{number}/_history/2")).status_code == 410
    for version in ("3", "0", "abc", "9" * 30, "01x"):
        answer = await client.get(f"/fhir/Patient/{number}/_history/{version}")
        assert answer.status_code == 404
        assert issues(answer)[0]["code"] == "not-found"


@pytest.mark.parametrize("body", [patient(), patient(id="other")])
@pytest.mark.rule("UPD-1")
async def test_upd_1_an_id_missing_or_other_than_the_url_is_400(idle_client: Client, body: dict[str, object]) -> None:
    answer = await idle_client.put("/fhir/Patient/a", json=body)
    assert answer.status_code == 400
    assert issues(answer)[0]["expression"] == ["Patient.id"]
    assert (await idle_client.get("/fhir/Patient/a")).status_code == 404


@pytest.mark.rule("UPD-2")
async def test_upd_2_a_version_that_was_sent_is_set_anew(client: Client) -> None:
    body = patient(id="a", meta={"versionId": "41", "lastUpdated": "1999-01-01T00:00:00Z"})
    await client.put("/fhir/Patient/a", json=body)
    answer = await client.put("/fhir/Patient/a", json=body)
    assert answer.json()["meta"]["versionId"] == "2"
    assert not answer.json()["meta"]["lastUpdated"].startswith("1999")


@pytest.mark.rule("UPD-3")
async def test_upd_3_update_is_201_for_the_first_version_and_200_for_the_next(client: Client) -> None:
    first = await client.put("/fhir/Patient/a", json=patient(id="a"))
    second = await client.put("/fhir/Patient/a", json=patient(id="a", active=True))
    assert (first.status_code, first.headers["location"]) == (201, f"{BASE}/Patient/a/_history/1")
    assert (second.status_code, second.headers["etag"]) == (200, 'W/"2"')
    assert "location" not in second.headers
    assert second.json()["active"] is True


@pytest.mark.rule("UPD-5")
async def test_upd_5_invalid_content_is_400_with_every_finding_and_nothing_is_stored(idle_client: Client) -> None:
    body = patient(id="a", gender="unclear", birthDate="1990-02-30", colour="blue")
    answer = await idle_client.put("/fhir/Patient/a", json=body)
    assert answer.status_code == 400
    found = {expression for issue in issues(answer) for expression in issue["expression"]}
    assert found == {"Patient.gender", "Patient.birthDate", "Patient.colour"}
    assert (await idle_client.get("/fhir/Patient/a")).status_code == 404


@pytest.mark.rule("VER-1")
async def test_ver_1_if_match_of_another_version_is_412_and_changes_nothing(client: Client) -> None:
    await client.put("/fhir/Patient/a", json=patient(id="a"))
    for tag in ('W/"2"', 'W/"x"', '"0"'):
        answer = await client.put("/fhir/Patient/a", json=patient(id="a", active=True), headers={"if-match": tag})
        assert answer.status_code == 412
        assert issues(answer)[0]["code"] == "conflict"
    assert (await client.delete("/fhir/Patient/a", headers={"if-match": 'W/"2"'})).status_code == 412
    assert (await client.get("/fhir/Patient/a")).headers["etag"] == 'W/"1"'
    matching = await client.put("/fhir/Patient/a", json=patient(id="a", active=True), headers={"if-match": 'W/"1"'})
    assert matching.status_code == 200


@pytest.mark.rule("VER-1")
async def test_ver_1_of_updates_at_once_with_one_if_match_one_gets_through(client: Client) -> None:
    await client.put("/fhir/Patient/a", json=patient(id="a"))
    updates = (
        client.put("/fhir/Patient/a", json=patient(id="a", multipleBirthInteger=n), headers={"if-match": 'W/"1"'})
        for n in range(1, 21)
    )
    statuses = sorted(answer.status_code for answer in await asyncio.gather(*updates))
    assert statuses == [200, *[412] * 19]
    assert (await client.get("/fhir/Patient/a")).headers["etag"] == 'W/"2"'


@pytest.mark.rule("VER-1")
async def test_ver_1_if_match_that_is_no_etag_is_400(idle_client: Client) -> None:
    for tag in ("1", "*", 'W/"1", W/"2"'):
        answer = await idle_client.put("/fhir/Patient/a", json=patient(id="a"), headers={"if-match": tag})
        assert answer.status_code == 400
        assert "If-Match" in issues(answer)[0]["diagnostics"]


@pytest.mark.rule("DEL-1")
async def test_del_1_delete_answers_204_whether_it_was_there_or_not(client: Client) -> None:
    number = await created(client)
    for _ in range(2):
        answer = await client.delete(f"/fhir/Patient/{number}")
        assert (answer.status_code, answer.content) == (204, b"")
    assert (await client.delete("/fhir/Patient/never")).status_code == 204
    assert (await client.get("/fhir/Patient/never")).status_code == 404


@pytest.mark.rule("DEL-2")
async def test_del_2_a_deleted_resource_is_not_found_by_search_and_put_brings_it_back(client: Client) -> None:
    await client.put("/fhir/Patient/a", json=patient(id="a"))
    await client.delete("/fhir/Patient/a")
    assert (await client.get("/fhir/Patient?_id=a")).json()["total"] == 0
    back = await client.put("/fhir/Patient/a", json=patient(id="a"))
    assert (back.status_code, back.headers["etag"]) == (201, 'W/"3"')
    assert (await client.get("/fhir/Patient?_id=a")).json()["total"] == 1


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.rule("GEN-9")
async def test_gen_9_prefer_says_what_a_write_answers(client: Client, method: str) -> None:
    async def write(prefer: str | None) -> tuple[int, str]:
        url = "/fhir/Patient" if method == "POST" else "/fhir/Patient/a"
        headers = {"prefer": prefer} if prefer else {}
        answer = await client.request(method, url, json=patient(id="a"), headers=headers)
        return answer.status_code, answer.json()["resourceType"] if answer.content else ""

    assert [await write(prefer) for prefer in (None, "return=representation", "return=whatever")] == [
        (201, "Patient"),
        (201 if method == "POST" else 200, "Patient"),
        (201 if method == "POST" else 200, "Patient"),
    ]
    assert (await write("return=minimal"))[1] == ""
    assert (await write("handling=strict; return=OperationOutcome"))[1] == "OperationOutcome"


@pytest.mark.rule("GEN-9")
async def test_gen_9_delete_tells_what_it_did_where_an_outcome_is_preferred(client: Client) -> None:
    number = await created(client)
    answer = await client.delete(f"/fhir/Patient/{number}", headers={"prefer": "return=OperationOutcome"})
    assert answer.status_code == 200
    assert f"Patient/{number} is deleted" in answer.json()["issue"][0]["diagnostics"]


@pytest.mark.rule("GEN-9")
async def test_gen_9_a_refusal_has_its_outcome_whatever_is_preferred(idle_client: Client) -> None:
    answer = await idle_client.post("/fhir/Patient", json=patient(gender=1), headers={"prefer": "return=minimal"})
    assert answer.status_code == 400
    assert issues(answer)


@pytest.mark.rule("GEN-3")
async def test_gen_3_etag_and_last_modified_are_those_of_meta(client: Client) -> None:
    answer = await client.post("/fhir/Patient", json=patient())
    meta = answer.json()["meta"]
    assert answer.headers["etag"] == f'W/"{meta["versionId"]}"'
    assert parsedate_to_datetime(answer.headers["last-modified"]).isoformat()[:19] == meta["lastUpdated"][:19]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", meta["lastUpdated"])


@pytest.mark.rule("GEN-1")
async def test_gen_1_types_and_ids_are_case_sensitive(client: Client) -> None:
    await client.put("/fhir/Patient/Abc", json=patient(id="Abc"))
    assert (await client.get("/fhir/Patient/abc")).status_code == 404
    assert (await client.get("/fhir/patient/Abc")).status_code == 404


@pytest.mark.rule("GEN-4")
async def test_gen_4_head_answers_as_get_without_the_body(client: Client) -> None:
    number = await created(client)
    for url in (f"/fhir/Patient/{number}", "/fhir/Patient", "/fhir/metadata", "/fhir/Patient/nobody"):
        head, get = await client.head(url, headers=AS_IT_IS), await client.get(url, headers=AS_IT_IS)
        assert head.status_code == get.status_code
        assert head.content == b""
        assert head.headers["content-length"] == str(len(get.content))
        assert head.headers.get("etag") == get.headers.get("etag")


async def test_every_served_type_is_created_read_updated_and_deleted(client: Client) -> None:
    concept = {"coding": [{"system": "http://example.org", "code": "x"}]}
    someone = {"reference": "Patient/p"}
    reference = {"reference": "Observation/o"}
    bodies: dict[str, dict[str, object]] = {
        "AdverseEvent": {"actuality": "actual", "subject": someone, "event": concept},
        "Condition": {"subject": someone, "code": concept},
        "DetectedIssue": {"status": "final", "code": concept},
        "Device": {"deviceName": [{"name": "extractor", "type": "other"}]},
        "DocumentReference": {"status": "current", "content": [{"attachment": {"title": "A report"}}]},
        "Group": {"type": "person", "actual": False},
        "Observation": observation("p"),
        "Patient": {},
        "Procedure": {"status": "completed", "subject": someone, "code": concept},
        "Provenance": {"target": [reference], "recorded": "2026-01-31T12:00:00Z", "agent": [{"who": someone}]},
    }
    for name, body in bodies.items():
        made = await client.post(f"/fhir/{name}", json={"resourceType": name, **body})
        assert made.status_code == 201, made.text
        url = f"/fhir/{name}/{made.json()['id']}"
        assert (await client.get(url)).content == made.content
        assert (await client.put(url, content=made.content)).status_code == 200
        assert (await client.get(f"/fhir/{name}")).json()["total"] == 1
        assert (await client.delete(url)).status_code == 204
        assert (await client.get(url)).status_code == 410
