"""Transactions and batches; each test names the rule of the R4 REST rules it proves."""

from __future__ import annotations

import json

import pytest
from api_client import BASE, Client, issues, observation, patient
from bundle_client import Entry, count, done, get, post, write

URN = "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e3009450f{}"


@pytest.mark.rule("BUN-3")
async def test_bun_3_one_entry_answers_each_in_their_order(client: Client) -> None:
    await client.put("/fhir/Patient/old", json=patient(id="old"))
    entries = await done(
        client,
        get("Patient/a"),
        write("PUT", "Patient/a", patient(id="a")),
        write("POST", "Patient", patient()),
        write("DELETE", "Patient/old"),
        write("DELETE", "Patient/never"),
        get("Patient?_summary=count"),
    )
    statuses = [entry["response"]["status"] for entry in entries]
    assert statuses == ["200 OK", "201 Created", "201 Created", "204 No Content", "204 No Content", "200 OK"]
    assert entries[0]["resource"]["id"] == "a"
    assert entries[0]["fullUrl"] == f"{BASE}/Patient/a"
    assert entries[1]["response"]["location"] == f"{BASE}/Patient/a/_history/1"
    assert entries[1]["response"]["etag"] == 'W/"1"'
    assert entries[3]["response"]["etag"] == 'W/"2"'
    assert entries[1]["response"]["lastModified"] == entries[2]["response"]["lastModified"]
    assert entries[5]["resource"]["total"] == 2


@pytest.mark.rule("TX-1")
async def test_tx_1_an_empty_transaction_is_fine(idle_client: Client) -> None:
    assert await done(idle_client) == []


@pytest.mark.rule("TX-1")
@pytest.mark.parametrize("size", [500, pytest.param(5_000, marks=pytest.mark.long)])
async def test_tx_1_one_bad_entry_among_many_changes_nothing_and_is_named(client: Client, size: int) -> None:
    entries = [write("PUT", f"Patient/p{n}", patient(id=f"p{n}")) for n in range(size)]
    entries[321]["resource"]["gender"] = "unclear"
    answer = await post(client, *entries)
    assert answer.status_code == 400
    (issue,) = issues(answer)
    assert issue["expression"] == ["Bundle.entry[321].resource.gender"]
    assert await count(client) == 0
    entries[321]["resource"]["gender"] = "other"
    refused = await post(client, *entries[:-1], write("PUT", "Patient/z", patient(id="z"), ifMatch='W/"3"'))
    assert refused.status_code == 412
    assert issues(refused)[0]["expression"] == [f"Bundle.entry[{size - 1}]"]
    assert await count(client) == 0
    assert len(await done(client, *entries)) == size
    assert await count(client) == size


@pytest.mark.rule("TX-1")
async def test_tx_1_everything_that_is_wrong_is_told_at_once(idle_client: Client) -> None:
    answer = await post(
        idle_client,
        write("PUT", "Patient/a", patient(id="b")),
        write("POST", "Practitioner", {"resourceType": "Practitioner"}),
        write("POST", "Patient", observation("a")),
        write("PUT", "Patient", patient(id="c")),
        write("PUT", "Patient/a b", patient(id="a b")),
        write("PUT", "Patient/d"),
        write("PATCH", "Patient/e", patient(id="e")),
        {"resource": patient()},
    )
    assert answer.status_code == 400
    named = {issue["expression"][0].split("]")[0] for issue in issues(answer)}
    assert named == {f"Bundle.entry[{n}" for n in range(8)}
    assert await count(idle_client) == 0


@pytest.mark.rule("TX-1")
async def test_tx_1_a_version_conflict_fails_the_whole_and_is_named(client: Client) -> None:
    await client.put("/fhir/Patient/a", json=patient(id="a"))
    answer = await post(
        client,
        write("PUT", "Patient/b", patient(id="b")),
        write("PUT", "Patient/a", patient(id="a", active=True), ifMatch='W/"7"'),
    )
    assert answer.status_code == 412
    (issue,) = issues(answer)
    assert issue["expression"] == ["Bundle.entry[1]"]
    assert await count(client) == 1


