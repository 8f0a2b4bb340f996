"""What a careless or hostile client sends: the right status, an outcome that names the fault, and nothing changed."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import pytest_asyncio
from api_client import JSON, Client, issues, observation, patient, settings

from fhir_service.api.app import create_app
from fhir_service.storage.repository import open_repository
from fhir_service.validation.structure import findings

TYPES = settings().resource_types
LEAKS = re.compile(
    r"Traceback|sqlalchemy|sqlite3|asyncpg|SELECT |INSERT |site-packages|\.py\b|/work/|/home/", re.IGNORECASE
)
LINKED = (("a", "b"), ("b", "c"), ("c", "a"))
"""Patients that link to each other in a circle."""


@pytest_asyncio.fixture(scope="session", params=("sqlite", "postgresql"))
async def small_store(request: pytest.FixtureRequest, lasting_database: Callable[[str], str]) -> AsyncIterator[Client]:
    """A client of a store that every case leaves as it was."""
    repository = await open_repository(lasting_database(request.param))
    transport = httpx.ASGITransport(create_app(settings(), repository), raise_app_exceptions=False)
    async with Client(transport=transport, base_url="http://localhost", headers=JSON, timeout=60) as client:
        for name, other in LINKED:
            link = [{"other": {"reference": f"Patient/{other}"}, "type": "seealso"}]
            body = patient(
                id=name, link=link, name=[{"family": "O'Neil-100%"}], gender="female", birthDate="1950-05-01"
            )
            assert (await client.put(f"/fhir/Patient/{name}", json=body)).status_code == 201
        body = observation("a", id="o", note=[{"text": "cement \u0000 in the canal".replace("\u0000", "")}])
        assert (await client.put("/fhir/Observation/o", json=body)).status_code == 201
        yield client
    await repository.close()


@pytest_asyncio.fixture
async def client(small_store: Client) -> AsyncIterator[Client]:
    before = await everything_in(small_store)
    yield small_store
    assert await everything_in(small_store) == before


async def everything_in(client: Client) -> list[bytes]:
    """What is stored, to the byte, with the versions."""
    searches = [client.get(f"/fhir/{resource_type}?_count=1000") for resource_type in TYPES]
    return [json.dumps(answer.json().get("entry")).encode() for answer in await asyncio.gather(*searches)]


def refused(answer: httpx.Response, status: int, expression: str = "", *words: str) -> None:
    """It has this status and an outcome, valid FHIR, that names where, says these words, and tells nothing of us."""
    assert answer.status_code == status, answer.text
    found = issues(answer)
    assert findings(answer.content) == []
    assert not LEAKS.search(answer.text), answer.text
    if expression:
        assert expression in [place for issue in found for place in issue.get("expression", [])], answer.text
    told = " ".join(issue["diagnostics"] for issue in found)
    for word in words:
        assert word in told, told


MALFORMED = [
    *(("Patient", "birthdate", value) for value in ("yesterday", "2024-13-01", "2024-02-30", "gt", "ge2024-1-1")),
    *(("Patient", "birthdate", value) for value in ("2024-01-01T10", "xx2024", "2024-01-01T10:00:00+99:99", "-2024")),
    *(("Observation", "value-quantity", value) for value in ("much", "5|a|b|c", "gt", "1e999", "NaN", "--5", "0x10")),
    *(("Observation", "code-value-quantity", value) for value in ("a", "a$b$c", "a$much")),
    *(("Observation", "subject", value) for value in ("Nonsense/a", "a b")),
    *(("Patient", "identifier:of-type", value) for value in ("a|b", "||", "a")),
    *(("Patient", "birthdate:missing", value) for value in ("perhaps", "TRUE", "1")),
    *(("Patient", "_lastUpdated", value) for value in ("now", "gt")),
    *(("Patient", "_count", value) for value in ("-1", "many", "1.5", "1e3")),
    *(("Patient", "_summary", value) for value in ("everything", "TRUE")),
    ("Patient", "_total", "perhaps"),
    ("Patient", "_contained", "perhaps"),
    ("Patient", "_containedType", "perhaps"),
    *(("Patient", "_cursor", value) for value in ("x", "e30=", "W10", "bnVsbA==", "A" * 5000)),
]


@pytest.mark.rule("ERR-3")
@pytest.mark.parametrize(("resource_type", "name", "value"), MALFORMED)
@pytest.mark.rule("SRC-5")
async def test_a_malformed_value_is_named(client: Client, resource_type: str, name: str, value: str) -> None:
    answer = await client.get(f"/fhir/{resource_type}", params={name: value})
    refused(answer, 400, f"http.{name.partition(':')[0]}")


@pytest.mark.rule("ERR-1")
@pytest.mark.parametrize(
    "value", ["Observation", "Observation:nothing", "Nothing:subject", "a:b:c:d", "Patient:link:Nothing"]
)
@pytest.mark.parametrize("name", ["_include", "_revinclude", "_include:iterate"])
async def test_an_include_of_nothing_is_told_of_or_refused(client: Client, name: str, value: str) -> None:
    query = httpx.QueryParams({name: value})
    strict = await client.get(f"/fhir/Patient?{query}", headers={"prefer": "handling=strict"})
    refused(strict, 400, f"http.{name.partition(':')[0]}")
    lenient = await client.get(f"/fhir/Patient?{query}")
    if lenient.status_code == 200:
        outcomes = [entry for entry in lenient.json()["entry"] if entry["search"]["mode"] == "outcome"]
        assert outcomes[0]["resource"]["issue"][0]["expression"] == [f"http.{name.partition(':')[0]}"]
    else:
        refused(lenient, 400, f"http.{name.partition(':')[0]}")


@pytest.mark.rule("ERR-2")
@pytest.mark.parametrize(
    ("resource_type", "name"),
    [
        *(("Patient", name) for name in ("birthdate:exact", "gender:contains", "name:below", "_id:text", "family:not")),
        *(("Observation", name) for name in ("subject:exact", "value-quantity:text", "code:exact", "date:contains")),
        *(("Observation", name) for name in ("subject:Nothing", "code-value-quantity:missing", "code:text:not")),
    ],
)
async def test_a_modifier_that_is_not_there_is_named(client: Client, resource_type: str, name: str) -> None:
    answer = await client.get(f"/fhir/{resource_type}", params={name: "1"})
    refused(answer, 400, f"http.{name.partition(':')[0]}", name.partition(":")[2])


@pytest.mark.parametrize(
    "query",
    [
        *("subject.nothing=x", "subject:Nothing.name=x", "subject:Patient.nothing=x", "code.text=x", "subject.=x"),
        *(
            "_has:Patient=x",
            "_has:Nothing:subject:code=x",
            "_has:Patient:nothing:name=x",
            "_has:Patient:link:nothing=x",
        ),
        *("subject:identifier.name=x", ".=x", "_has:=x", "_has:::=x"),
    ],
)
async def test_a_chain_that_leads_nowhere_is_refused(client: Client, query: str) -> None:
    answer = await client.get(f"/fhir/Observation?{query}", headers={"prefer": "handling=strict"})
    refused(answer, 400)


async def test_a_chain_of_thirty_links_is_refused_or_answered_at_once(client: Client) -> None:
    name = ".".join(["link:Patient"] * 30) + ".family"
    answer = await asyncio.wait_for(client.get("/fhir/Patient", params={name: "x"}), timeout=30)
    refused(answer, 400, "http.link", "at most 10")


async def test_a_circle_of_includes_ends(client: Client) -> None:
    answer = await client.get("/fhir/Patient?_id=a&_include:iterate=Patient:link&_revinclude:iterate=Patient:link")
    assert answer.status_code == 200
    found = [(entry["resource"]["id"], entry["search"]["mode"]) for entry in answer.json()["entry"]]
    assert sorted(found) == [("a", "match"), ("b", "include"), ("c", "include")]


@pytest.mark.rule("CNT-1")
async def test_a_thousand_million_a_page_are_as_many_as_a_page_has(client: Client) -> None:
    answer = await client.get("/fhir/Patient", params={"_count": "1000000000"})
    assert answer.status_code == 200
    assert len(answer.json()["entry"]) == 3
    (shown,) = [link["url"] for link in answer.json()["link"] if link["relation"] == "self"]
    assert httpx.URL(shown).params["_count"] == "1000"


@pytest.mark.rule("ERR-3")
@pytest.mark.parametrize(
    "query", ["subject=Patient/nobody", "subject=nobody", "code=nothing", "_id=nobody", "subject.family=Nobody"]
)
async def test_a_reference_to_nothing_finds_nothing(client: Client, query: str) -> None:
    answer = await client.get(f"/fhir/Observation?{query.replace('subject=nobody', 'subject:Patient=nobody')}")
    assert answer.status_code == 200
    assert [entry for entry in answer.json().get("entry", []) if entry["search"]["mode"] != "outcome"] == []


HOSTILE = [
    *(
        "' OR '1'='1",
        "'; DROP TABLE resource_current; --",
        '" OR ""="',
        "1 UNION SELECT 1",
        "\\",
        "\\'",
        "%",
        "_",
        "%%",
        "*",
    ),
    *(
        "(a+)+$",
        "[",
        ".*",
        "^",
        "{1,99999}",
        "(?R)",
        "NEAR(a b)",
        '"unbalanced',
        "a OR b",
        "NOT a",
        "a:*",
        "a & !b",
        "<->",
    ),
    *(
        "${jndi:ldap://x}",
        "{{7*7}}",
        "../../etc/passwd",
        "\u202e\ufeff",
        "😀" * 50,
        "a" * 5000,
        "\ud7ff",
        "é\u0301" * 20,
    ),
]
SEARCHED = (
    "name",
    "name:contains",
    "name:exact",
    "identifier",
    "gender",
    "_tag",
    "_profile",
    "_text",
    "_content",
    "_id",
)


CONTAINED = {("name:contains", "{1,99999}")}
"""A comma is OR, punctuation does not count in a string: 1 is in O'Neil-100%."""


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
async def test_a_value_with_a_grammar_of_its_own_is_a_value(client: Client, value: str) -> None:
    """It finds what has it in it, which nobody has, and is neither pattern nor query nor command."""
    for name in SEARCHED:
        answer = await client.get("/fhir/Patient", params={name: value.replace("\\", "\\\\"), "_summary": "count"})
        assert answer.status_code in (200, 400), f"{name}: {answer.text}"
        assert not LEAKS.search(answer.text) or "SELECT" in value, answer.text
        if answer.status_code == 200:
            assert answer.json()["total"] == (3 if (name, value) in CONTAINED else 0), name


