"""`StructureMap/$transform` (R4 structuremap-operation-transform.html): by our maps and those of a client (OPS-1)."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from api_client import Client, issues

from fhir_service.api.operations import transform as operation
from fhir_service.definitions.catalogue import DEFAULT_BASE, catalogue
from fhir_service.fhir.json_text import encode
from fhir_service.validation.structure import findings

pytestmark = pytest.mark.rule("OPS-1")

GOLDEN = Path(__file__).parents[1] / "golden" / "every-kind-of-fact"
CASE_REPORT = f"{DEFAULT_BASE}/StructureMap/case-report"
FHIR = "http://hl7.org/fhir/StructureDefinition"
URL = "http://example.org/StructureMap/patient-to-basic"
PATIENT = {"resourceType": "Patient", "id": "p", "gender": "female", "birthDate": "1950-01-31"}


def fml(rules: str, url: str = URL, more: str = "", groups: str = "") -> str:
    return (
        f'map "{url}" = "PatientToPerson"\nuses "{FHIR}/Patient" alias Patient as source\n'
        f'uses "{FHIR}/Person" alias Person as target\n{more}\n'
        f"group Main(source patient : Patient, target person : Person) {{\n{rules}\n}}\n{groups}"
    )


STORED: dict[str, Any] = {
    "resourceType": "StructureMap",
    "url": URL,
    "version": "1",
    "name": "PatientToPerson",
    "status": "active",
    "structure": [
        {"url": f"{FHIR}/Patient", "mode": "source", "alias": "Patient"},
        {"url": f"{FHIR}/Person", "mode": "target", "alias": "Person"},
    ],
    "group": [
        {
            "name": "Main",
            "typeMode": "none",
            "input": [
                {"name": "patient", "type": "Patient", "mode": "source"},
                {"name": "person", "type": "Person", "mode": "target"},
            ],
            "rule": [
                {
                    "name": "gender",
                    "source": [{"context": "patient", "element": "gender", "variable": "g"}],
                    "target": [
                        {
                            "context": "person",
                            "contextType": "variable",
                            "element": "gender",
                            "transform": "copy",
                            "parameter": [{"valueId": "g"}],
                        }
                    ],
                }
            ],
        }
    ],
}
"""What GENDER says."""
GENDER = fml('patient.gender as g -> person.gender = g "gender";')


def value(name: str, kind: str, content: Any) -> dict[str, Any]:
    return {"name": name, f"value{kind}": content}


def parameters(*items: dict[str, Any], content: dict[str, Any] = PATIENT) -> dict[str, Any]:
    return {"resourceType": "Parameters", "parameter": [*items, {"name": "content", "resource": content}]}


async def transform(client: Client, body: Any, **query: str) -> httpx.Response:
    return await client.post("/fhir/StructureMap/$transform", json=body, params=query)


async def sent(client: Client, *maps: str, content: dict[str, Any] = PATIENT) -> httpx.Response:
    return await transform(client, parameters(*(value("srcMap", "String", text) for text in maps), content=content))


async def test_a_map_of_ours_makes_the_bundle_of_a_case_report(idle_client: Client) -> None:
    facts = json.loads((GOLDEN / "case-report.json").read_text()) | {"source": {"id": "d"}}
    by_url = await transform(idle_client, facts, source=CASE_REPORT)
    by_id = await idle_client.post("/fhir/StructureMap/case-report/$transform", json=facts)
    assert by_url.status_code == by_id.status_code == 200, by_url.text
    assert by_url.content == by_id.content
    assert by_url.json()["resourceType"] == "Bundle"
    assert {"Patient", "Procedure"} <= {entry["resource"]["resourceType"] for entry in by_url.json()["entry"]}


async def test_digits_come_through_as_they_were_sent(idle_client: Client) -> None:
    rules = 'patient.extension as e -> person.extension = e "e";'
    text = json.dumps(parameters(value("srcMap", "String", fml(rules)), content=PATIENT | {"extension": [1]}))
    extension = '{"url":"urn:x","valueDecimal":8.00}'
    answer = await idle_client.post("/fhir/StructureMap/$transform", content=text.replace("[1]", f"[{extension}]"))
    assert answer.status_code == 200, answer.text
    assert b"8.00" in answer.content


class TestAStoredMap:
    async def test_is_run_by_id_by_url_and_by_version(self, client: Client) -> None:
        assert (await client.put("/fhir/StructureMap/people", json=STORED | {"id": "people"})).status_code == 201
        answers = [
            await client.post("/fhir/StructureMap/people/$transform", json=PATIENT),
            await client.post("/fhir/StructureMap/people/$transform", json=parameters()),
            await transform(client, PATIENT, source=URL),
            await transform(client, PATIENT, source=f"{URL}|1"),
            await transform(client, parameters(value("source", "Uri", URL))),
            await transform(client, parameters({"name": "sourceMap", "resource": STORED})),
        ]
        for answer in answers:
            assert answer.status_code == 200, answer.text
            assert answer.json() == {"resourceType": "Person", "gender": "female"}
        assert (await transform(client, PATIENT, source=f"{URL}|2")).status_code == 404

    async def test_is_the_newest_of_its_url_and_a_change_is_seen_at_once(self, client: Client) -> None:
        await client.put("/fhir/StructureMap/first", json=STORED | {"id": "first"})
        newer = json.loads(json.dumps(STORED).replace("gender", "birthDate"))
        await client.put("/fhir/StructureMap/second", json=newer | {"id": "second", "version": "2"})
        assert (await transform(client, PATIENT, source=URL)).json()["birthDate"] == "1950-01-31"
        assert (await transform(client, PATIENT, source=f"{URL}|1")).json()["gender"] == "female"
        await client.put("/fhir/StructureMap/second", json=STORED | {"id": "second", "version": "2"})
        assert (await transform(client, PATIENT, source=URL)).json()["gender"] == "female"
        await client.delete("/fhir/StructureMap/first")
        await client.delete("/fhir/StructureMap/second")
        assert (await transform(client, PATIENT, source=URL)).status_code == 404
        assert (await client.post("/fhir/StructureMap/second/$transform", json=PATIENT)).status_code == 410

    async def test_is_imported_by_its_url_and_by_a_pattern(self, client: Client) -> None:
        await client.put("/fhir/StructureMap/people", json=STORED | {"id": "people"})
        for pattern in (URL, "http://example.org/StructureMap/patient-*"):
            main = fml(
                'patient then Main(patient, person) "main";',
                url="http://example.org/StructureMap/caller",
                more=f'imports "{pattern}"',
            ).replace("group Main", "group Caller")
            answer = await sent(client, main)
            assert answer.json() == {"resourceType": "Person", "gender": "female"}, answer.text

    async def test_takes_a_supporting_map_of_the_request_before_a_stored_one(self, client: Client) -> None:
        await client.put("/fhir/StructureMap/people", json=STORED | {"id": "people"})
        supporting = json.loads(json.dumps(STORED).replace("gender", "birthDate"))
        main = fml('patient then Main(patient, person) "main";', url="urn:caller", more=f'imports "{URL}"')
        asked = [value("srcMap", "String", main.replace("group Main", "group Caller"))]
        answer = await transform(client, parameters(*asked, {"name": "supportingMap", "resource": supporting}))
        assert answer.json() == {"resourceType": "Person", "birthDate": "1950-01-31"}, answer.text

    async def test_that_names_an_element_that_is_not_there_is_told_with_its_path(self, client: Client) -> None:
        wrong = json.loads(
            json.dumps(STORED).replace('"element": "gender", "transform"', '"element": "sex", "transform"')
        )
        await client.put("/fhir/StructureMap/wrong", json=wrong | {"id": "wrong"})
        answer = await client.post("/fhir/StructureMap/wrong/$transform", json=PATIENT)
        assert answer.status_code == 422, answer.text
        (issue,) = issues(answer)
        assert issue["expression"] == ["StructureMap.group[0].rule[0].target[0]"]
        assert "sex" in issue["diagnostics"]

    async def test_takes_and_gives_xml(self, client: Client) -> None:
        await client.put("/fhir/StructureMap/people", json=STORED | {"id": "people"})
        text = '<Patient xmlns="http://hl7.org/fhir"><gender value="male"/></Patient>'
        headers = {"content-type": "application/fhir+xml", "accept": "application/fhir+xml"}
        answer = await client.post("/fhir/StructureMap/people/$transform", content=text, headers=headers)
        assert answer.text.endswith('<Person xmlns="http://hl7.org/fhir"><gender value="male"/></Person>')


@pytest.mark.parametrize("name", sorted(catalogue().structure_maps))
async def test_a_map_of_ours_is_read_as_a_resource_and_knows_its_url(published_client: Client, name: str) -> None:
    answer = await published_client.get(f"/fhir/StructureMap/{name}")
    assert findings(answer.content) == []
    assert answer.json()["url"] == f"{DEFAULT_BASE}/StructureMap/{name}"
    assert answer.json()["text"]["status"] == "generated"


async def test_a_published_map_of_ours_runs_by_its_id(published_client: Client) -> None:
    answer = await published_client.post("/fhir/StructureMap/case-report/$transform", json={"source": {"id": "d"}})
    assert answer.json()["resourceType"] == "Bundle"
    found = await published_client.get("/fhir/StructureMap?name=CaseReportToBundle&status=active")
    assert [entry["resource"]["id"] for entry in found.json()["entry"]] == ["case-report"]


class TestTheMap:
    async def test_is_sent_in_mapping_language_with_what_it_imports(self, idle_client: Client) -> None:
        other = "http://example.org/StructureMap/other"
        main = fml('patient then Dates(patient, person) "dates";', more=f'imports "{other}"')
        more = (
            f'map "{other}" = "Other"\n'
            "group Dates(source patient, target person) {\n"
            'patient.birthDate as d -> person.birthDate = d "date";\n}'
        )
        answer = await sent(idle_client, main, more)
        assert answer.status_code == 200, answer.text
        assert answer.json() == {"resourceType": "Person", "birthDate": "1950-01-31"}
        assert findings(answer.content) == []

    async def test_translates_by_a_map_that_a_client_stored(self, client: Client) -> None:
        named = "http://example.org/ConceptMap/genders"
        rules = f"patient.gender as g -> person.gender = translate(g, '{named}', 'code') \"g\";"
        element = {"code": "female", "target": [{"code": "other", "equivalence": "equal"}]}
        concept_map = {
            "resourceType": "ConceptMap",
            "url": named,
            "status": "active",
            "group": [{"element": [element]}],
        }
        missing = await sent(client, fml(rules))
        assert (missing.status_code, named in issues(missing)[0]["diagnostics"]) == (422, True)
        await client.put("/fhir/ConceptMap/genders", json=concept_map | {"id": "genders"})
        assert (await sent(client, fml(rules))).json()["gender"] == "other"
        element["target"][0]["code"] = "unknown"
        await client.put("/fhir/ConceptMap/genders", json=concept_map | {"id": "genders"})
        assert (await sent(client, fml(rules))).json()["gender"] == "unknown"

    async def test_that_has_the_url_of_ours_changes_nothing_for_others(self, idle_client: Client) -> None:
        answer = await sent(idle_client, fml('patient.gender as g -> person.gender = g "g";', url=CASE_REPORT))
        assert answer.json()["resourceType"] == "Person"
        again = await transform(idle_client, {"source": {"id": "d"}}, source=CASE_REPORT)
        assert again.json()["resourceType"] == "Bundle"

    @pytest.mark.parametrize(
        ("text", "reasons"),
        [
            (fml('patient.gender as g -> person.sex = g "g";'), ["line 6", "sex", "PatientToPerson"]),
            ("map is missing", ["srcMap", "line 1"]),
            (fml("", more='imports "urn:nowhere"'), ["urn:nowhere"]),
            (fml("", more=f'imports "{URL}"'), ["PatientToPerson"]),
        ],
    )
    async def test_that_cannot_be_used_is_told_with_its_place(
        self, idle_client: Client, text: str, reasons: list[str]
    ) -> None:
        answer = await sent(idle_client, text)
        assert answer.status_code == 422, answer.text
        for reason in reasons:
            assert reason in issues(answer)[0]["diagnostics"]

    async def test_maps_that_import_one_another_in_a_circle_are_refused(self, idle_client: Client) -> None:
        other = "http://example.org/StructureMap/other"
        answer = await sent(
            idle_client,
            fml("", more=f'imports "{other}"'),
            fml("", url=other, more=f'imports "{URL}"').replace("PatientToPerson", "Other"),
        )
        assert answer.status_code == 422
        assert "circle" in issues(answer)[0]["diagnostics"]

    async def test_of_half_a_mebibyte_is_too_large(self, idle_client: Client) -> None:
        answer = await sent(idle_client, GENDER + "//" + "x" * (512 * 1024))
        assert (answer.status_code, issues(answer)[0]["code"]) == (400, "too-costly")


class TestTheContent:
    async def test_of_another_type_is_refused_with_map_and_line(self, idle_client: Client) -> None:
        answer = await sent(idle_client, GENDER, content={"resourceType": "Basic", "code": {"text": "x"}})
        assert answer.status_code == 422
        told = issues(answer)[0]["diagnostics"]
        assert told.startswith("map PatientToPerson, line 5, ")
        assert "Basic" in told

    async def test_may_be_a_binary_that_holds_what_is_no_resource(self, idle_client: Client) -> None:
        data = base64.b64encode(encode({"source": {"id": "d"}})).decode()
        binary = {"resourceType": "Binary", "contentType": "application/json", "data": data}
        answer = await transform(idle_client, parameters(value("source", "Uri", CASE_REPORT), content=binary))
        assert answer.json()["resourceType"] == "Bundle"

    async def test_what_is_made_and_is_no_resource_comes_as_json(self, idle_client: Client) -> None:
        text = GENDER.replace(f"{FHIR}/Person", f"{FHIR}/HumanName").replace("Person", "HumanName")
        text = text.replace("person.gender = g", "person.text = g")
        answer = await sent(idle_client, text)
        assert (answer.status_code, answer.json()) == (200, {"text": "female"}), answer.text
        assert answer.headers["content-type"] == "application/json"

    @pytest.mark.parametrize("body", ["[]", '"x"', "{", "", '{"a":1,"a":2}'])
    async def test_that_is_no_json_object_is_refused(self, idle_client: Client, body: str) -> None:
        answer = await idle_client.post("/fhir/StructureMap/$transform", content=body, params={"source": CASE_REPORT})
        assert answer.status_code == 400
        assert issues(answer)

    @pytest.mark.long
    async def test_of_sixteen_mebibytes_is_transformed(self, idle_client: Client) -> None:
        names = [{"family": "x" * 1000} for _ in range(15_000)]
        answer = await sent(
            idle_client, fml('patient.name as n -> person.name = n "n";'), content=PATIENT | {"name": names}
        )
        assert answer.status_code == 200, answer.text[:500]
        assert len(answer.json()["name"]) == 15_000


async def test_the_trace_tells_which_rule_wrote_what(idle_client: Client) -> None:
    body = parameters(value("srcMap", "String", GENDER), value("trace", "Boolean", True))
    answer = await transform(idle_client, body)
    assert findings(answer.content) == []
    items = {item["name"]: item for item in answer.json()["parameter"]}
    assert items["return"]["resource"] == {"resourceType": "Person", "gender": "female"}
    told = {part["name"]: next(v for k, v in part.items() if k != "name") for part in items["trace"]["part"]}
    wanted = {"map": URL, "group": "Main", "rule": "gender", "source": "gender", "target": "Person.gender"}
    assert told | wanted == told


@pytest.mark.parametrize(
    ("body", "query", "status", "code"),
    [
        (PATIENT, {}, 400, "invalid"),
        (PATIENT, {"source": "urn:nowhere"}, 404, "not-found"),
        (PATIENT, {"source": f"{CASE_REPORT}|99"}, 404, "not-found"),
        (PATIENT, {"source": CASE_REPORT, "trace": "perhaps"}, 400, "invalid"),
        (PATIENT, {"source": CASE_REPORT, "debug": "true"}, 400, "not-supported"),
        (PATIENT, {"sourceMap": "x"}, 400, "invalid"),
        (parameters(value("source", "Uri", CASE_REPORT)), {"source": CASE_REPORT}, 400, "invalid"),
        ({"resourceType": "Parameters", "parameter": [value("source", "Uri", CASE_REPORT)]}, {}, 400, "invalid"),
        (parameters({"name": "sourceMap", "resource": PATIENT}), {}, 400, "structure"),
    ],
)
async def test_a_call_that_cannot_be_answered_says_what_to_mend(
    idle_client: Client, body: dict[str, Any], query: dict[str, str], status: int, code: str
) -> None:
    answer = await transform(idle_client, body, **query)
    assert (answer.status_code, issues(answer)[0]["code"]) == (status, code), answer.text


async def test_there_is_no_map_of_that_id_and_no_get(idle_client: Client) -> None:
    assert (await idle_client.post("/fhir/StructureMap/nothing/$transform", json=PATIENT)).status_code == 404
    assert (await idle_client.get("/fhir/StructureMap/$transform")).status_code == 405


AGAIN = 'patient then Again(patient, person) "again";'
ENDLESS = fml(AGAIN, groups=f"group Again(source patient, target person) {{\n{AGAIN}\n}}")
WRITE = "patient.name as c -> person.name as n, n.family = 'x' \"d\";"
MANY = fml(f'patient.name as a then {{ patient.name as b then {{ {WRITE} }} "c"; }} "b";')


class TestLimits:
    @pytest.mark.parametrize(
        ("text", "limits", "reason"),
        [
            (ENDLESS, {}, "group Again"),
            (MANY, {"max_transform_steps": 1000}, "1000 steps"),
            (MANY, {"max_transform_values": 1000}, "1000 values"),
            (MANY, {"max_transform_seconds": 0.000001}, "seconds"),
        ],
    )
    async def test_a_run_without_end_is_cut_and_its_rule_named(
        self, connect: Callable[..., Client], text: str, limits: dict[str, Any], reason: str
    ) -> None:
        content = PATIENT | {"name": [{"family": "x"}] * 60}
        async with connect(**limits) as client:
            answer = await sent(client, text, content=content)
        assert answer.status_code == 422, answer.text
        (issue,) = issues(answer)
        assert issue["code"] == "too-costly"
        assert reason in issue["diagnostics"]
        assert text is ENDLESS or ", rule " in issue["diagnostics"]

    async def test_more_maps_than_run_at_once_wait_for_their_turn(self, connect: Callable[..., Client]) -> None:
        async with connect(max_transforms=1) as client:
            answers = await asyncio.gather(*(sent(client, GENDER) for _ in range(5)))
        assert {answer.status_code for answer in answers} == {200}

    @pytest.mark.parametrize("path", ["StructureMap/$transform", "QuestionnaireResponse/$extract"])
    async def test_where_none_comes_to_its_end_the_others_are_told_to_try_again(
        self, connect: Callable[..., Client], path: str
    ) -> None:
        async with connect(max_transforms=1, max_transform_seconds=0.01) as client:
            app: Any = client._transport.app  # type: ignore[attr-defined]  # the only way to what the app has at hand
            async with app.state.service.transforms.turn():
                refused = await client.post(f"/fhir/{path}", json=parameters(value("srcMap", "String", GENDER)))
            assert refused.status_code == 503, refused.text
            assert refused.headers["retry-after"]
            assert issues(refused)[0]["code"] == "too-costly"


async def test_a_small_content_with_a_large_answer_does_not_hold_up_the_others(
    idle_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    written_by: list[threading.Thread] = []

    def told(resource: dict[str, Any]) -> bytes:
        written_by.append(threading.current_thread())
        return encode(resource)

    monkeypatch.setattr(operation, "encode", told)
    assert (await sent(idle_client, GENDER)).status_code == 200
    assert [thread is threading.main_thread() for thread in written_by] == [False]


async def test_a_logical_model_that_a_client_stored_is_known_to_its_maps(client: Client) -> None:
    url = "http://example.org/StructureDefinition/Visit"
    elements = [{"path": "Visit"}, {"path": "Visit.sex", "max": "1", "type": [{"code": "string"}]}]
    model = {
        "resourceType": "StructureDefinition",
        "id": "visit",
        "url": url,
        "name": "Visit",
        "status": "active",
        "kind": "logical",
        "abstract": False,
        "type": "Visit",
        "derivation": "specialization",
        "baseDefinition": f"{FHIR}/Element",
        "differential": {"element": [{"id": entry["path"], "min": 0, "max": "*", **entry} for entry in elements]},
    }
    text = (
        f'map "{URL}" = "PatientToVisit"\nuses "{FHIR}/Patient" alias Patient as source\n'
        f'uses "{url}" alias Visit as target\n'
        'group Main(source patient : Patient, target visit : Visit) { patient.gender as g -> visit.sex = g "sex"; }'
    )
    assert (await sent(client, text)).status_code == 422
    stored = await client.put("/fhir/StructureDefinition/visit", json=model)
    assert stored.status_code == 201, stored.text
    answer = await sent(client, text)
    assert answer.status_code == 200, answer.text
    assert "female" in answer.text