@pytest.mark.rule("TX-1")
async def test_tx_1_a_read_that_fails_fails_the_whole_before_anything_is_written(client: Client) -> None:
    answer = await post(client, write("PUT", "Patient/b", patient(id="b")), get("Patient/nobody"))
    assert answer.status_code == 404
    assert issues(answer)[0]["expression"] == ["Bundle.entry[1]"]
    bad = await post(client, write("PUT", "Patient/b", patient(id="b")), get("Patient?_count=-1"))
    assert bad.status_code == 400
    assert issues(bad)[0]["expression"] == ["Bundle.entry[1]", "http._count"]
    assert await count(client) == 0


@pytest.mark.rule("TX-2")
async def test_tx_2_the_order_of_methods_counts_and_not_that_of_the_entries(client: Client) -> None:
    await client.put("/fhir/Patient/a", json=patient(id="a"))
    entries = await done(
        client,
        get("Patient?_summary=count"),
        write("PUT", "Patient/b", patient(id="b")),
        write("POST", "Patient", patient()),
        write("DELETE", "Patient/a"),
    )
    assert entries[0]["resource"]["total"] == 2
    keys = [(await client.get(entry["response"]["location"])).json()["id"] for entry in entries[1:3]]
    found = (await client.get("/fhir/Patient")).json()["entry"]
    assert [entry["resource"]["id"] for entry in found] == [keys[1], keys[0]]


@pytest.mark.parametrize(
    "entries",
    [
        [write("PUT", "Patient/a", patient(id="a")), write("PUT", "Patient/a", patient(id="a"))],
        [write("PUT", "Patient/a", patient(id="a")), write("DELETE", "Patient/a")],
        [write("POST", "Patient", patient(), URN.format(1)), write("POST", "Patient", patient(), URN.format(1))],
    ],
)
@pytest.mark.rule("TX-3")
async def test_tx_3_the_same_identity_twice_is_refused(idle_client: Client, entries: list[Entry]) -> None:
    answer = await post(idle_client, *entries)
    assert answer.status_code == 400
    assert issues(answer)[0]["expression"][0].startswith("Bundle.entry[1]")
    assert await count(idle_client) == 0


@pytest.mark.rule("TX-4")
async def test_tx_4_links_to_a_created_resource_lead_to_it(client: Client) -> None:
    person, report = URN.format(1), URN.format(2)
    narrative = (
        f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{person}">p</a><img src=\'{report}\' alt="x"/></div>'
    )
    attachment = {"url": report, "title": report}
    document = {
        "resourceType": "DocumentReference",
        "status": "current",
        "subject": {"reference": person},
        "content": [{"attachment": attachment}],
        "text": {"status": "generated", "div": narrative},
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": person}],
        "extension": [
            {"url": "http://example.org/uri", "valueUri": person},
            {"url": "http://example.org/url", "valueUrl": person},
            {"url": "http://example.org/uuid", "valueUuid": person},
            {"url": "http://example.org/canonical", "valueCanonical": person},
            {"url": "http://example.org/string", "valueString": person},
            {"url": "http://example.org/decimal", "valueDecimal": 1.0},
        ],
    }
    entries = await done(
        client,
        write("POST", "DocumentReference", document, report),
        write("POST", "Patient", patient(), person),
    )
    stored = (await client.get(entries[0]["response"]["location"])).json()
    who = entries[1]["response"]["location"].removeprefix(f"{BASE}/").removesuffix("/_history/1")
    what = f"DocumentReference/{stored['id']}"
    assert stored["subject"]["reference"] == who
    assert stored["content"][0]["attachment"] == {"url": what, "title": report}
    assert f'href="{who}"' in stored["text"]["div"]
    assert f"src='{what}'" in stored["text"]["div"]
    assert stored["identifier"][0]["value"] == person
    values = {part["url"].rpartition("/")[2]: part for part in stored["extension"]}
    assert values["uri"]["valueUri"] == values["url"]["valueUrl"] == values["uuid"]["valueUuid"] == who
    assert values["canonical"]["valueCanonical"] == values["string"]["valueString"] == person


