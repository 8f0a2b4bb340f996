"""The operations on terminologies as R4 defines them (OPS-1): by GET with simple values, by POST with Parameters."""

from __future__ import annotations

import threading
from types import ModuleType
from typing import Any, cast

import httpx
import pytest
from api_client import BASE, Client, issues, observation

from fhir_service.api import operation_input
from fhir_service.api.operations import validate
from fhir_service.definitions.catalogue import DEFAULT_BASE, Kind, catalogue
from fhir_service.fhir.json_text import encode
from fhir_service.fhir.parameters import Parameter, Parameters, parameters_text, read_parameters
from fhir_service.validation.structure import findings

pytestmark = pytest.mark.rule("OPS-1")

COMPLICATION = f"{DEFAULT_BASE}/CodeSystem/complication"
COMPLICATIONS = f"{DEFAULT_BASE}/ValueSet/complication"
TO_SNOMED = f"{DEFAULT_BASE}/ConceptMap/complication-to-snomed"
SNOMED = "http://snomed.info/sct"
GENDER = "http://hl7.org/fhir/administrative-gender"
OBSERVATION_VALUE = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"
INLINE = {
    "resourceType": "ValueSet",
    "status": "draft",
    "compose": {"include": [{"system": GENDER, "filter": [{"property": "code", "op": "regex", "value": ".*male"}]}]},
}


async def get(client: Client, path: str, **query: Any) -> httpx.Response:
    params = {name.replace("_system", "-system"): value for name, value in query.items()}
    return await client.get(f"/fhir/{path}", params=params)


async def post(client: Client, path: str, *items: Parameter) -> httpx.Response:
    return await client.post(f"/fhir/{path}", content=parameters_text(items))


def coding(system: str, code: str, **more: str) -> dict[str, str]:
    return {"system": system, "code": code, **more}


def told(answer: httpx.Response) -> Parameters:
    assert answer.status_code == 200, answer.text
    assert findings(answer.content) == []
    return read_parameters(answer.content)


def parts(item: Parameter) -> dict[str, Any]:
    return {part.name: part.value for part in item.part}


class TestLookup:
    async def test_a_code_of_ours_is_told_with_display_and_definition(self, idle_client: Client) -> None:
        asked = {"system": COMPLICATION, "code": "cement-leakage-intradural"}
        found = told(await get(idle_client, "CodeSystem/$lookup", **asked))
        assert found.text("name") == "Complication"
        assert found.text("version") == "0.1.0"
        assert found.text("display") == "Intradural cement leakage"
        assert {"code": "definition", "value": "Cement inside the dura."} in map(parts, found.all("property"))

    async def test_a_coding_is_looked_up_by_post_with_the_properties_that_are_wanted(self, idle_client: Client) -> None:
        asked = Parameter("coding", "Coding", coding(OBSERVATION_VALUE, "SUBSETTED"))
        found = told(await post(idle_client, "CodeSystem/$lookup", asked, Parameter("property", "Code", "parent")))
        assert found.text("display") == "subsetted"
        assert {part["code"] for part in map(parts, found.all("property"))} == {"parent"}

    @pytest.mark.parametrize(
        ("asked", "reason"),
        [
            ({"system": COMPLICATION, "code": "nothing"}, "no such code"),
            ({"system": "urn:nobody", "code": "x"}, "no code system urn:nobody"),
            ({"system": SNOMED, "code": "22298006"}, "does not hold the code system http://snomed.info/sct whole"),
            ({"system": COMPLICATION, "code": "death", "version": "9"}, "version 0.1.0, not 9"),
        ],
    )
    async def test_what_is_not_held_is_not_found(self, idle_client: Client, asked: dict[str, str], reason: str) -> None:
        answer = await get(idle_client, "CodeSystem/$lookup", **asked)
        assert answer.status_code == 404
        (issue,) = issues(answer)
        assert issue["code"] == "not-found"
        assert reason in issue["diagnostics"]

    async def test_a_code_of_others_that_our_maps_name_is_told(self, idle_client: Client) -> None:
        found = told(await get(idle_client, "CodeSystem/$lookup", system=SNOMED, code="59282003"))
        assert found.text("display") == "pulmonary embolism"
        assert "version" not in found


