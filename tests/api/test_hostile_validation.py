"""`$validate` of what means harm: an answer that says what to mend, in bounded time and memory; the service stays."""

from __future__ import annotations

import json
from typing import Any

import pytest
from api_client import Client, patient

ON_ONE_STORE = pytest.mark.parametrize("idle_store", ["sqlite"], indirect=True)
IN_ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""What a store does is no part of it."""
XML = {"content-type": "application/fhir+xml"}
FHIR = b'<Patient xmlns="http://hl7.org/fhir">'
DEEP = 10_000
BUNDLE = {"resourceType": "Bundle", "type": "document"}


def nested(opening: bytes, closing: bytes, inner: bytes = b"") -> bytes:
    return opening * DEEP + inner + closing * DEEP


IN_JSON: dict[str, tuple[bytes, str]] = {
    "deep extensions": (
        b'{"resourceType":"Patient","extension":' + nested(b'[{"url":"a","extension":', b"}]", b"[]") + b"}",
        "nested deeper than 200 levels",
    ),
    "deep contained": (
        b'{"resourceType":"Patient","contained":'
        + nested(b'[{"resourceType":"Patient","contained":', b"}]", b"[]")
        + b"}",
        "nested deeper than 200 levels",
    ),
    "deep parts": (
        b'{"resourceType":"Parameters","parameter":' + nested(b'[{"name":"a","part":', b"}]", b"[]") + b"}",
        "nested deeper than 200 levels",
    ),
    "a key twice": (b'{"resourceType":"Patient","name":[{"text":"a","text":"b"}]}', "the key 'text' stands more than"),
    "NaN": (b'{"resourceType":"Patient","multipleBirthInteger":NaN}', "NaN is not a JSON number"),
    "Infinity": (b'{"resourceType":"Patient","multipleBirthInteger":-Infinity}', "-Infinity is not a JSON number"),
    "a huge exponent": (b'{"resourceType":"Patient","multipleBirthInteger":1e99999999}', "beyond 10^308"),
    "many digits": (b'{"resourceType":"Patient","multipleBirthInteger":' + b"9" * 5_000_000 + b"}", "beyond 10^308"),
    "half a character": (b'{"resourceType":"Patient","name":[{"text":"\\udc00"}]}', "without its other half"),
    "half a character as bytes": (b'{"resourceType":"Patient","name":[{"text":"\xed\xa0\x80"}]}', "is not UTF-8"),
    "UTF-16": ('{"resourceType":"Patient"}'.encode("utf-16"), "UTF-16"),
    "UTF-16 without its mark": ('{"resourceType":"Patient"}'.encode("utf-16-be"), "UTF-16"),
    "cut off": (b'{"resourceType":"Patient","name":[{"te', "not JSON at line 1, column 36"),
    "backtracking": (json.dumps(patient(birthDate="1" * 1_000_000 + "-")).encode(), "is no date"),
    "a narrative with entities": (
        json.dumps(
            patient(text={"status": "generated", "div": '<!DOCTYPE d [<!ENTITY a "b">]><div>&a;</div>'})
        ).encode(),
        "it has to begin with <div",
    ),
}
IN_XML: dict[str, tuple[bytes, str]] = {
    "deep extensions": (FHIR + nested(b'<extension url="a">', b"</extension>") + b"</Patient>", "deeper than 100"),
    "deep contained": (FHIR + nested(b"<contained><Patient>", b"</Patient></contained>"), "deeper than 100"),
    "a bomb": (
        b'<!DOCTYPE a [<!ENTITY a "lol"><!ENTITY b "&a;&a;">]>' + FHIR + b'<name><text value="&b;"/></name></Patient>',
        "document type",
    ),
    "a file of ours": (
        b'<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/hostname">]>' + FHIR + b"</Patient>",
        "document type",
    ),
    "UTF-16": ('<Patient xmlns="http://hl7.org/fhir"/>'.encode("utf-16"), "UTF-16"),
    "Latin 1": (b'<?xml version="1.0" encoding="ISO-8859-1"?>' + FHIR + b"</Patient>", "send UTF-8"),
    "cut off": (FHIR + b"<name><te", "not well-formed XML at line 1"),
    "nothing": (b" ", "not well-formed XML"),
}


async def told(client: Client, path: str, body: bytes | dict[str, Any], **request: Any) -> list[dict[str, Any]]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = await client.post(f"/fhir/{path}", content=content, **request)
    assert answer.status_code == 200, answer.text[:300]
    issues: list[dict[str, Any]] = answer.json()["issue"]
    return issues


@ON_ONE_STORE
async def test_what_cannot_be_read_is_one_finding_that_says_why(idle_client: Client) -> None:
    for cases, headers in ((IN_JSON, {}), (IN_XML, XML)):
        for name, (body, words) in cases.items():
            issues = await told(idle_client, "Patient/$validate", body, headers=headers)
            assert [issue["severity"] in ("fatal", "error") for issue in issues] == [True], name
            assert words in issues[0]["diagnostics"], name
            assert len(issues[0]["diagnostics"]) < 500, name


@ON_ONE_STORE
async def test_a_hundred_thousand_items_are_looked_at_to_the_end(idle_client: Client) -> None:
    names: list[dict[str, Any]] = [{"family": "A"}] * 100_000
    assert {issue["severity"] for issue in await told(idle_client, "Patient/$validate", patient(name=names))} == {
        "warning"
    }


@ON_ONE_STORE
async def test_thousands_of_entries_with_one_name_are_told_up_to_a_limit(idle_client: Client) -> None:
    link = [{"other": {"reference": "Patient/1/_history/7"}, "type": "seealso"}]
    entry = {"fullUrl": "http://example.org/Patient/1", "resource": patient(id="1", link=link)}
    issues = await told(idle_client, "Bundle/$validate", BUNDLE | {"entry": [entry] * 2_000})
    assert 1_000 < len(issues) < 3_000
    assert any("only the first 1,000 findings about entries" in issue["diagnostics"] for issue in issues)


def profile(url: str, *elements: dict[str, Any], base: str = "", kind: str = "Patient") -> dict[str, Any]:
    return {
        "resourceType": "StructureDefinition",
        "url": url,
        "name": "Hostile",
        "status": "draft",
        "kind": "resource",
        "abstract": False,
        "type": kind,
        "baseDefinition": base or f"http://hl7.org/fhir/StructureDefinition/{kind}",
        "derivation": "constraint",
        "differential": {"element": [{"id": one["path"], **one} for one in elements or ({"path": kind},)]},
    }


def ruled(url: str, expression: str) -> dict[str, Any]:
    rule = {"key": "x-1", "severity": "error", "human": "x", "expression": expression}
    return profile(url, {"path": "Patient.name", "constraint": [rule]})


U = "http://example.org/hostile/"
CIRCLE = {"path": "Patient.contained", "type": [{"code": "Patient", "profile": [f"{U}other"]}]}
SLICED = {"discriminator": [{"type": "profile", "path": "$this"}], "rules": "open"}
DEFINITIONS: dict[str, tuple[list[dict[str, Any]], str]] = {
    "itself": (
        [
            profile(
                f"{U}itself", {"path": "Patient.contained", "type": [{"code": "Patient", "profile": [f"{U}itself"]}]}
            )
        ],
        "",
    ),
    "each-other": (
        [
            profile(f"{U}each-other", CIRCLE),
            profile(f"{U}other", {**CIRCLE, "type": [{"code": "Patient", "profile": [f"{U}each-other"]}]}),
        ],
        "",
    ),
    "slice": (
        [
            profile(
                f"{U}slice",
                {"path": "Patient.contained", "slicing": SLICED},
                {
                    "id": "Patient.contained:me",
                    "path": "Patient.contained",
                    "sliceName": "me",
                    "max": "1",
                    "type": [{"code": "Patient", "profile": [f"{U}slice"]}],
                },
            )
        ],
        "",
    ),
    "own-base": ([profile(f"{U}own-base", base=f"{U}own-base")], "its baseDefinition leads in a circle"),
    "wrong-base": (
        [profile(f"{U}wrong-base", base="http://hl7.org/fhir/StructureDefinition/Observation")],
        "is about Patient, and its base http://hl7.org/fhir/StructureDefinition/Observation about Observation",
    ),
    "no-base": ([profile(f"{U}no-base", base=f"{U}nowhere")], "only what the profile itself says was checked"),
    "other-type": ([profile(f"{U}other-type", kind="Observation")], "the value is a Patient; allowed: Observation"),
    "path": (
        [
            profile(
                f"{U}path",
                {
                    "path": "Patient.name",
                    "slicing": {"discriminator": [{"type": "value", "path": "nick.name"}], "rules": "closed"},
                },
                {"id": "Patient.name:a", "path": "Patient.name", "sliceName": "a", "min": 1},
            )
        ],
        "the profile says nothing there about 'nick.name'",
    ),
    "backtracking": ([ruled(f"{U}backtracking", "given.all(matches('(.*a){25}$'))")], "(x-1: "),
    "unrolled": ([ruled(f"{U}unrolled", "given.all(matches('((((a{99}){99}){99}){99})'))")], "was not checked"),
    "brackets": ([ruled(f"{U}brackets", "(" * 4_000 + "true" + ")" * 4_000)], "was not checked"),
    "growing": ([ruled(f"{U}growing", "given.aggregate($total & $this & $total, 'a').exists()")], ""),
    "many": (
        [
            profile(
                f"{U}many",
                {
                    "path": "Patient.name",
                    "slicing": {"discriminator": [{"type": "value", "path": "use"}], "rules": "open"},
                },
                *(
                    {"id": f"Patient.name:n{number}", "path": "Patient.name", "sliceName": f"n{number}"}
                    for number in range(2_000)
                ),
            )
        ],
        "the validation against profiles was stopped",
    ),
}


@IN_ONE_DATABASE
@pytest.mark.parametrize("name", DEFINITIONS)
async def test_a_definition_that_means_harm_is_answered(client: Client, name: str) -> None:
    definitions, words = DEFINITIONS[name]
    for definition in definitions:
        stored = await client.post("/fhir/StructureDefinition", json=definition)
        assert stored.status_code == 201, stored.text[:300]
    inner = patient(id="p", link=[{"other": {"reference": "#"}, "type": "seealso"}])
    sent = patient(
        contained=[inner],
        link=[{"other": {"reference": "#p"}, "type": "seealso"}],
        name=[{"given": ["a" * 60 + "!"] * 9}] * 9,
    )
    issues = await told(client, f"Patient/$validate?profile={U}{name}", sent)
    texts = [issue["diagnostics"] for issue in issues]
    assert any(words in text for text in texts), texts[:3]
    if not words:
        assert {issue["severity"] for issue in issues} <= {"warning", "information"}
