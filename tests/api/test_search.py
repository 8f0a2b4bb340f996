"""Search by GET and by form; each test names the rule of the R4 REST rules it proves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from api_client import BASE, MEASUREMENT, Client, issues, observation, patient

FORM = {"content-type": "application/x-www-form-urlencoded"}


def ids(bundle: dict[str, Any]) -> list[str]:
    entries = [entry for entry in bundle.get("entry", []) if entry["search"]["mode"] == "match"]
    return [entry["resource"]["id"] for entry in entries]


def link(bundle: dict[str, Any], relation: str) -> str | None:
    return next((link["url"] for link in bundle["link"] if link["relation"] == relation), None)


async def filled(client: Client, count: int = 5) -> None:
    for number in range(count):
        await client.put(f"/fhir/Patient/p{number}", json=patient(id=f"p{number}"))
        code = "vas" if number % 2 else "crp"
        body = observation(f"p{number}", code, id=f"o{number}")
        await client.put(f"/fhir/Observation/o{number}", json=body)


@pytest.mark.rule("SRC-4")
async def test_src_4_nothing_found_is_an_empty_searchset(idle_client: Client) -> None:
    answer = await idle_client.get("/fhir/Patient?_id=nobody")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/fhir+json"
    bundle = answer.json()
    assert (bundle["resourceType"], bundle["type"], bundle["total"]) == ("Bundle", "searchset", 0)
    assert "entry" not in bundle


@pytest.mark.rule("PAGE-2")
async def test_page_2_every_entry_has_its_full_url_and_mode(client: Client) -> None:
    await filled(client, 1)
    (entry,) = (await client.get("/fhir/Patient")).json()["entry"]
    assert entry["fullUrl"] == f"{BASE}/Patient/p0"
    assert entry["search"] == {"mode": "match"}
    assert entry["resource"] == (await client.get("/fhir/Patient/p0")).json()


FOUND = [
    ("_id=o1", ["o1"]),
    ("_id=o1,o3,x", ["o1", "o3"]),
    ("patient=p2", ["o2"]),
    ("patient=Patient/p2", ["o2"]),
    (f"subject={BASE}/Patient/p2", ["o2"]),
    ("subject:Patient=p2", ["o2"]),
    ("code=vas", ["o1", "o3"]),
    (f"code={MEASUREMENT}%7Cvas", ["o1", "o3"]),
    ("code=http://other%7Cvas", []),
    ("code=vas&subject=Patient/p1", ["o1"]),
    ("code=vas,crp&patient=p0,p1", ["o0", "o1"]),
    ("_lastUpdated=ge2020-01-01&code=vas", ["o1", "o3"]),
    ("_lastUpdated=lt2020-01-01", []),
    ("code=", ["o0", "o1", "o2", "o3", "o4"]),
    ("subject=Patient/unknown", []),
]


@pytest.mark.rule("AND-1")
async def test_and_1_parameters_narrow_and_commas_widen(client: Client) -> None:
    await filled(client)
    for query, expected in FOUND:
        assert ids((await client.get(f"/fhir/Observation?{query}")).json()) == expected, query


@pytest.mark.rule("SRC-1")
async def test_src_1_a_form_means_the_same_as_a_query_and_adds_to_it(client: Client) -> None:
    await filled(client)
    by_query = await client.get("/fhir/Observation?code=vas&patient=p1")
    by_form = await client.post("/fhir/Observation/_search?code=vas", data={"patient": "p1"}, headers=FORM)
    assert by_form.status_code == 200
    assert by_form.content == by_query.content
    assert ids(by_form.json()) == ["o1"]
    without = await client.post("/fhir/Observation/_search", headers=FORM)
    assert len(ids(without.json())) == 5


@pytest.mark.rule("SRC-6")
async def test_src_6_self_shows_the_parameters_that_were_used(client: Client) -> None:
    bundle = (await client.get("/fhir/Observation?code=vas&nonsense=1&_count=2")).json()
    self = link(bundle, "self")
    assert self is not None
    assert parse_qsl(urlsplit(self).query) == [("code", "vas"), ("_count", "2")]


@pytest.mark.rule("PAGE-1")
async def test_page_1_next_links_lead_through_everything_once(client: Client) -> None:
    await filled(client, 7)
    url: str | None = "/fhir/Observation?_count=3&_lastUpdated=ge2020-01-01"
    pages = []
    while url:
        bundle = (await client.get(url)).json()
        pages.append(ids(bundle))
        url = link(bundle, "next")
        assert url is None or "_count=3" in url
    assert pages == [["o0", "o1", "o2"], ["o3", "o4", "o5"], ["o6"]]


@pytest.mark.rule("PAGE-1")
async def test_page_1_what_is_written_meanwhile_neither_repeats_nor_drops_a_match(client: Client) -> None:
    await filled(client, 6)
    first = (await client.get("/fhir/Patient?_count=3")).json()
    await client.put("/fhir/Patient/p0", json=patient(id="p0", active=True))
    await client.delete("/fhir/Patient/p1")
    await client.put("/fhir/Patient/later", json=patient(id="later"))
    second = (await client.get(str(link(first, "next")))).json()
    assert ids(first) == ["p0", "p1", "p2"]
    assert ids(second) == ["p3", "p4", "p5"]


@pytest.mark.rule("CNT-1")
async def test_cnt_1_a_page_has_no_more_matches_than_asked_for_nor_than_allowed(
    connect: Callable[..., Client],
) -> None:
    async with connect(default_page_size=2, max_page_size=4) as client:
        await filled(client, 6)
        assert len(ids((await client.get("/fhir/Patient")).json())) == 2
        assert len(ids((await client.get("/fhir/Patient?_count=3")).json())) == 3
        huge = (await client.get("/fhir/Patient?_count=1000000000")).json()
        assert len(ids(huge)) == 4
        assert len(ids((await client.get(str(link(huge, "next")))).json())) == 2


@pytest.mark.parametrize("query", ["_summary=count", "_count=0"])
@pytest.mark.rule("CNT-1")
async def test_cnt_1_count_0_and_summary_count_give_the_number_only(client: Client, query: str) -> None:
    await filled(client)
    bundle = (await client.get(f"/fhir/Observation?{query}&code=vas")).json()
    assert bundle["total"] == 2
    assert "entry" not in bundle


@pytest.mark.rule("TOT-1")
async def test_tot_1_total_is_there_where_it_is_free_or_asked_for(client: Client) -> None:
    await filled(client)
    assert (await client.get("/fhir/Patient")).json()["total"] == 5
    paged = (await client.get("/fhir/Patient?_count=2")).json()
    assert "total" not in paged
    assert (await client.get("/fhir/Patient?_count=2&_total=accurate")).json()["total"] == 5
    assert "total" not in (await client.get("/fhir/Patient?_total=none")).json()


@pytest.mark.rule("ERR-1")
@pytest.mark.rule("SRC-5")
async def test_err_1_an_unknown_parameter_is_reported_and_not_passed_over(client: Client) -> None:
    await filled(client, 2)
    bundle = (await client.get("/fhir/Patient?colour=blue")).json()
    *matches, outcome = bundle["entry"]
    assert len(matches) == 2
    assert outcome["search"]["mode"] == "outcome"
    (issue,) = outcome["resource"]["issue"]
    assert issue["severity"] == "warning"
    assert "colour" in issue["diagnostics"]
    assert issue["expression"] == ["http.colour"]


@pytest.mark.rule("ERR-1")
async def test_err_1_an_unknown_parameter_is_refused_under_strict_handling(client: Client) -> None:
    answer = await client.get("/fhir/Patient?colour=blue&_id=x&size=9", headers={"prefer": "handling=strict"})
    assert answer.status_code == 400
    assert [issue["expression"] for issue in issues(answer)] == [["http.colour"], ["http.size"]]
    lenient = await client.get("/fhir/Patient?colour=blue", headers={"prefer": "handling=lenient"})
    assert lenient.status_code == 200


@pytest.mark.parametrize(
    ("query", "code"),
    [("code:exact=x", "not-supported"), ("_id:missing=true", "not-supported"), ("subject:Device2=x", "not-supported")],
)
@pytest.mark.rule("ERR-2")
async def test_err_2_a_modifier_that_is_not_supported_is_400(idle_client: Client, query: str, code: str) -> None:
    answer = await idle_client.get(f"/fhir/Observation?{query}")
    assert answer.status_code == 400
    assert issues(answer)[0]["code"] == code


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("_count=-1", "_count"),
        ("_count=ten", "_count"),
        ("_lastUpdated=yesterday", "_lastUpdated"),
        ("_lastUpdated=2026-02-30", "_lastUpdated"),
        ("_lastUpdated=ge2026-13-01", "_lastUpdated"),
        ("_summary=nonsense", "_summary"),
        ("_total=perhaps", "_total"),
        ("_cursor=nonsense", "_cursor"),
        ("_cursor=%00", "_cursor"),
        ("_cursor=MTo5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk", "_cursor"),
        ("subject=%20", ""),
        ("subject=a%20b", "subject"),
    ],
)
@pytest.mark.rule("ERR-3")
async def test_err_3_a_malformed_value_is_400_and_names_the_parameter(
    idle_client: Client, query: str, parameter: str
) -> None:
    answer = await idle_client.get(f"/fhir/Observation?{query}")
    if not parameter:
        assert answer.status_code == 200
        return
    assert answer.status_code == 400
    (issue,) = issues(answer)
    assert (issue["code"], issue["expression"]) == ("invalid", [f"http.{parameter}"])


async def test_strange_characters_find_nothing_and_break_nothing(client: Client) -> None:
    await filled(client, 1)
    for query in ("_id=%00", "code=%00", "subject=Patient/%00", "%00=%00"):
        answer = await client.get(f"/fhir/Observation?{query}")
        assert answer.status_code == 400
        assert "U+0000" in issues(answer)[0]["diagnostics"]
    for query in ("code=a%5C", "code=%F0%9F%A6%B4", "code=%27;DROP", "_id=%25", "code=%EF%BF%BF", "subject=%23p"):
        answer = await client.get(f"/fhir/Observation?{query}")
        assert answer.status_code in (200, 400)
        assert ids(answer.json()) == []


@pytest.mark.parametrize("query", ["code=%FF", "&".join(["code=a"] * 1001)])
async def test_a_query_that_cannot_be_read_is_400(idle_client: Client, query: str) -> None:
    assert issues(await idle_client.get(f"/fhir/Observation?{query}"))
    answer = await idle_client.post("/fhir/Observation/_search", content=query, headers=FORM)
    assert answer.status_code == 400


async def test_a_form_has_to_be_announced_as_one(idle_client: Client) -> None:
    answer = await idle_client.post("/fhir/Patient/_search", content=b"{}")
    assert answer.status_code == 415
    assert issues(answer)[0]["code"] == "not-supported"


@pytest.mark.rule("BASE-1")
@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("(bone OR liver) and metastases", ["both", "bone"]),
        ("liver or edema", ["both", "edema"]),
        ("bone metastases", ["bone"]),
    ],
)
async def test_base_1_words_of_the_narrative_are_joined_by_and_and_or(
    client: Client, words: str, found: list[str]
) -> None:
    texts = {"bone": "Bone metastases", "both": "metastases of the liver", "edema": "bone edema"}
    for name, text in texts.items():
        div = f'<div xmlns="http://www.w3.org/1999/xhtml">{text}</div>'
        body = patient(id=name, text={"status": "generated", "div": div})
        assert (await client.put(f"/fhir/Patient/{name}", json=body)).status_code == 201
    for parameter in ("_text", "_content"):
        answer = await client.get("/fhir/Patient", params={parameter: words})
        assert sorted(ids(answer.json())) == sorted(found), answer.text