class TestExpand:
    async def test_every_value_set_of_ours_expands_by_url_and_by_id(self, idle_client: Client) -> None:
        for url, resource in catalogue().artifacts(Kind.VALUE_SET).items():
            by_url = await get(idle_client, "ValueSet/$expand", url=url)
            by_id = await get(idle_client, f"ValueSet/{resource['id']}/$expand")
            assert by_url.status_code == by_id.status_code == 200
            assert findings(by_url.content) == []
            first, second = by_url.json()["expansion"], by_id.json()["expansion"]
            assert first["total"] == len(first["contains"]) > 0
            assert (first["contains"], first["identifier"]) == (second["contains"], second["identifier"])
            assert first["timestamp"]

    async def test_pages_and_words_narrow_it_and_are_told(self, idle_client: Client) -> None:
        asked = {"url": COMPLICATIONS, "filter": "cement leak", "offset": "1", "count": "2"}
        found = (await get(idle_client, "ValueSet/$expand", **asked)).json()["expansion"]
        assert (found["total"], found["offset"], len(found["contains"])) == (7, 1, 2)
        assert {entry["name"]: entry for entry in found["parameter"]}["count"] == {"name": "count", "valueInteger": 2}
        whole = (await get(idle_client, "ValueSet/$expand", url=COMPLICATIONS, filter="cement leak")).json()
        assert whole["expansion"]["contains"][1:3] == found["contains"]
        nothing = await get(idle_client, "ValueSet/$expand", url=COMPLICATIONS, count="0")
        assert findings(nothing.content) == []
        assert (nothing.json()["expansion"]["total"], "contains" in nothing.json()["expansion"]) == (23, False)

    async def test_a_value_set_that_is_sent_is_expanded(self, idle_client: Client) -> None:
        answer = await post(idle_client, "ValueSet/$expand", Parameter("valueSet", resource=encode(INLINE)))
        assert findings(answer.content) == []
        assert [entry["code"] for entry in answer.json()["expansion"]["contains"]] == ["male", "female"]
        assert "compose" not in answer.json()

    async def test_compose_and_designations_come_on_demand(self, idle_client: Client) -> None:
        asked = {"url": COMPLICATIONS, "includeDefinition": "true", "includeDesignations": "true"}
        assert "compose" in (await get(idle_client, "ValueSet/$expand", **asked)).json()

    async def test_systems_can_be_left_out(self, idle_client: Client) -> None:
        answer = await get(idle_client, "ValueSet/$expand", url=COMPLICATIONS, exclude_system=COMPLICATION)
        assert answer.json()["expansion"]["total"] == 0

    @pytest.mark.parametrize(
        ("asked", "status", "code", "place"),
        [
            ({}, 400, "invalid", "http.url"),
            ({"url": "urn:nobody"}, 404, "not-found", ""),
            ({"url": f"{COMPLICATIONS}|9"}, 404, "not-found", ""),
            ({"url": COMPLICATIONS, "valueSetVersion": "9"}, 404, "not-found", ""),
            ({"url": COMPLICATIONS, "count": "-1"}, 400, "invalid", "http.count"),
            ({"url": COMPLICATIONS, "count": "many"}, 400, "invalid", "http.count"),
            ({"url": COMPLICATIONS, "activeOnly": "perhaps"}, 400, "invalid", "http.activeOnly"),
            ({"url": COMPLICATIONS, "contextDirection": "incoming"}, 400, "not-supported", "http.contextDirection"),
            ({"url": [COMPLICATIONS, "urn:other"]}, 400, "invalid", "http.url"),
            ({"valueSet": "x"}, 400, "invalid", "http.valueSet"),
        ],
    )
    async def test_a_question_that_cannot_be_answered_says_what_to_mend(
        self, idle_client: Client, asked: dict[str, Any], status: int, code: str, place: str
    ) -> None:
        answer = await get(idle_client, "ValueSet/$expand", **asked)
        assert answer.status_code == status
        (issue,) = issues(answer)
        assert issue["code"] == code
        assert issue.get("expression", [""]) == [place]

    async def test_a_value_set_of_a_system_that_is_not_held_whole_is_refused(self, idle_client: Client) -> None:
        whole = {**INLINE, "compose": {"include": [{"system": SNOMED}]}}
        answer = await post(idle_client, "ValueSet/$expand", Parameter("valueSet", resource=encode(whole)))
        assert answer.status_code == 422
        assert issues(answer)[0]["code"] == "not-supported"
        broken = Parameter("valueSet", resource=encode({**INLINE, "compose": {"include": "all"}}))
        assert (await post(idle_client, "ValueSet/$expand", broken)).status_code == 400
        other = Parameter("valueSet", resource=encode({"resourceType": "Patient"}))
        assert (await post(idle_client, "ValueSet/$expand", other)).status_code == 400

    async def test_inputs_are_of_their_kind_and_stand_in_the_body(self, idle_client: Client) -> None:
        for item in (
            Parameter("url", "Boolean", True),
            Parameter("count", "String", "5"),
            Parameter("url"),
        ):
            answer = await post(idle_client, "ValueSet/$expand", item)
            assert answer.status_code == 400
            assert issues(answer)[0]["expression"] == [f"Parameters.parameter.where(name = '{item.name}')"]
        for item in (
            Parameter("url", "Uri", 5),
            Parameter("exclude-system", "Canonical", ["x"]),
            Parameter("count", "Integer", True),
        ):
            assert (await post(idle_client, "ValueSet/$expand", item)).status_code == 400
        answer = await post(idle_client, f"ValueSet/$expand?url={COMPLICATIONS}")
        assert answer.status_code == 400
        assert issues(answer)[0]["expression"] == ["http.url"]

    async def test_no_such_value_set_id_is_404(self, idle_client: Client) -> None:
        assert (await get(idle_client, "ValueSet/nobody/$expand")).status_code == 404
        twice = await get(idle_client, "ValueSet/complication/$expand", url=COMPLICATIONS)
        assert twice.status_code == 400


