"""Observation/$lastn: the newest Observations of each code (R4 operation observation-lastn)."""

from __future__ import annotations

from typing import Any

import pytest
from api_client import BASE, MEASUREMENT, Client, issues, observation, patient

pytestmark = pytest.mark.rule("OPS-1")

LABORATORY = "http://terminology.hl7.org/CodeSystem/observation-category"


async def told(client: Client) -> None:
    category = [{"coding": [{"system": LABORATORY, "code": "laboratory"}]}]
    rows: list[tuple[str, str, dict[str, Any]]] = [
        ("crp-1", "crp", {"effectiveDateTime": "2020-01-01"}),
        ("crp-4", "crp", {"effectiveDateTime": "2020-04-01T10:00:00Z"}),
        ("crp-2", "crp", {"effectivePeriod": {"start": "2020-01-15", "end": "2020-02-01"}}),
        ("crp-4-too", "crp", {"effectiveDateTime": "2020-04-01T12:00:00+02:00"}),
        ("crp-undated", "crp", {}),
        ("esr-3", "esr", {"effectiveDateTime": "2020-03-01"}),
        ("esr-undated", "esr", {}),
        ("vas-9", "vas", {"effectiveDateTime": "2020-09-01", "category": []}),
    ]
    for name in ("p", "q"):
        await client.put(f"/fhir/Patient/{name}", json=patient(id=name))
    for number, (name, code, more) in enumerate(rows):
        body = observation("p", code, id=name, **{"category": category, **more})
        if not body["category"]:
            del body["category"]
        answer = await client.put(f"/fhir/Observation/{name}", json=body)
        assert answer.status_code == 201, (number, answer.text)
    other = observation("q", "crp", id="of-another", effectiveDateTime="2021-01-01", category=category)
    await client.put("/fhir/Observation/of-another", json=other)


async def found(client: Client, query: str) -> list[str]:
    answer = await client.get(f"/fhir/Observation/$lastn?{query}")
    assert answer.status_code == 200, answer.text
    bundle = answer.json()
    entries = [entry["fullUrl"].removeprefix(f"{BASE}/Observation/") for entry in bundle.get("entry", ())]
    assert (bundle["type"], bundle["total"]) == ("searchset", len(entries))
    return entries


async def test_the_newest_of_each_code_with_those_as_new(client: Client) -> None:
    await told(client)
    assert await found(client, "patient=p&category=laboratory") == ["crp-4-too", "crp-4", "esr-3"]
    assert await found(client, f"subject=Patient/p&code={MEASUREMENT}|esr,{MEASUREMENT}|vas") == ["vas-9", "esr-3"]


async def test_max_says_how_many_of_each_and_what_has_no_time_comes_last(client: Client) -> None:
    await told(client)
    assert await found(client, "patient=p&code=crp&max=3") == ["crp-4-too", "crp-4", "crp-2"]
    every = await found(client, "patient=Patient/p&category=laboratory&max=10")
    assert every == ["crp-4-too", "crp-4", "crp-2", "crp-1", "crp-undated", "esr-3", "esr-undated"]


async def test_other_parameters_narrow_the_search(client: Client) -> None:
    await told(client)
    assert await found(client, "patient=p&code=crp&date=lt2020-03-01") == ["crp-2"]
    assert await found(client, "patient=nobody&code=crp") == []


async def test_codings_that_are_shared_and_texts_that_are_alike_are_one_code(client: Client) -> None:
    await client.put("/fhir/Patient/p", json=patient(id="p"))
    both = [{"system": "urn:a", "code": "1"}, {"system": "urn:b", "code": "x"}]
    codes = [{"coding": both[:1]}, {"coding": both}, {"coding": both[1:]}, {"text": "A  Word"}, {"text": "a word"}]
    category = [{"coding": [{"code": "survey"}]}]
    for number, code in enumerate(codes):
        body = observation("p", id=f"o{number}", category=category, effectiveDateTime=f"2020-01-0{5 - number}")
        answer = await client.put(f"/fhir/Observation/o{number}", json={**body, "code": code})
        assert answer.status_code == 201, answer.text
    assert await found(client, "patient=p&category=survey") == ["o0", "o3"]


async def test_a_post_of_parameters_asks_the_same(client: Client) -> None:
    await told(client)
    asked = [
        {"name": "max", "valuePositiveInt": 2},
        {"name": "subject", "valueString": "Patient/p"},
        {"name": "code", "valueString": "esr"},
    ]
    answer = await client.post("/fhir/Observation/$lastn", json={"resourceType": "Parameters", "parameter": asked})
    assert [entry["resource"]["id"] for entry in answer.json()["entry"]] == ["esr-3", "esr-undated"]


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("category=laboratory", "http.patient"),
        ("patient=p", "http.category"),
        ("patient=p&code=", "http.category"),
        ("patient=p&code=crp&max=0", "http.max"),
        ("patient=p&code=crp&max=few", "http.max"),
        ("patient=p&code=crp&max=1&max=2", "http.max"),
        ("patient=p&code=crp&_sort=code", "http._sort"),
        ("patient=p&code=crp&nonsense=1", "http.nonsense"),
        ("patient=p&code=crp&date=soon", "http.date"),
    ],
)
async def test_a_question_that_cannot_be_answered_says_what_to_mend(
    idle_client: Client, query: str, place: str
) -> None:
    answer = await idle_client.get(f"/fhir/Observation/$lastn?{query}")
    assert answer.status_code == 400
    assert issues(answer)[0]["expression"] == [place]


async def test_it_is_an_operation_of_observations_alone(idle_client: Client) -> None:
    assert (await idle_client.get("/fhir/Patient/$lastn?patient=p&code=x")).status_code == 404
