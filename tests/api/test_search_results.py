"""How results come: in several types and compartments, in order, in pages, with what they refer to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from api_client import BASE, Client, issues, observation, patient
from search_cases import LINKED

FORM = {"content-type": "application/x-www-form-urlencoded"}


async def put_all(client: Client, resources: Iterable[dict[str, Any]]) -> None:
    entries = [
        {"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}}
        for one in resources
    ]
    answer = await client.post("/fhir", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert answer.status_code == 200


def keys(bundle: dict[str, Any], mode: str = "match") -> list[str]:
    entries = [entry for entry in bundle.get("entry", []) if entry["search"]["mode"] == mode]
    assert all(entry["fullUrl"] == f"{BASE}/{_key(entry['resource'])}" for entry in entries if mode != "outcome")
    return [_key(entry["resource"]) for entry in entries]


def _key(resource: dict[str, Any]) -> str:
    return f"{resource['resourceType']}/{resource.get('id', '')}"


def link(bundle: dict[str, Any], relation: str) -> str:
    return next((link["url"] for link in bundle["link"] if link["relation"] == relation), "")


async def get(client: Client, query: str, status: int = 200) -> dict[str, Any]:
    answer = await client.get(f"/fhir{query}")
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def pages(client: Client, query: str) -> list[list[str]]:
    """The matches of every page, by the links."""
    found, address = [], f"{BASE}{query}"
    while address:
        bundle = (await client.get(address)).json()
        found.append(keys(bundle))
        address = link(bundle, "next")
        assert len(found) < 50
    return found


@pytest.mark.rule("SRC-2", "SRC-1")
async def test_several_types_are_searched_at_the_base(client: Client) -> None:
    await put_all(client, LINKED)
    found = await get(client, "?_type=Patient,Group&_lastUpdated=ge2020")
    assert keys(found) == ["Patient/p1", "Patient/p2", "Group/g1"]
    assert (found["total"], link(found, "self")) == (3, f"{BASE}?_type=Patient%2CGroup&_lastUpdated=ge2020")
    assert len(keys(await get(client, "?_id=p1,o1,c1"))) == 3
    by_form = await client.post("/fhir/_search?_type=Patient,Group", content="_id=g1", headers=FORM)
    assert keys(by_form.json()) == ["Group/g1"]
    assert issues(await client.get("/fhir?_type=Patient,Group&birthdate=2000"))[0]["expression"] == ["http.birthdate"]
    assert issues(await client.get("/fhir?_type=Nothing"))[0]["expression"] == ["http._type"]
    assert (await pages(client, "?_type=Patient,Group,Device&_count=2&_sort=-_id")) == [
        ["Patient/p2", "Patient/p1"],
        ["Group/g1", "Device/dev"],
    ]


@pytest.mark.rule("SRC-3", "EVT-3")
async def test_what_belongs_to_a_patient_is_searched_in_its_compartment(client: Client) -> None:
    await put_all(client, LINKED)
    assert keys(await get(client, "/Patient/p1/Observation")) == ["Observation/o1"]
    assert keys(await get(client, "/Patient/p1/Observation?code=crp")) == []
    everything = await get(client, "/Patient/p1/*")
    assert set(keys(everything)) == {"Patient/p1", "Patient/p2", "Condition/c1", "Observation/o1", "Group/g1"}
    assert link(everything, "self") == f"{BASE}/Patient/p1/*"
    by_form = await client.post("/fhir/Patient/p1/Condition/_search", content="code=leak", headers=FORM)
    assert keys(by_form.json()) == ["Condition/c1"]
    assert link(by_form.json(), "self") == f"{BASE}/Patient/p1/Condition?code=leak"
    assert keys(await get(client, "/Patient/nobody/Observation")) == []
    assert keys(await get(client, "/Device/dev/Observation")) == ["Observation/o1"]
    for path in ("Patient/p1/Device", "Patient/p1/Nothing", "Group/g1/Patient"):
        assert issues(await client.get(f"/fhir/{path}"))
    for page in await pages(client, "/Patient/p1/*?_count=1"):
        assert len(page) == 1


@pytest.mark.rule("REF-2")
async def test_an_id_that_several_types_have_is_refused(client: Client) -> None:
    same = {"resourceType": "Group", "id": "p1", "type": "person", "actual": True}
    await put_all(client, [*LINKED, same])
    assert keys(await get(client, "/Observation?subject=p2")) == ["Observation/o2"]
    (issue,) = issues(await client.get("/fhir/Observation?subject=p1"))
    assert issue["expression"] == ["http.subject"]
    assert "subject=Group/p1" in issue["diagnostics"]
    assert keys(await get(client, "/Observation?patient=p1")) == ["Observation/o1"]


INCLUDED = [
    ("Observation?_id=o1&_include=Observation:subject", "Patient/p1"),
    ("Observation?_id=o1,o3&_include=Observation:subject", "Patient/p1 Group/g1"),
    ("Observation?_id=o1,o3&_include=Observation:patient", "Patient/p1"),
    ("Observation?_id=o1,o3&_include=Observation:subject:Group", "Group/g1"),
    ("Observation?_id=o1&_include=Observation:subject&_include=Observation:device", "Patient/p1 Device/dev"),
    ("Observation?_id=o1&_include=*", "Patient/p1 Device/dev"),
    ("Observation?_id=o1&_include=Observation:*", "Patient/p1 Device/dev"),
    ("Observation?_id=o3&_include=Observation:subject&_include=Group:member", "Group/g1"),
    ("Observation?_id=o3&_include=Observation:subject&_include:iterate=Group:member", "Group/g1 Patient/p1 Patient/p2"),
    ("Observation?_id=o3&_include=Observation:subject&_include:recurse=Group:member", "Group/g1 Patient/p1 Patient/p2"),
    ("Observation?_id=o4&_include=Observation:subject", ""),
    ("Observation?_id=o1&_revinclude=Provenance:target", "Provenance/v1"),
    ("Patient?_id=p1&_revinclude=Observation:patient", "Observation/o1"),
    (
        "Patient?_id=p1&_revinclude=Observation:patient&_revinclude:iterate=Provenance:target",
        "Observation/o1 Provenance/v1",
    ),
    ("Patient?_revinclude=Patient:link&_id=p1", "Patient/p2"),
    ("Observation?_id=o1&_include=Group:member", ""),
]


@pytest.mark.rule("INC-1", "INC-2", "INC-3")
async def test_matches_bring_along_what_is_asked_for(client: Client) -> None:
    await put_all(client, LINKED)
    for query, expected in INCLUDED:
        found = await get(client, f"/{query}")
        assert sorted(keys(found, "include")) == sorted(expected.split()), query
        assert found["total"] == len(keys(found)), query


@pytest.mark.rule("INC-3")
async def test_includes_that_go_round_come_to_an_end(client: Client) -> None:
    await put_all(
        client,
        [
            patient(id="a", link=[{"other": {"reference": "Patient/b"}, "type": "seealso"}]),
            patient(id="b", link=[{"other": {"reference": "Patient/a"}, "type": "seealso"}]),
        ],
    )
    found = await get(client, "/Patient?_id=a&_include=Patient:link&_include:iterate=Patient:link")
    assert (keys(found), keys(found, "include")) == (["Patient/a"], ["Patient/b"])
    both = await get(client, "/Patient?_include:iterate=*&_revinclude:iterate=Patient:link")
    assert (keys(both), keys(both, "include")) == (["Patient/a", "Patient/b"], [])


@pytest.mark.rule("INC-4", "PAGE-2", "CNT-1")
async def test_each_page_has_the_includes_of_its_own_matches(client: Client) -> None:
    await put_all(client, [patient(id=f"p{one}") for one in range(3)])
    await put_all(client, [observation(f"p{one}", id=f"o{one}") for one in range(3)])
    address, seen = f"{BASE}/Observation?_count=1&_include=Observation:patient", []
    while address:
        bundle = (await client.get(address)).json()
        seen.append((keys(bundle), keys(bundle, "include")))
        assert ("_count", "1") in parse_qsl(urlsplit(link(bundle, "self")).query)
        address = link(bundle, "next")
    assert seen == [([f"Observation/o{one}"], [f"Patient/p{one}"]) for one in range(3)]


@pytest.mark.rule("INC-4")
async def test_a_versioned_reference_includes_that_version(client: Client) -> None:
    await put_all(client, [patient(id="p", gender="male")])
    await put_all(client, [patient(id="p", gender="female")])
    await put_all(client, [observation("p/_history/1", id="o")])
    (entry,) = [
        entry
        for entry in (await get(client, "/Observation?_include=Observation:subject"))["entry"]
        if entry["search"]["mode"] == "include"
    ]
    assert (entry["resource"]["gender"], entry["resource"]["meta"]["versionId"]) == ("male", "1")


SORTED = [
    ("_id", "a b c d"),
    ("-_id", "d c b a"),
    ("birthdate", "c a b d"),
    ("-birthdate", "b a c d"),
    ("family", "b c a d"),
    ("-family", "a c b d"),
    ("gender,-_id", "c b a d"),
    ("gender,family", "c b a d"),
]


@pytest.mark.rule("SORT-1", "PAGE-1", "PAGE-2")
async def test_results_come_in_the_order_asked_for_page_by_page(client: Client) -> None:
    await put_all(
        client,
        [
            patient(id="a", birthDate="1950-05", gender="male", name=[{"family": "Zorn"}]),
            patient(id="b", birthDate="1960", gender="male", name=[{"family": "adam"}]),
            patient(id="c", birthDate="1940-01-01", gender="female", name=[{"family": "Ähnlich"}]),
            patient(id="d"),
        ],
    )
    for sort, order in SORTED:
        for count in (1, 3):
            found = await pages(client, f"/Patient?_sort={sort}&_count={count}")
            assert [one.removeprefix("Patient/") for page in found for one in page] == order.split(), sort
            assert all(len(page) <= count for page in found)


@pytest.mark.rule("PAGE-1", "PAGE-2", "SRC-6", "CNT-1")
async def test_links_lead_through_a_result_and_say_what_was_applied(client: Client) -> None:
    await put_all(client, [patient(id=f"p{one}", gender="male") for one in range(5)])
    first = await get(client, "/Patient?_count=2&gender=male&colour=blue&_sort=-_id,nonsense")
    assert parse_qsl(urlsplit(link(first, "self")).query) == [("_count", "2"), ("gender", "male"), ("_sort", "-_id")]
    assert "total" not in first
    second = (await client.get(link(first, "next"))).json()
    assert keys(second) == ["Patient/p2", "Patient/p1"]
    last = (await client.get(link(second, "next"))).json()
    assert (keys(last), link(last, "next")) == (["Patient/p0"], "")
    again = (await client.get(link(last, "first"))).json()
    assert keys(again) == keys(first)
    huge = await get(client, "/Patient?_count=1000000000")
    assert link(huge, "self") == f"{BASE}/Patient?_count=1000"
    place = dict(parse_qsl(urlsplit(link(first, "next")).query))["_cursor"]
    for query in (f"_sort=_id&_cursor={place}", f"_cursor={place}", f"_sort=-_id&_cursor={place[:-1]}"):
        assert issues(await client.get(f"/fhir/Patient?{query}"))[0]["expression"] == ["http._cursor"]


@pytest.mark.rule("SRC-1", "PAGE-1")
async def test_the_pages_of_a_form_are_followed_by_get(client: Client) -> None:
    await put_all(client, [patient(id=f"p{one}", gender="male") for one in range(3)])
    first = (await client.post("/fhir/Patient/_search?_count=2", content="gender=male", headers=FORM)).json()
    assert keys((await client.get(link(first, "next"))).json()) == ["Patient/p2"]


@pytest.mark.rule("TOT-1", "CNT-1")
async def test_totals_count_matches_and_not_includes(client: Client) -> None:
    await put_all(client, LINKED)
    for total in ("accurate", "estimate"):
        found = await get(client, f"/Observation?_count=1&_total={total}&_include=*")
        assert found["total"] == 5
    assert "total" not in await get(client, "/Observation?_total=none")
    for query in ("_count=0", "_summary=count"):
        counted = await get(client, f"/Observation?subject:Patient.name=peters&{query}")
        assert (counted["total"], "entry" in counted) == (1, False)


@pytest.mark.rule("ERR-4", "SRC-5")
async def test_a_parameter_without_value_is_told_and_refused_by_nobody(client: Client) -> None:
    answer = await client.get("/fhir/Patient?gender=", headers={"prefer": "handling=strict"})
    assert answer.status_code == 200
    (entry,) = answer.json()["entry"]
    assert entry["search"]["mode"] == "outcome"
    assert entry["resource"]["issue"][0]["severity"] == "information"


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("has-member:Observation." * 30 + "code=x", "has-member"),
        ("code=" + ",".join(map(str, range(1001))), "code"),
    ],
)
@pytest.mark.rule("SRC-5")
async def test_a_search_that_asks_too_much_is_refused(idle_client: Client, query: str, parameter: str) -> None:
    answer = await idle_client.get(f"/fhir/Observation?{query}")
    assert answer.status_code == 400
    (issue,) = issues(answer)
    assert (issue["code"], issue["expression"]) == ("too-costly", [f"http.{parameter}"])


@pytest.mark.rule("HAS-1", "CHN-1", "BASE-1")
async def test_a_list_and_deep_chains_are_searched(connect: Any) -> None:
    async with connect(resource_types=("List", "Patient", "Observation", "Group")) as client:
        await put_all(client, [one for one in LINKED if one["resourceType"] in ("Patient", "Observation", "Group")])
        items = [{"item": {"reference": "Observation/o1"}}, {"item": {"reference": "Patient/p2"}}]
        await put_all(
            client, [{"resourceType": "List", "id": "l1", "status": "current", "mode": "working", "entry": items}]
        )
        assert keys(await get(client, "/Observation?_list=l1")) == ["Observation/o1"]
        assert keys(await get(client, "/Patient?_list=l1")) == ["Patient/p2"]
        assert keys(await get(client, "/Patient?_list=none")) == []
        chain = "derived-from:Observation.has-member:Observation.subject:Patient.link:Patient.name=x"
        assert keys(await get(client, f"/Observation?{chain}")) == []


@pytest.mark.rule("TOK-6", "TOK-7")
async def test_codes_are_searched_by_value_sets_and_hierarchies(client: Client) -> None:
    ours = "https://vertebral-augmentation.example.org/fhir"
    system = f"{ours}/CodeSystem/complication"
    codes = {"a": f"{system}|arterial-cement-embolism", "b": f"{system}|adjacent-fracture", "c": "http://elsewhere|x"}
    await put_all(client, [patient(id="p")])
    await put_all(
        client,
        [
            {
                "resourceType": "Condition",
                "id": name,
                "subject": {"reference": "Patient/p"},
                "code": {"coding": [dict(zip(("system", "code"), code.split("|"), strict=True))]},
            }
            for name, code in codes.items()
        ],
    )
    known = f"{ours}/ValueSet/complication"
    assert keys(await get(client, f"/Condition?code:in={known}")) == ["Condition/a", "Condition/b"]
    assert keys(await get(client, f"/Condition?code:not-in={known}")) == ["Condition/c"]
    assert keys(await get(client, f"/Condition?code:below={codes['a']}")) == ["Condition/a"]
    assert keys(await get(client, f"/Condition?code:above={codes['b']}")) == ["Condition/b"]
    for query in ("code:in=http://elsewhere/vs", f"code:below={codes['c']}", "code:below=x"):
        assert issues(await client.get(f"/fhir/Condition?{query}"))[0]["expression"] == ["http.code"]