class TestValidateCode:
    async def test_a_code_is_right_in_a_value_set_and_in_its_system(self, idle_client: Client) -> None:
        for path in ("ValueSet/$validate-code", "ValueSet/complication/$validate-code"):
            url = {"url": COMPLICATIONS} if "complication" not in path else {}
            found = told(await get(idle_client, path, system=COMPLICATION, code="death", **url))
            assert (found.flag("result"), found.text("display")) == (True, "Death")
        for path in ("CodeSystem/$validate-code", "CodeSystem/complication/$validate-code"):
            url = {"url": COMPLICATION} if "complication" not in path else {}
            assert told(await get(idle_client, path, code="death", **url)).flag("result") is True

    @pytest.mark.parametrize(
        ("asked", "message"),
        [
            ({"code": "nothing"}, "does not exist"),
            ({"code": "death", "display": "Life"}, "is not what"),
            ({"code": "death", "systemVersion": "7"}, "cannot be checked in version 7"),
            ({"code": "male", "system": GENDER}, "is not in the value set"),
            ({"code": "22298006", "system": SNOMED}, "is not in the value set"),
        ],
    )
    async def test_a_wrong_code_is_a_result_with_a_reason(
        self, idle_client: Client, asked: dict[str, str], message: str
    ) -> None:
        asked = {"url": COMPLICATIONS, "system": COMPLICATION, **asked}
        found = told(await get(idle_client, "ValueSet/$validate-code", **asked))
        assert found.flag("result") is False
        assert message in found.text("message")

    async def test_what_cannot_be_checked_is_never_right(self, idle_client: Client) -> None:
        found = told(await get(idle_client, "CodeSystem/$validate-code", url=SNOMED, code="22298006"))
        assert (found.flag("result"), "cannot be checked" in found.text("message")) == (False, True)
        whole = Parameter("valueSet", resource=encode({**INLINE, "compose": {"include": [{"system": SNOMED}]}}))
        asked = Parameter("coding", "Coding", coding(SNOMED, "59282003"))
        found = told(await post(idle_client, "ValueSet/$validate-code", whole, asked))
        assert (found.flag("result"), "cannot be checked" in found.text("message")) == (False, True)

    async def test_codings_concepts_and_systems_can_be_sent(self, idle_client: Client) -> None:
        concept = {"coding": [coding("urn:x", "1"), coding(COMPLICATION, "death")]}
        for asked in (
            Parameter("coding", "Coding", coding(COMPLICATION, "death")),
            Parameter("codeableConcept", "CodeableConcept", concept),
        ):
            url = Parameter("url", "Uri", COMPLICATIONS)
            assert told(await post(idle_client, "ValueSet/$validate-code", url, asked)).flag("result") is True
        system = {
            "resourceType": "CodeSystem",
            "url": "urn:mine",
            "status": "draft",
            "content": "complete",
            "concept": [{"code": "a", "property": [{"code": "notSelectable", "valueBoolean": True}]}],
        }
        items = [Parameter("codeSystem", resource=encode(system)), Parameter("code", "Code", "a")]
        assert told(await post(idle_client, "CodeSystem/$validate-code", *items)).flag("result") is False
        nameless = {name: value for name, value in system.items() if name != "url"}
        refused = [Parameter("codeSystem", resource=encode(nameless)), Parameter("code", "Code", "a")]
        assert (await post(idle_client, "CodeSystem/$validate-code", *refused)).status_code == 400
        items.append(Parameter("abstract", "Boolean", True))
        assert told(await post(idle_client, "CodeSystem/$validate-code", *items)).flag("result") is True

    @pytest.mark.parametrize(
        ("asked", "place"),
        [
            ({"url": COMPLICATIONS, "code": "death"}, "http.system"),
            ({"url": COMPLICATIONS}, "http.code"),
            ({"system": COMPLICATION, "code": "death"}, "http.url"),
            ({"url": COMPLICATIONS, "coding": "x"}, "http.coding"),
        ],
    )
    async def test_an_unfinished_question_says_what_is_missing(
        self, idle_client: Client, asked: dict[str, str], place: str
    ) -> None:
        answer = await get(idle_client, "ValueSet/$validate-code", **asked)
        assert answer.status_code == 400
        assert issues(answer)[0]["expression"] == [place]

    async def test_a_concept_without_codes_is_refused(self, idle_client: Client) -> None:
        url = Parameter("url", "Uri", COMPLICATIONS)
        for value in ({"text": "death"}, {"coding": [{"code": "death"}]}, {"coding": [{"system": 1, "code": "x"}]}):
            asked = Parameter("codeableConcept", "CodeableConcept", value)
            assert (await post(idle_client, "ValueSet/$validate-code", url, asked)).status_code == 400