@pytest.mark.rule("TX-4")
async def test_tx_4_links_to_an_updated_resource_lead_to_it_and_decimals_survive(client: Client) -> None:
    body = (
        b'{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:uuid:61ebe359-bfdc-4613-8bf2-c5e3009450f1",'
        b'"resource":{"resourceType":"Patient","id":"p"},"request":{"method":"PUT","url":"Patient/p"}},'
        b'{"resource":{"resourceType":"Observation","id":"o","status":"final","code":{"text":"VAS"},'
        b'"subject":{"reference":"urn:uuid:61ebe359-bfdc-4613-8bf2-c5e3009450f1"},"valueQuantity":{"value":8.00}},'
        b'"request":{"method":"PUT","url":"Observation/o"}}]}'
    )
    assert (await client.post("/fhir", content=body)).status_code == 200
    text = (await client.get("/fhir/Observation/o")).text
    assert '"subject":{"reference":"Patient/p"},"valueQuantity":{"value":8.00}}' in text


@pytest.mark.rule("TX-4")
async def test_tx_4_a_version_specific_link_stays_version_specific(client: Client) -> None:
    body = observation(id="o", derivedFrom=[{"reference": f"{URN.format(1)}/_history/1"}])
    target = write("PUT", "Observation/t", observation(id="t"), URN.format(1))
    await done(client, write("PUT", "Observation/o", body), target)
    stored = (await client.get("/fhir/Observation/o")).json()
    assert stored["derivedFrom"][0]["reference"] == "Observation/t/_history/1"


@pytest.mark.rule("TX-6")
async def test_tx_6_relative_links_are_resolved_on_the_root_of_their_full_url(client: Client) -> None:
    root = "http://elsewhere.example/fhir"
    entries = await done(
        client,
        write("POST", "Patient", patient(), f"{root}/Patient/1"),
        write("POST", "Observation", observation("1"), f"{root}/Observation/2"),
        write("POST", "Observation", observation("1"), "http://third.example/fhir/Observation/3"),
    )
    who = entries[0]["response"]["location"].removeprefix(f"{BASE}/").removesuffix("/_history/1")
    subjects = [
        (await client.get(entry["response"]["location"])).json()["subject"]["reference"] for entry in entries[1:]
    ]
    assert subjects == [who, "Patient/1"]


@pytest.mark.rule("TX-4")
async def test_tx_4_a_link_with_escaped_characters_leads_to_its_entry_too(client: Client) -> None:
    full_url = "http://elsewhere.example/fhir/Patient/1"
    body = {"resourceType": "Bundle", "type": "transaction"}
    body["entry"] = [
        write("POST", "Patient", patient(), full_url),
        write("PUT", "Observation/o", observation(id="o") | {"subject": {"reference": full_url}}),
    ]
    text = json.dumps(body).replace(full_url, full_url.replace("/", "\\/"))
    assert (await client.post("/fhir", content=text)).status_code == 200
    (person,) = (await client.get("/fhir/Patient")).json()["entry"]
    stored = (await client.get("/fhir/Observation/o")).json()
    assert stored["subject"]["reference"] == f"Patient/{person['resource']['id']}"


@pytest.mark.rule("TX-6")
async def test_tx_6_a_urn_that_no_entry_has_is_refused(idle_client: Client) -> None:
    body = observation() | {"subject": {"reference": URN.format(9)}}
    answer = await post(idle_client, write("POST", "Patient", patient()), write("POST", "Observation", body))
    assert answer.status_code == 400
    assert issues(answer)[0]["expression"] == ["Bundle.entry[1].resource"]
    assert await count(idle_client) == 0


@pytest.mark.rule("BUN-2")
async def test_bun_2_conditions_of_an_entry_stand_for_the_headers(client: Client) -> None:
    await client.put("/fhir/Patient/a", json=patient(id="a"))
    (entry,) = await done(client, write("GET", "Patient/a", ifNoneMatch='W/"1"'))
    assert entry["response"]["status"] == "304 Not Modified"
    assert "resource" not in entry
    (entry,) = await done(client, write("PUT", "Patient/a", patient(id="a", active=True), ifMatch='W/"1"'))
    assert entry["response"]["etag"] == 'W/"2"'