@pytest.mark.rule("STR-1")
async def test_wildcards_of_sql_are_letters(client: Client) -> None:
    for query, total in (
        ("name:contains=O_eil", 0),
        ("name=O%25l", 0),
        ("name:exact=O'Neil-100%25", 3),
        ("name:exact=O%25", 0),
    ):
        assert (await client.get(f"/fhir/Patient?{query}&_summary=count")).json()["total"] == total, query


@pytest.mark.parametrize("value", ["a\0b", "\0", "a\tb\r\nc"])
async def test_control_characters_in_a_parameter_find_nothing_or_are_refused(client: Client, value: str) -> None:
    for name in ("name", "identifier", "_content", "birthdate"):
        answer = await client.get("/fhir/Patient", params={name: value})
        assert answer.status_code in (200, 400), answer.text
        assert not LEAKS.search(answer.text)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        *((f"/fhir/{path}", 404) for path in ("Pateint", "Pateint/a", "patient/a", "Patient/a/b", "Patients?_id=a")),
        *(
            (f"/fhir/{path}", 404)
            for path in ("Patient/a/_history/x", "Patient/a/_history/0", "Patient/%00", "Patient/..%2f")
        ),
        *((f"/fhir/{path}", 404) for path in ("Patient/a/$nothing", "$nothing", "Patient/" + "a" * 65, "_search/x")),
    ],
)
async def test_an_address_of_nothing_is_404(client: Client, path: str, status: int) -> None:
    refused(await client.get(path), status)