class TestSubsumes:
    @pytest.mark.parametrize(
        ("first", "second", "outcome"),
        [
            ("death", "death", "equivalent"),
            ("death", "infection", "not-subsumed"),
        ],
    )
    async def test_codes_of_ours_stand_side_by_side(
        self, idle_client: Client, first: str, second: str, outcome: str
    ) -> None:
        asked = {"codeA": first, "codeB": second}
        found = told(await get(idle_client, "CodeSystem/$subsumes", system=COMPLICATION, **asked))
        assert found.text("outcome") == outcome
        assert told(await get(idle_client, "CodeSystem/complication/$subsumes", **asked)).text("outcome") == outcome

    async def test_a_hierarchy_is_followed_both_ways(self, idle_client: Client) -> None:
        narrow, wide = coding(OBSERVATION_VALUE, "SUBSETTED"), coding(OBSERVATION_VALUE, "_SecurityObservationValue")
        for first, second, outcome in ((wide, narrow, "subsumes"), (narrow, wide, "subsumed-by")):
            asked = Parameter("codingA", "Coding", first), Parameter("codingB", "Coding", second)
            assert told(await post(idle_client, "CodeSystem/$subsumes", *asked)).text("outcome") == outcome

    async def test_codes_of_a_system_that_is_not_held_are_not_compared(self, idle_client: Client) -> None:
        asked = {"system": SNOMED, "codeA": "59282003", "codeB": "59282003"}
        assert (await get(idle_client, "CodeSystem/$subsumes", **asked)).status_code == 404
        mixed = (
            Parameter("codingA", "Coding", coding(COMPLICATION, "death")),
            Parameter("codingB", "Coding", coding(GENDER, "male")),
        )
        assert (await post(idle_client, "CodeSystem/$subsumes", *mixed)).status_code == 400


