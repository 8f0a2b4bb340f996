"""JSON and XML, negotiated both ways, and parts of resources (R4 http.html#mime-type, search.html#summary)."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import httpx
import pytest
from api_client import Client, issues, observation, patient

FHIR_JSON, FHIR_XML = "application/fhir+json", "application/fhir+xml"
XML = {"content-type": FHIR_XML}
FORM = {"content-type": "application/x-www-form-urlencoded"}
PATIENT_XML = """<?xml version="1.0" encoding="UTF-8"?>
<Patient xmlns="http://hl7.org/fhir"><!-- a comment --><id value="x"/><text><status value="generated"/>
<div xmlns="http://www.w3.org/1999/xhtml">An <b>X</b></div></text>
<extension url="http://e/1"><valueDecimal value="1.10"/></extension><name><family value="Fä"/></name>
<birthDate value="1970-01-01"><extension url="http://e/2"><valueCode value="c"/></extension></birthDate></Patient>"""
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
NS = "{http://hl7.org/fhir}"


def tree(answer: httpx.Response) -> ElementTree.Element:
    """An answer in XML, as a reader that is not ours reads it."""
    assert answer.headers["content-type"] == FHIR_XML
    if "content-encoding" not in answer.headers:
        assert int(answer.headers["content-length"]) == len(answer.content)
    return ElementTree.fromstring(answer.content)


def value(root: ElementTree.Element, path: str) -> str | None:
    found = root.find("/".join(f"{NS}{step}" for step in path.split("/")))
    return None if found is None else found.attrib["value"]


@pytest.mark.rule("GEN-5", "GEN-7")
@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, FHIR_JSON),
        ("*/*", FHIR_JSON),
        (FHIR_JSON, FHIR_JSON),
        ("application/json", FHIR_JSON),
        ("text/json", FHIR_JSON),
        ("application/*;q=0.5", FHIR_JSON),
        (f"{FHIR_JSON}; fhirVersion=4.0", FHIR_JSON),
        (f"{FHIR_JSON};charset=utf-8", FHIR_JSON),
        ("APPLICATION/FHIR+JSON", FHIR_JSON),
        (BROWSER, FHIR_JSON),
        (f"{FHIR_XML};q=0.5, {FHIR_JSON}", FHIR_JSON),
        (f"{FHIR_XML}, {FHIR_JSON}", FHIR_JSON),
        (FHIR_XML, FHIR_XML),
        ("application/xml", FHIR_XML),
        ("text/xml", FHIR_XML),
        (f"{FHIR_XML}; fhirVersion=4.0", FHIR_XML),
        (f"{FHIR_XML};q=1.0, {FHIR_JSON};q=0.1", FHIR_XML),
        (f"{FHIR_XML}, */*;q=0.1", FHIR_XML),
        (f"{FHIR_JSON};q=0, */*", FHIR_XML),
        (f"{FHIR_JSON}; fhirVersion=5.0, {FHIR_XML};q=0.2", FHIR_XML),
        (f"text/turtle, {FHIR_XML};q=0.4", FHIR_XML),
        (f"text/html, {FHIR_XML}", FHIR_XML),
    ],
)
async def test_accept_chooses_the_format(idle_client: Client, accept: str | None, expected: str) -> None:
    del idle_client.headers["accept"]
    answer = await idle_client.get("/fhir/metadata", headers={"accept": accept} if accept else {})
    assert (answer.status_code, answer.headers["content-type"]) == (200, expected)
    assert "Accept" in answer.headers["vary"].split(", ")


@pytest.mark.rule("GEN-7", "GEN-8")
@pytest.mark.parametrize(
    "accept",
    [
        "text/turtle",
        "application/fhir+turtle",
        f"{FHIR_JSON};q=0",
        f"{FHIR_JSON}; fhirVersion=5.0",
        f"{FHIR_XML}; fhirVersion=3.0",
        f"{FHIR_JSON};q=nonsense",
        "nonsense",
    ],
)
async def test_a_format_that_is_not_there_is_406_in_json(idle_client: Client, accept: str) -> None:
    answer = await idle_client.get("/fhir/Patient", headers={"accept": accept})
    assert answer.status_code == 406
    assert issues(answer)[0]["code"] == "not-supported"


@pytest.mark.rule("GEN-6")
@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("json", FHIR_JSON),
        ("application/json", FHIR_JSON),
        ("application/fhir%2Bjson", FHIR_JSON),
        ("application/fhir+json", FHIR_JSON),
        ("xml", FHIR_XML),
        ("text/xml", FHIR_XML),
        ("application/xml", FHIR_XML),
        ("application/fhir+xml", FHIR_XML),
        ("application/fhir%2Bxml;fhirVersion=4.0", FHIR_XML),
    ],
)
async def test_format_goes_before_accept(idle_client: Client, form: str, expected: str) -> None:
    for accept in (FHIR_JSON, FHIR_XML, "text/turtle"):
        answer = await idle_client.get(f"/fhir/Patient?_format={form}", headers={"accept": accept})
        assert (answer.status_code, answer.headers["content-type"]) == (200, expected)


@pytest.mark.rule("GEN-6")
@pytest.mark.parametrize(
    "form", ["ttl", "text/turtle", "application/fhir%2Bturtle", "html", "application/fhir+json;fhirVersion=5.0"]
)
async def test_a_format_parameter_for_what_is_not_there_is_406(idle_client: Client, form: str) -> None:
    answer = await idle_client.get(f"/fhir/Patient?_format={form}")
    assert answer.status_code == 406
    assert issues(answer)[0]["expression"] == ["http._format"]


@pytest.mark.rule("GEN-6")
async def test_format_does_not_say_what_the_body_is(client: Client) -> None:
    made = await client.post("/fhir/Patient?_format=xml", json=patient(gender="male"))
    assert (made.status_code, value(tree(made), "gender")) == (201, "male")


@pytest.mark.rule("GEN-5")
async def test_what_comes_as_xml_is_kept_and_comes_back_in_both_formats(client: Client) -> None:
    made = await client.put("/fhir/Patient/x", content=PATIENT_XML, headers=XML)
    assert (made.status_code, made.headers["content-type"]) == (201, FHIR_JSON)
    text = (await client.get("/fhir/Patient/x")).text
    assert '"valueDecimal":1.10' in text
    assert '"div":"<div xmlns=\\"http://www.w3.org/1999/xhtml\\">An <b>X</b></div>"' in text
    assert '"_birthDate":{"extension":[{"url":"http://e/2","valueCode":"c"}]}' in text
    answer = await client.get("/fhir/Patient/x", headers={"accept": FHIR_XML})
    assert value(tree(answer), "extension/valueDecimal") == "1.10"
    assert b'<div xmlns="http://www.w3.org/1999/xhtml">An <b>X</b></div>' in answer.content
    again = await client.put("/fhir/Patient/x", content=answer.content, headers={**XML, "accept": FHIR_XML})
    assert again.status_code == 200
    assert value(tree(again), "meta/versionId") == "2"


@pytest.mark.rule("GEN-5")
async def test_bundles_come_and_go_as_xml(client: Client) -> None:
    bundle = f"""<Bundle xmlns="http://hl7.org/fhir"><type value="transaction"/><entry><resource>
        {PATIENT_XML.partition("?>")[2]}</resource>
        <request><method value="PUT"/><url value="Patient/x"/></request></entry>
        </Bundle>"""
    answer = await client.post("/fhir", content=bundle, headers={**XML, "accept": FHIR_XML})
    assert answer.status_code == 200
    assert value(tree(answer), "entry/response/status") == "201 Created"
    found = tree(await client.get("/fhir/Patient?_id=x", headers={"accept": FHIR_XML}))
    assert value(found, "type") == "searchset"
    assert value(found, "entry/resource/Patient/name/family") == "Fä"
    form = await client.post(
        "/fhir/Patient/_search",
        data={"_id": "x", "_format": "xml"},
        headers=FORM,
    )
    assert value(tree(form), "entry/resource/Patient/id") == "x"


@pytest.mark.rule("GEN-4", "GEN-5")
async def test_refusals_are_negotiated_too(idle_client: Client) -> None:
    xml = {"accept": FHIR_XML}
    for status, answer in (
        (404, await idle_client.get("/fhir/Patient/nobody", headers=xml)),
        (404, await idle_client.get("/fhir/Nothing", headers=xml)),
        (405, await idle_client.put("/fhir/Patient/nobody/_history/1", headers=xml)),
        (400, await idle_client.get("/fhir/Patient?_format=xml&_lastUpdated=never")),
        (400, await idle_client.post("/fhir/Patient", content="<Patient/>", headers={**XML, **xml})),
        (415, await idle_client.post("/fhir/Patient", content="x", headers={"content-type": "text/plain", **xml})),
        (421, await idle_client.get("/fhir/Patient", headers={"host": "evil.example", **xml})),
    ):
        assert answer.status_code == status
        root = tree(answer)
        assert root.tag == f"{NS}OperationOutcome"
        assert value(root, "issue/diagnostics")


@pytest.mark.rule("GEN-4")
async def test_head_says_what_get_would_send(client: Client) -> None:
    await client.put("/fhir/Patient/x", json=patient(id="x"))
    for accept in (FHIR_JSON, FHIR_XML):
        got = await client.get("/fhir/Patient/x", headers={"accept": accept})
        head = await client.head("/fhir/Patient/x", headers={"accept": accept})
        assert (head.status_code, head.content) == (200, b"")
        for name in ("content-type", "content-length", "etag", "last-modified", "vary"):
            assert head.headers[name] == got.headers[name]


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("<Patient xmlns='http://hl7.org/fhir'>\n<nonsense/></Patient>", "line 2"),
        (
            "<!DOCTYPE Patient [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><Patient xmlns='http://hl7.org/fhir'>&x;</Patient>",
            "line 1",
        ),
        ("{}", "line 1"),
        ("", "line 1"),
    ],
)
async def test_xml_that_is_not_right_is_400_with_its_line(idle_client: Client, body: str, line: str) -> None:
    answer = await idle_client.post("/fhir/Patient", content=body, headers=XML)
    assert answer.status_code == 400
    (issue,) = issues(answer)
    assert issue["code"] == "structure"
    assert line in issue["diagnostics"]


async def test_xml_is_held_to_the_same_rules_as_json(idle_client: Client) -> None:
    body = "<Patient xmlns='http://hl7.org/fhir'><gender value='nonsense'/></Patient>"
    answer = await idle_client.post("/fhir/Patient", content=body, headers=XML)
    assert answer.status_code == 400
    assert issues(answer)[0]["expression"] == ["Patient.gender"]


@pytest.mark.rule("GEN-5", "GEN-7", "GEN-8")
@pytest.mark.parametrize("syntax", ["json", "xml"])
async def test_bodies_are_named_in_many_ways_and_must_be_r4_in_utf_8(client: Client, syntax: str) -> None:
    body = PATIENT_XML.encode() if syntax == "xml" else b'{"resourceType":"Patient"}'
    for content_type, status in (
        (f"application/fhir+{syntax}", 201),
        (f"application/{syntax}", 201),
        (f"text/{syntax}", 201),
        (f"application/fhir+{syntax};charset=UTF-8", 201),
        (f"application/{syntax}; fhirVersion=4.0", 201),
        (f"application/fhir+{syntax}; fhirVersion=5.0", 415),
        (f"application/fhir+{syntax}; charset=iso-8859-1", 415),
        ("application/fhir+turtle", 415),
    ):
        answer = await client.post("/fhir/Patient", content=body, headers={"content-type": content_type})
        assert answer.status_code == status, content_type


@pytest.mark.rule("GEN-8")
async def test_pretty_spreads_the_same_content_over_lines(client: Client) -> None:
    await client.put("/fhir/Patient/x", content=PATIENT_XML, headers=XML)
    for url in (
        "/fhir/Patient/x",
        "/fhir/Patient/x/_history/1",
        "/fhir/Patient",
        "/fhir/metadata",
        "/fhir/Patient/x/$everything",
    ):
        plain = await client.get(url)
        pretty = await client.get(f"{url}?_pretty=true")
        assert plain.text.count("\n") == 0 < pretty.text.count("\n")
        assert without_links(pretty.json()) == without_links(plain.json())
        xml = await client.get(f"{url}?_pretty=true&_format=xml")
        assert xml.text.count("\n") > 5
        assert tree(xml) is not None
    assert "1.10" in (await client.get("/fhir/Patient/x?_pretty=true")).text
    assert (await client.get("/fhir/Patient/x?_pretty=false")).text.count("\n") == 0
    refused = await client.get("/fhir/Patient/x?_pretty=yes")
    assert (refused.status_code, issues(refused)[0]["expression"]) == (400, ["http._pretty"])


def without_links(resource: dict[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in resource.items() if name != "link"}


FULL = patient(
    id="x",
    language="en",
    text={"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'},
    name=[{"family": "F"}],
    gender="male",
    maritalStatus={"text": "m"},
)


def is_part(resource: dict[str, Any]) -> bool:
    tags = [(tag.get("system"), tag.get("code")) for tag in resource.get("meta", {}).get("tag", [])]
    return ("http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "SUBSETTED") in tags


def names(resource: dict[str, Any]) -> set[str]:
    return set(resource) - {"resourceType", "id", "meta"}


PARTS = [
    ("_summary=true", {"name", "gender"}),
    ("_summary=text", {"text"}),
    ("_summary=data", {"language", "name", "gender", "maritalStatus"}),
    ("_summary=false", None),
    ("_summary=", None),
    ("_elements=gender", {"gender"}),
    ("_elements=gender,maritalStatus", {"gender", "maritalStatus"}),
    ("_elements=gender&_elements=text", {"gender", "text"}),
    ("_elements=Patient.gender", {"gender"}),
    ("_elements=Observation.code", None),
    ("_elements=id", set()),
    ("_elements=", None),
    ("_summary=data&_elements=gender,text", {"gender"}),
]


@pytest.mark.rule("READ-4", "GEN-8", "SUM-1", "SUM-2", "ELM-1")
@pytest.mark.parametrize(("query", "expected"), PARTS)
async def test_every_read_gives_the_part_that_is_asked_for(
    client: Client, query: str, expected: set[str] | None
) -> None:
    await client.put("/fhir/Patient/x", json=FULL)
    whole = names(FULL)
    for url in ("/fhir/Patient/x", "/fhir/Patient/x/_history/1"):
        answer = await client.get(f"{url}?{query}")
        assert answer.status_code == 200
        assert answer.headers["etag"] == 'W/"1"'
        assert names(answer.json()) == (whole if expected is None else expected)
        assert is_part(answer.json()) == (expected is not None)
    for url in ("/fhir/Patient", "/fhir/Patient/x/$everything"):
        bundle = (await client.get(f"{url}?{query}")).json()
        (entry,) = [entry for entry in bundle["entry"] if entry["resource"]["resourceType"] == "Patient"]
        assert names(entry["resource"]) == (whole if expected is None else expected)
        assert is_part(entry["resource"]) == (expected is not None)
        assert not is_part(bundle)


@pytest.mark.rule("READ-4", "ELM-1")
async def test_a_form_and_a_bundle_ask_for_parts_as_well(client: Client) -> None:
    await client.put("/fhir/Patient/x", json=FULL)
    found = (await client.post("/fhir/Patient/_search?_id=x", data={"_elements": "gender"}, headers=FORM)).json()
    assert names(found["entry"][0]["resource"]) == {"gender"}
    batch = {"resourceType": "Bundle", "type": "batch"}
    batch |= {"entry": [{"request": {"method": "GET", "url": "Patient/x?_summary=text"}}]}  # type: ignore[dict-item]  # JSON
    answered = (await client.post("/fhir", json=batch)).json()
    assert names(answered["entry"][0]["resource"]) == {"text"}


@pytest.mark.rule("SUM-1", "ELM-1")
async def test_parts_keep_what_is_mandatory_and_the_digits(client: Client) -> None:
    body = observation(valueQuantity={"value": 1}, note=[{"text": "n"}], id="o")
    text = httpx.Request("PUT", "http://x", json=body).content.replace(b'"value":1', b'"value":1.10')
    await client.put("/fhir/Observation/o", content=text)
    for query, expected in (
        ("_elements=value", {"status", "code", "valueQuantity"}),
        ("_summary=text", {"status", "code"}),
    ):
        answer = await client.get(f"/fhir/Observation/o?{query}")
        assert names(answer.json()) == expected
    assert '"value":1.10' in (await client.get("/fhir/Observation/o?_elements=value")).text


@pytest.mark.parametrize(
    "query", ["_summary=all", "_elements=nonsense", "_elements=gender,Patient.nonsense", "_elements=Nothing.id"]
)
async def test_a_part_that_there_is_not_is_400(client: Client, query: str) -> None:
    await client.put("/fhir/Patient/x", json=FULL)
    for url in ("/fhir/Patient/x", "/fhir/Patient/x/_history/1", "/fhir/Patient"):
        answer = await client.get(f"{url}?{query}")
        assert answer.status_code == 400
        assert issues(answer)[0]["expression"] == [f"http.{query.partition('=')[0]}"]


@pytest.mark.rule("READ-4")
async def test_a_part_does_not_replace_the_whole(client: Client) -> None:
    await client.put("/fhir/Patient/x", json=FULL)
    part = (await client.get("/fhir/Patient/x?_elements=gender")).json()
    entry = {"resource": part, "request": {"method": "PUT", "url": "Patient/x"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    for answer in (
        await client.put("/fhir/Patient/x", json=part),
        await client.put("/fhir/Patient?gender=male", json=part),
        await client.post("/fhir", json=bundle),
    ):
        assert answer.status_code == 400
        assert issues(answer)[0]["code"] == "business-rule"
    assert names((await client.get("/fhir/Patient/x")).json()) == names(FULL)


@pytest.mark.rule("ELM-1")
async def test_elements_are_not_chosen_of_what_is_included(client: Client) -> None:
    await client.put("/fhir/Patient/x", json=FULL)
    await client.put("/fhir/Observation/o", json=observation("x", id="o", note=[{"text": "n"}]))
    found = (await client.get("/fhir/Observation?_include=Observation:subject&_elements=code")).json()
    matched, included = (entry["resource"] for entry in found["entry"])
    assert names(matched) == {"status", "code"}
    assert names(included) == names(FULL)
    assert is_part(matched)
    assert not is_part(included)