@pytest.mark.rule("UPD-1")
@pytest.mark.parametrize(
    ("body", "expression", "words"),
    [
        (patient(id="b"), "Patient.id", ("a", "b")),
        (patient(), "Patient.id", ("a",)),
        (observation("a", id="a"), "", ("Observation", "Patient")),
    ],
)
async def test_a_body_of_another_address_is_refused(
    client: Client, body: dict[str, Any], expression: str, words: tuple[str, ...]
) -> None:
    refused(await client.put("/fhir/Patient/a", json=body), 400, expression, *words)


BROKEN = {
    "truncated": b'{"resourceType":"Bundle","type":"transaction","entry":[{"resource"',
    "not UTF-8": b'{"resourceType":"Bundle","type":"\xff\xfe"}',
    "NUL": b'{"resourceType":"Bundle","type":"a\\u0000b"}',
    "a name twice": b'{"resourceType":"Bundle","type":"batch","type":"transaction"}',
    "deep": b'{"resourceType":"Bundle","type":"batch","entry":' + b'[{"resource":' * 5000 + b"1" + b"}]" * 5000 + b"}",
    "a number without end": b'{"resourceType":"Bundle","type":"batch","total":' + b"9" * 100_000 + b"}",
    "two documents": b'{"resourceType":"Bundle","type":"batch"}{}',
    "an unknown element": b'{"resourceType":"Bundle","type":"batch","entires":[]}',
    "no type": b'{"resourceType":"Bundle"}',
    "nothing": b"",
}
"""Bundles; what is no resource at all is in tests/api/test_bad_input.py."""