class TestTranslate:
    async def test_every_row_of_every_map_of_ours_translates(self, idle_client: Client) -> None:
        for url, resource in catalogue().artifacts(Kind.CONCEPT_MAP).items():
            for group in resource["group"]:
                element = group["element"][0]
                asked = {"code": element["code"], "system": group.get("source", "")}
                if not asked["system"]:
                    del asked["system"]
                for path, way in (("$translate", {"url": url}), (f"{resource['id']}/$translate", {})):
                    found = told(await get(idle_client, f"ConceptMap/{path}", **asked, **way))
                    matches = [parts(item) for item in found.all("match")]
                    wanted = [target["equivalence"] for target in element["target"]]
                    assert wanted[0] in [match["equivalence"] for match in matches], url
                    assert {match["source"] for match in matches} == {url}

    async def test_a_match_has_equivalence_concept_and_source(self, idle_client: Client) -> None:
        asked = {"system": COMPLICATION, "code": "pulmonary-cement-embolism", "targetsystem": SNOMED}
        found = told(await get(idle_client, "ConceptMap/$translate", **asked))
        assert found.flag("result") is True
        assert [parts(item) for item in found.all("match")] == [
            {
                "equivalence": "wider",
                "concept": coding(SNOMED, "59282003", display="pulmonary embolism"),
                "source": TO_SNOMED,
            }
        ]

    async def test_reverse_finds_the_sources(self, idle_client: Client) -> None:
        asked = [
            Parameter("url", "Uri", TO_SNOMED),
            Parameter("coding", "Coding", coding(SNOMED, "59282003")),
            Parameter("reverse", "Boolean", True),
        ]
        found = told(await post(idle_client, "ConceptMap/$translate", *asked))
        (match,) = map(parts, found.all("match"))
        assert match["equivalence"] == "narrower"
        assert match["concept"] == coding(COMPLICATION, "pulmonary-cement-embolism")

    async def test_unmatched_and_unknown_codes_are_no_result(self, idle_client: Client) -> None:
        unmatched = {"url": TO_SNOMED, "system": COMPLICATION, "code": "cement-leakage-intradural"}
        found = told(await get(idle_client, "ConceptMap/$translate", **unmatched))
        assert found.flag("result") is False
        assert [parts(item)["equivalence"] for item in found.all("match")] == ["unmatched"]
        assert "no translation" in found.text("message")
        found = told(await get(idle_client, "ConceptMap/$translate", url=TO_SNOMED, system=COMPLICATION, code="none"))
        assert (found.flag("result"), found.all("match")) == (False, ())
        assert "no map has a row" in found.text("message")
        elsewhere = {"system": COMPLICATION, "code": "death", "source": "urn:nobody"}
        found = told(await get(idle_client, "ConceptMap/$translate", **elsewhere))
        assert "no map of this server" in found.text("message")

    async def test_the_value_sets_between_which_a_map_lies_choose_it(self, idle_client: Client) -> None:
        asked = {"system": COMPLICATION, "code": "pulmonary-cement-embolism", "source": COMPLICATIONS}
        found = told(await get(idle_client, "ConceptMap/$translate", **asked))
        assert {parts(item)["source"] for item in found.all("match")} >= {TO_SNOMED}

    async def test_a_map_that_is_sent_is_used_and_its_conditions_are_told(self, idle_client: Client) -> None:
        target = {
            "code": "b",
            "equivalence": "equal",
            "dependsOn": [{"property": "urn:age", "value": "adult"}],
            "product": [{"property": "urn:side", "system": "urn:sides", "value": "left"}],
        }
        group = {"source": "urn:s", "target": "urn:t", "element": [{"code": "a", "target": [target]}]}
        own = {"resourceType": "ConceptMap", "url": "urn:m", "status": "draft", "group": [group]}
        items = [
            Parameter("conceptMap", resource=encode(own)),
            Parameter("codeableConcept", "CodeableConcept", {"coding": [coding("urn:s", "a")]}),
        ]
        found = told(await post(idle_client, "ConceptMap/$translate", *items))
        assert found.flag("result") is True
        assert "dependsOn" in found.text("message")
        (match,) = found.all("match")
        (product,) = [part for part in match.part if part.name == "product"]
        assert parts(product) == {"element": "urn:side", "concept": coding("urn:sides", "left")}

    @pytest.mark.parametrize(
        ("asked", "status"),
        [
            ({"url": "urn:nobody", "system": "urn:s", "code": "a"}, 404),
            ({"url": TO_SNOMED, "conceptMapVersion": "9", "system": "urn:s", "code": "a"}, 404),
            ({"url": TO_SNOMED, "code": "death"}, 400),
            ({"url": TO_SNOMED}, 400),
            ({"system": COMPLICATION, "code": "death", "conceptMapVersion": "1"}, 400),
            ({"url": TO_SNOMED, "system": COMPLICATION, "code": "death", "dependency": "x"}, 400),
        ],
    )
    async def test_a_question_that_cannot_be_answered_is_refused(
        self, idle_client: Client, asked: dict[str, str], status: int
    ) -> None:
        answer = await get(idle_client, "ConceptMap/$translate", **asked)
        assert answer.status_code == status
        assert issues(answer)


