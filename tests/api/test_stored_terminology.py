"""The operations on terminologies answer from what a client has stored as from our own, at once and without a restart
(OPS-1)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from api_client import Client, issues, observation

from fhir_service.definitions.catalogue import DEFAULT_BASE
from fhir_service.terminology.expansion import MOST_CODES

pytestmark = pytest.mark.rule("OPS-1")

COLOURS = "urn:example:colours"
WARM = "http://example.org/ValueSet/warm"
TO_PAINT = "http://example.org/ConceptMap/to-paint"
OURS = f"{DEFAULT_BASE}/ConceptMap/complication-to-snomed"
COMPLICATION = f"{DEFAULT_BASE}/CodeSystem/complication"

COLOUR_SYSTEM = {
    "resourceType": "CodeSystem",
    "url": COLOURS,
    "version": "1",
    "status": "active",
    "content": "complete",
    "concept": [
        {"code": "red", "display": "Red", "concept": [{"code": "crimson", "display": "Crimson"}]},
        {"code": "blue", "display": "Blue"},
    ],
}
REDS = {
    "resourceType": "ValueSet",
    "url": "http://example.org/ValueSet/reds",
    "status": "active",
    "compose": {"include": [{"system": COLOURS, "filter": [{"property": "concept", "op": "is-a", "value": "red"}]}]},
}
WARM_SET = {
    "resourceType": "ValueSet",
    "url": WARM,
    "status": "active",
    "compose": {"include": [{"valueSet": [REDS["url"]]}], "exclude": [{"valueSet": [f"{WARM}-not"]}]},
}
NOT_WARM = {
    "resourceType": "ValueSet",
    "url": f"{WARM}-not",
    "status": "active",
    "compose": {"include": [{"system": COLOURS, "concept": [{"code": "blue"}]}]},
}


UNSAID = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]}


def concept_map(code: str = "RAL-3000", url: str = TO_PAINT, **more: Any) -> dict[str, Any]:
    element = {"code": "red", "target": [{"code": code, "equivalence": "wider"}]}
    group = {"source": COLOURS, "target": "urn:example:paint", "element": [element]}
    return {"resourceType": "ConceptMap", "url": url, "status": "active", "group": [group], **more}


async def put(client: Client, resource_id: str, resource: dict[str, Any]) -> None:
    place = f"/fhir/{resource['resourceType']}/{resource_id}"
    answer = await client.put(place, json=resource | {"id": resource_id})
    assert answer.status_code in (200, 201), answer.text


async def get(client: Client, path: str, **query: str) -> httpx.Response:
    return await client.get(f"/fhir/{path}", params=query)


def targets(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    matches = [item["part"] for item in answer.json()["parameter"] if item["name"] == "match"]
    return [part["valueCoding"]["code"] for parts in matches for part in parts if part["name"] == "concept"]


def value(answer: httpx.Response, name: str) -> Any:
    assert answer.status_code == 200, answer.text
    (found,) = [item for item in answer.json()["parameter"] if item["name"] == name]
    return next(content for member, content in found.items() if member != "name")


async def store_colours(client: Client) -> None:
    for name, resource in (("colours", COLOUR_SYSTEM), ("reds", REDS), ("warm", WARM_SET), ("not-warm", NOT_WARM)):
        await put(client, name, resource)


class TestTranslate:
    asked: dict[str, str] = {"system": COLOURS, "code": "red"}  # noqa: RUF012  # read only

    async def test_a_stored_map_translates_by_url_by_version_by_id_and_unnamed(self, client: Client) -> None:
        await put(client, "paint", concept_map(version="1"))
        for path, more in (
            ("ConceptMap/$translate", {"url": TO_PAINT}),
            ("ConceptMap/$translate", {"url": f"{TO_PAINT}|1"}),
            ("ConceptMap/$translate", {"url": TO_PAINT, "conceptMapVersion": "1"}),
            ("ConceptMap/paint/$translate", {}),
            ("ConceptMap/$translate", {}),
        ):
            assert targets(await get(client, path, **self.asked, **more)) == ["RAL-3000"], (path, more)
        back = {"system": "urn:example:paint", "code": "RAL-3000", "reverse": "true"}
        for more in ({"url": TO_PAINT}, {}):
            assert targets(await get(client, "ConceptMap/$translate", **back, **more)) == ["red"]

    async def test_the_newest_version_is_meant_and_a_change_is_seen_at_once(self, client: Client) -> None:
        await put(client, "tenth", concept_map("ten", version="1.10.0"))
        await put(client, "ninth", concept_map("nine", version="1.9.0"))
        await put(client, "early", concept_map("alpha", version="1.10.0-alpha"))
        found = await get(client, "ConceptMap/$translate", **self.asked, url=TO_PAINT)
        assert targets(found) == ["ten"]
        assert targets(await get(client, "ConceptMap/$translate", **self.asked, url=f"{TO_PAINT}|1.9.0")) == ["nine"]
        assert targets(await get(client, "ConceptMap/$translate", **self.asked)) == ["ten"]
        await put(client, "tenth", concept_map("other", version="1.10.0"))
        assert targets(await get(client, "ConceptMap/$translate", **self.asked, url=TO_PAINT)) == ["other"]
        for name in ("tenth", "ninth", "early"):
            await client.delete(f"/fhir/ConceptMap/{name}")
        gone = await get(client, "ConceptMap/$translate", **self.asked, url=TO_PAINT)
        assert (gone.status_code, issues(gone)[0]["code"]) == (404, "not-found")
        assert (await get(client, "ConceptMap/tenth/$translate", **self.asked)).status_code == 410

    async def test_a_map_that_is_no_longer_used_or_not_yet_answers_only_by_name(self, client: Client) -> None:
        await put(client, "draft", concept_map(status="draft"))
        await put(client, "old", concept_map("old", f"{TO_PAINT}-old", status="retired"))
        assert targets(await get(client, "ConceptMap/$translate", **self.asked)) == []
        assert targets(await get(client, "ConceptMap/$translate", **self.asked, url=TO_PAINT)) == ["RAL-3000"]

    async def test_a_map_under_our_url_does_not_take_the_place_of_ours(self, client: Client) -> None:
        asked = {"system": COMPLICATION, "code": "pulmonary-embolism-thrombus"}
        ours = targets(await get(client, "ConceptMap/$translate", **asked, url=OURS))
        element = {"code": asked["code"], "target": [{"code": "0", "equivalence": "equal"}]}
        group = [{"source": COMPLICATION, "target": "http://snomed.info/sct", "element": [element]}]
        await put(client, "mine", concept_map(url=OURS, version="99") | {"group": group})
        assert targets(await get(client, "ConceptMap/$translate", **asked, url=OURS)) == ours != ["0"]
        assert "0" not in targets(await get(client, "ConceptMap/$translate", **asked))
        assert targets(await get(client, "ConceptMap/$translate", **asked, url=f"{OURS}|99")) == ["0"]

    async def test_more_translations_than_an_answer_may_have_are_refused(self, client: Client) -> None:
        rows = [{"code": str(number), "equivalence": "wider"} for number in range(1001)]
        group = {"source": COLOURS, "target": "urn:example:paint", "element": [{"code": "red", "target": rows}]}
        await put(client, "paint", concept_map() | {"group": [group]})
        answer = await get(client, "ConceptMap/$translate", **self.asked)
        assert (answer.status_code, issues(answer)[0]["code"]) == (422, "too-costly")


class TestValueSets:
    async def test_a_stored_value_set_expands_through_stored_sets_and_systems(self, client: Client) -> None:
        await store_colours(client)
        for path, query in (
            ("ValueSet/$expand", {"url": WARM}),
            ("ValueSet/warm/$expand", {}),
            ("ValueSet/$expand", {"url": WARM, "count": "9"}),
        ):
            answer = await get(client, path, **query)
            assert answer.status_code == 200, answer.text
            assert [entry["code"] for entry in answer.json()["expansion"]["contains"]] == ["red", "crimson"]

    async def test_a_value_set_that_is_sent_takes_from_stored_ones(self, client: Client) -> None:
        await store_colours(client)
        sent = {"resourceType": "Parameters", "parameter": [{"name": "valueSet", "resource": WARM_SET}]}
        answer = await client.post("/fhir/ValueSet/$expand", json=sent)
        assert answer.json()["expansion"]["total"] == 2

    async def test_codes_are_judged_by_a_stored_set_and_a_stored_system(self, client: Client) -> None:
        await store_colours(client)
        for code, right in (("crimson", True), ("blue", False), ("green", False)):
            answer = await get(client, "ValueSet/$validate-code", url=WARM, system=COLOURS, code=code)
            assert value(answer, "result") is right, code
        for path, query in (
            ("CodeSystem/$validate-code", {"url": COLOURS}),
            ("CodeSystem/$validate-code", {"url": COLOURS, "version": "1"}),
            ("CodeSystem/colours/$validate-code", {}),
        ):
            assert value(await get(client, path, code="blue", **query), "result") is True
            assert value(await get(client, path, code="green", **query), "result") is False

    async def test_a_code_of_a_stored_system_is_told_and_lies_below_another(self, client: Client) -> None:
        await store_colours(client)
        assert value(await get(client, "CodeSystem/$lookup", system=COLOURS, code="crimson"), "display") == "Crimson"
        pair = {"codeA": "red", "codeB": "crimson"}
        for path, query in (("CodeSystem/$subsumes", {"system": COLOURS}), ("CodeSystem/colours/$subsumes", {})):
            assert value(await get(client, path, **pair, **query), "outcome") == "subsumes"

    async def test_two_versions_of_a_system_are_told_apart(self, client: Client) -> None:
        await put(client, "colours", COLOUR_SYSTEM)
        await put(client, "colours-2", COLOUR_SYSTEM | {"version": "2", "concept": [{"code": "red", "display": "RED"}]})
        for version, display in (("1", "Red"), ("2", "RED"), ("", "RED")):
            asked = {"system": COLOURS, "code": "red", **({"version": version} if version else {})}
            assert value(await get(client, "CodeSystem/$lookup", **asked), "display") == display

    @pytest.mark.rule("TOK-6", "TOK-7")
    async def test_searches_take_stored_value_sets_and_hierarchies(self, client: Client) -> None:
        await store_colours(client)
        for code in ("red", "crimson", "blue"):
            body = observation(id=code) | {"code": {"coding": [{"system": COLOURS, "code": code}]}}
            await put(client, code, body)
        for query, wanted in {
            f"code:in={WARM}": {"red", "crimson"},
            "code:in=ValueSet/warm": {"red", "crimson"},
            "code:in=http://localhost/fhir/ValueSet/warm": {"red", "crimson"},
            f"code:not-in={WARM}": {"blue"},
            f"code:below={COLOURS}|red": {"red", "crimson"},
            f"code:above={COLOURS}|crimson": {"red", "crimson"},
            f"_filter=code in {WARM}": {"red", "crimson"},
        }.items():
            answer = await client.get(f"/fhir/Observation?{query}")
            assert answer.status_code == 200, answer.text
            assert {entry["resource"]["id"] for entry in answer.json().get("entry", [])} == wanted, query

    async def test_an_expansion_over_the_limit_is_refused_and_comes_in_pages(self, client: Client) -> None:
        concepts = [{"code": f"c{number}"} for number in range(MOST_CODES + 1)]
        await put(client, "many", COLOUR_SYSTEM | {"concept": concepts})
        await put(client, "all", REDS | {"compose": {"include": [{"system": COLOURS}]}})
        answer = await get(client, "ValueSet/all/$expand")
        assert (answer.status_code, issues(answer)[0]["code"]) == (422, "too-costly")
        page = (await get(client, "ValueSet/all/$expand", count="2", offset=str(MOST_CODES))).json()["expansion"]
        assert (page["total"], [entry["code"] for entry in page["contains"]]) == (MOST_CODES + 1, [f"c{MOST_CODES}"])

    @pytest.mark.parametrize(
        ("more", "reason"),
        [
            ({"compose": {"include": [{"valueSet": [WARM]}]}}, "takes from itself"),
            ({"compose": {"include": [{"valueSet": ["urn:example:nowhere"]}]}}, "no value set urn:example:nowhere"),
            ({"compose": {"include": [{"system": "urn:example:nowhere"}]}}, "no code system urn:example:nowhere"),
            ({}, "neither compose nor expansion"),
            ({"compose": {"include": [{"valueSet": [None], "_valueSet": [UNSAID]}]}}, "does not name"),
        ],
    )
    async def test_a_stored_set_that_cannot_be_listed_says_why(
        self, client: Client, more: dict[str, Any], reason: str
    ) -> None:
        await put(client, "bad", {"resourceType": "ValueSet", "url": WARM, "status": "active", **more})
        answer = await get(client, "ValueSet/$expand", url=WARM)
        assert answer.status_code in (404, 422)
        assert reason in issues(answer)[0]["diagnostics"]

    async def test_codes_that_are_extensions_only_are_none(self, client: Client) -> None:
        concepts = [{"_code": UNSAID}, {"code": "red", "property": [{"_code": UNSAID, "valueCode": "x"}]}]
        await put(client, "colours", COLOUR_SYSTEM | {"concept": concepts})
        listed = {"include": [{"system": COLOURS, "concept": [{"_code": UNSAID}, {"code": "red"}]}]}
        await put(client, "reds", REDS | {"compose": listed})
        assert value(await get(client, "CodeSystem/$lookup", system=COLOURS, code="red"), "display") == "red"
        assert (await get(client, "ValueSet/reds/$expand")).json()["expansion"]["total"] == 1