async def test_a_broken_bundle_is_refused(client: Client) -> None:
    for name, body in BROKEN.items():
        answer = await client.post("/fhir", content=body)
        refused(answer, 400)
        assert len(answer.content) < 5000, name


ENTITIES = b'<!DOCTYPE Patient [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
LAUGHS = b'<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>'
BROKEN_XML = {
    "an entity of a file": ENTITIES + b'<Patient xmlns="http://hl7.org/fhir"><language value="&x;"/></Patient>',
    "entities of entities": LAUGHS + b'<Patient xmlns="http://hl7.org/fhir"><language value="&c;"/></Patient>',
    "truncated": b'<Patient xmlns="http://hl7.org/fhir"><name><family',
    "another namespace": b'<Patient xmlns="http://example.org/fhir"/>',
    "no namespace": b"<Patient/>",
    "an unknown element": b'<Patient xmlns="http://hl7.org/fhir"><nmae/></Patient>',
    "text": b'<Patient xmlns="http://hl7.org/fhir">male</Patient>',
    "an attribute": b'<Patient xmlns="http://hl7.org/fhir"><gender code="male"/></Patient>',
    "deep": b'<Patient xmlns="http://hl7.org/fhir">' + b"<extension>" * 20_000,
    "not XML": b'{"resourceType":"Patient"}',
    "nothing": b"",
    "not UTF-8": b'<Patient xmlns="http://hl7.org/fhir"><language value="\xff"/></Patient>',
}


@pytest.mark.parametrize("path", ["/fhir/Patient", "/fhir"])
async def test_a_broken_body_of_xml_is_refused(client: Client, path: str) -> None:
    headers = {"content-type": "application/fhir+xml", "accept": "application/fhir+json"}
    for name, body in BROKEN_XML.items():
        answer = await client.post(path, content=body, headers=headers)
        assert answer.status_code == 400, name
        refused(answer, 400)
        assert b"root:" not in answer.content


@pytest.mark.rule("GEN-7")
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/pdf", "text/turtle", "multipart/form-data; boundary=x"]
)
async def test_a_body_of_another_kind_is_415(client: Client, method: str, content_type: str) -> None:
    path = "/fhir/Patient" if method == "POST" else "/fhir/Patient/a"
    answer = await client.request(method, path, content=b"{}", headers={"content-type": content_type})
    refused(answer, 415)


def transaction(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}


def posting(resource: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"resource": resource, "request": {"method": "POST", "url": resource["resourceType"]}, **more}