@pytest.mark.parametrize(
    ("module", "path"),
    [(operation_input, "ValueSet/$expand"), (validate, "ValueSet/$validate")],
    ids=["expand", "validate"],
)
async def test_large_inputs_are_read_beside_the_requests_of_others(
    idle_client: Client, monkeypatch: pytest.MonkeyPatch, module: ModuleType, path: str
) -> None:
    read_by: list[threading.Thread] = []
    read = module.accept_parameters

    def told(body: bytes) -> Parameters:
        read_by.append(threading.current_thread())
        return cast("Parameters", read(body))

    monkeypatch.setattr(module, "accept_parameters", told)
    name = "resource" if module is validate else "valueSet"
    sent = encode(INLINE | {"description": "x" * 100_000})
    assert (await post(idle_client, path, Parameter(name, resource=sent))).status_code == 200
    assert [thread is threading.main_thread() for thread in read_by] == [False]


@pytest.mark.parametrize("kind", ["CodeSystem", "ValueSet", "ConceptMap"])
async def test_an_operation_that_there_is_not_and_a_method_that_one_has_not(idle_client: Client, kind: str) -> None:
    answer = await idle_client.get(f"/fhir/{kind}/$nothing")
    assert answer.status_code == 404
    assert (await idle_client.request("DELETE", "/fhir/ValueSet/$expand")).status_code == 405


@pytest.mark.rule("TOK-6", "TOK-7")
async def test_searches_use_the_value_sets_and_hierarchies_that_are_held(client: Client) -> None:
    codes = {"ours": (COMPLICATION, "death"), "theirs": (OBSERVATION_VALUE, "SUBSETTED"), "none": ("urn:x", "death")}
    for name, (system, code) in codes.items():
        body = observation(id=name) | {"code": {"coding": [coding(system, code)]}}
        assert (await client.put(f"/fhir/Observation/{name}", json=body)).status_code == 201
    searches = {
        f"code:in={COMPLICATIONS}": {"ours"},
        "code:in=ValueSet/complication": {"ours"},
        f"code:not-in={BASE}/ValueSet/complication": {"theirs", "none"},
        f"code:not-in={COMPLICATIONS}": {"theirs", "none"},
        f"code:below={OBSERVATION_VALUE}|_SecurityObservationValue": {"theirs"},
        f"code:above={COMPLICATION}|death": {"ours"},
    }
    for query, expected in searches.items():
        answer = await client.get(f"/fhir/Observation?{query}")
        assert {entry["resource"]["id"] for entry in answer.json()["entry"]} == expected, query


async def test_questions_and_answers_may_be_xml(idle_client: Client) -> None:
    asked = (
        '<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="url"/>'
        f'<valueUri value="{COMPLICATIONS}"/></parameter></Parameters>'
    )
    headers = {"content-type": "application/fhir+xml", "accept": "application/fhir+xml"}
    answer = await idle_client.post("/fhir/ValueSet/$expand", content=asked, headers=headers)
    assert answer.status_code == 200
    assert '<code value="cement-leakage-intradural"/>' in answer.text
    assert answer.headers["content-type"] == "application/fhir+xml"


async def test_a_batch_may_ask(idle_client: Client) -> None:
    urls = ("CodeSystem/$lookup?system=urn:nobody&code=x", f"ValueSet/$expand?url={COMPLICATIONS}&count=1")
    entries = [{"request": {"method": "GET", "url": url}} for url in urls]
    answer = await idle_client.post("/fhir", json={"resourceType": "Bundle", "type": "batch", "entry": entries})
    assert [entry["response"]["status"][:3] for entry in answer.json()["entry"]] == ["404", "200"]
    assert answer.json()["entry"][1]["resource"]["expansion"]["total"] == 23