@pytest.mark.parametrize(
    ("prefer", "resource", "outcome"),
    [
        ("return=minimal", False, False),
        ("return=representation", True, False),
        ("return=OperationOutcome", False, True),
    ],
)
@pytest.mark.rule("GEN-9")
async def test_gen_9_prefer_says_what_a_transaction_answers(
    client: Client, prefer: str, resource: bool, outcome: bool
) -> None:
    await client.put("/fhir/Patient/old", json=patient(id="old"))
    entry, deleted = await done(
        client, write("PUT", "Patient/a", patient(id="a")), write("DELETE", "Patient/old"), prefer=prefer
    )
    assert ("resource" in entry, "outcome" in entry["response"]) == (resource, outcome)
    assert "resource" not in deleted


async def test_every_get_can_be_an_entry(client: Client) -> None:
    await client.put("/fhir/Patient/a", json=patient(id="a"))
    urls = [
        "Patient/a/_history/1",
        "/Patient/a",
        f"{BASE}/Patient/a",
        "Patient/a/$everything",
        "metadata",
        "Patient?_id=a",
    ]
    entries = await done(client, *map(get, urls), write("HEAD", "Patient/a"))
    assert {entry["response"]["status"] for entry in entries} == {"200 OK"}
    assert "resource" not in entries[-1]
    assert [entry["resource"]["resourceType"] for entry in entries[:-1]] == [
        *["Patient"] * 3,
        "Bundle",
        "CapabilityStatement",
        "Bundle",
    ]


@pytest.mark.rule("BAT-1")
async def test_bat_1_each_entry_of_a_batch_stands_for_itself(client: Client) -> None:
    entries = await done(
        client,
        write("PUT", "Patient/a", patient(id="a")),
        write("PUT", "Patient/b", patient(id="b", gender="unclear")),
        get("Patient/a"),
        get("Patient/nobody"),
        write("PUT", "Patient/a", patient(id="a"), ifMatch='W/"5"'),
        write("POST", "Observation", observation() | {"subject": {"reference": URN.format(1)}}),
        {"request": {"method": "PUT"}},
        kind="batch",
    )
    statuses = [int(entry["response"]["status"][:3]) for entry in entries]
    assert statuses == [201, 400, 200, 404, 412, 400, 400]
    failed = [entry["response"]["outcome"]["issue"][0] for entry in entries if "outcome" in entry["response"]]
    assert len(failed) == 5
    assert failed[0]["expression"] == ["Bundle.entry[1].resource.gender"]
    assert await count(client) == 1


@pytest.mark.parametrize(
    "body",
    [
        patient(),
        {"resourceType": "Bundle", "type": "collection"},
        {"resourceType": "Bundle"},
        {"resourceType": "Bundle", "type": "transaction", "entry": {}},
        {"resourceType": "Bundle", "type": "transaction", "entry": []},
        {"resourceType": "Bundle", "type": "transaction", "entry": [1, "x", None]},
        {"resourceType": "Bundle", "type": "batch", "entry": [[]]},
        {"resourceType": "Bundle", "type": "transaction", "total": "x", "entry": [get("Patient")]},
        [],
        "Bundle",
    ],
)
@pytest.mark.rule("BUN-1")
async def test_bun_1_what_is_no_transaction_and_no_batch_is_400(idle_client: Client, body: object) -> None:
    answer = await idle_client.post("/fhir", json=body)
    if answer.status_code == 200:
        assert all(entry["response"]["status"].startswith("400") for entry in answer.json()["entry"])
    else:
        assert answer.status_code == 400
        assert issues(answer)


async def test_a_large_transaction_leaves_the_others_their_turn(client: Client) -> None:
    texts = [{"url": "http://example.org/t", "valueString": "x" * 1000}]
    entries = [write("POST", "Patient", patient(extension=texts), URN.format(f"{n:03}")) for n in range(200)]
    assert len(await done(client, *entries)) == 200