@pytest.mark.rule("TX-1")
async def test_one_bad_entry_of_five_thousand_is_named_and_nothing_is_stored(client: Client) -> None:
    entries = [posting(observation("a")) for _ in range(5000)]
    entries[3777] = posting(observation("a", effectiveDateTime="yesterday"))
    answer = await client.post("/fhir", json=transaction(*entries))
    refused(answer, 400, "Bundle.entry[3777].resource.effective")
    assert len(issues(answer)) == 1


@pytest.mark.parametrize(
    ("entry", "status", "expression"),
    [
        (posting(patient(birthDate="x")), 400, "Bundle.entry[1].resource.birthDate"),
        (posting(patient(), request={"method": "POST", "url": "Pateint"}), 400, "Bundle.entry[1].request.url"),
        (posting(patient(), request={"method": "POST", "url": "Observation"}), 400, "Bundle.entry[1]"),
        (posting(patient(id="b"), request={"method": "PUT", "url": "Patient/z"}), 400, "Bundle.entry[1]"),
        (
            posting(patient(id="b"), request={"method": "PUT", "url": "Patient/b", "ifMatch": 'W/"9"'}),
            412,
            "Bundle.entry[1]",
        ),
        (
            posting(observation(subject={"reference": "urn:uuid:7b5f0a3e-0000-4000-8000-000000000001"})),
            400,
            "Bundle.entry[1]",
        ),
        (posting(observation(subject={"reference": "Patient?identifier=nobody"})), 412, "Bundle.entry[1]"),
        (posting(observation(subject={"reference": "Patient?gender=female"})), 412, "Bundle.entry[1]"),
        ({"request": {"method": "GET", "url": "Patient/nobody"}}, 404, "Bundle.entry[1]"),
        ({"request": {"method": "GET", "url": "Patient?birthdate=x"}}, 400, "Bundle.entry[1]"),
        ({"request": {"method": "DELETE", "url": "Patient?gender=female"}}, 412, "Bundle.entry[1]"),
        ({"request": {"method": "FETCH", "url": "Patient/a"}}, 400, "Bundle.entry[1]"),
        ({"request": {"method": "PATCH", "url": "Patient/a"}}, 400, "Bundle.entry[1]"),
    ],
)
async def test_a_bad_entry_is_named_and_the_good_one_before_it_is_not_kept(
    client: Client, entry: dict[str, Any], status: int, expression: str
) -> None:
    answer = await client.post("/fhir", json=transaction(posting(patient(gender="male")), entry))
    refused(answer, status)
    places = [place for issue in issues(answer) for place in issue.get("expression", [])]
    assert any(place.startswith(expression) for place in places), answer.text


@pytest.mark.rule("VER-1")
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_a_change_of_another_version_is_412(client: Client, method: str) -> None:
    patch = {"content-type": "application/merge-patch+json"} if method == "PATCH" else {}
    body = {} if method == "DELETE" else {"json": patient(id="a", gender="male")}
    answer = await client.request(method, "/fhir/Patient/a", headers={"if-match": 'W/"7"', **patch}, **body)
    refused(answer, 412)


@pytest.mark.parametrize(
    "header", ["if-match", "if-none-exist", "prefer", "accept", "if-modified-since", "x-request-id"]
)
async def test_a_header_of_nonsense_breaks_nothing(client: Client, header: str) -> None:
    methods = {"if-match": "PUT", "if-none-exist": "POST"}
    method = methods.get(header, "GET")
    path = "/fhir/Patient" if method == "POST" else "/fhir/Patient/a"
    body = {} if method == "GET" else {"content": b"{}"}
    for value in ("'; --", "\\", '"' * 500, "a" * 7000, "W/", "=;,="):
        answer = await client.request(method, path, headers={header: value}, **body)
        assert answer.status_code < 500, answer.text
        assert not LEAKS.search(answer.text)


async def test_a_query_of_thousands_of_alternatives_is_answered_or_refused(client: Client) -> None:
    many = ",".join(f"c{number}" for number in range(20_000))
    answer = await client.post(
        "/fhir/Observation/_search",
        content=f"code={quote(many)}",
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert answer.status_code in (200, 400, 413), answer.text[:500]
    assert not LEAKS.search(answer.text)
