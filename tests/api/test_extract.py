"""QuestionnaireResponse/$extract: the Bundle that a filled-in form makes, and what is said of one that does not fit."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from api_client import Client, issues
from filled_forms import IDENTIFIER, answer, filled, place
from golden_cases import CASES

from fhir_service.fhir.json_text import encode, parse

CASE = CASES["every-kind-of-fact"]
EXTRACT = "/fhir/QuestionnaireResponse/$extract"
PROCEDURE = ("case", "case.procedure")


def form(**others: Any) -> dict[str, Any]:
    return filled(CASE.facts, CASE.report.source, **others)


async def extracted(client: Client, response: dict[str, Any]) -> dict[str, Any]:
    answered = await client.post(EXTRACT, content=encode(response))
    assert answered.status_code == 200, answered.text
    body: dict[str, Any] = parse(answered.content)
    return body


async def refused(client: Client, response: dict[str, Any], status: int = 422) -> list[tuple[str, str]]:
    answered = await client.post(EXTRACT, content=encode(response))
    assert answered.status_code == status, answered.text
    return [(issue["expression"][0], issue["diagnostics"]) for issue in issues(answered)]


def without_spans(node: Any) -> Any:
    if isinstance(node, list):
        return [kept for item in node if (kept := without_spans(item)) is not None]
    if not isinstance(node, dict):
        return node
    if node.get("url") == "http://hl7.org/fhir/StructureDefinition/derivation-reference":
        return None
    kept = {name: without_spans(value) for name, value in node.items()}
    return {name: value for name, value in kept.items() if value not in ([], {}, None)} or None


def facts_of(bundle: dict[str, Any]) -> dict[str, Any]:
    """What is told of patients and groups: every resource but the document and who mapped it when."""
    told = (entry["resource"] for entry in bundle["entry"])
    return {
        resource["id"]: without_spans(resource)
        for resource in told
        if resource["resourceType"] not in ("DocumentReference", "Provenance")
    }


async def test_a_form_makes_what_the_report_makes_without_the_places_in_the_text(idle_client: Client) -> None:
    assert facts_of(await extracted(idle_client, form())) == facts_of(CASE.expected)


async def test_the_response_is_the_document_and_provenance_names_it(idle_client: Client) -> None:
    sent = form()
    resources = [entry["resource"] for entry in (await extracted(idle_client, sent))["entry"]]
    (document,) = (resource for resource in resources if resource["resourceType"] == "DocumentReference")
    attachment = document["content"][0]["attachment"]
    assert attachment["contentType"] == "application/fhir+json"
    assert base64.b64decode(attachment["data"]) == encode(sent)
    assert document["identifier"][0] == {"system": "https://doi.org", "value": CASE.report.source.doi}
    (of_patient, *_) = (resource for resource in resources if resource["resourceType"] == "Provenance")
    named = [entity["what"] for entity in of_patient["entity"]]
    assert {"type": "QuestionnaireResponse", "identifier": IDENTIFIER} in named
    assert any(
        "questionnaire-response-to-case-report|" in what.get("identifier", {}).get("value", "") for what in named
    )


async def test_the_form_may_come_in_parameters(idle_client: Client) -> None:
    parameters = {
        "resourceType": "Parameters",
        "parameter": [{"name": "questionnaire-response", "resource": form()}],
    }
    assert facts_of(await extracted(idle_client, parameters)) == facts_of(CASE.expected)
    ((_, text),) = await refused(idle_client, {"resourceType": "Parameters"}, status=400)
    assert text == "there is no form to extract from"


async def test_nothing_is_stored(idle_client: Client) -> None:
    await extracted(idle_client, form())
    assert (await idle_client.get("/fhir/DocumentReference?_summary=count")).json()["total"] == 0


@pytest.mark.parametrize(
    ("path", "given", "where", "words"),
    [
        ((*PROCEDURE, "case.procedure.role"), {"valueString": "index"}, "", "it wants valueCoding"),
        (
            (*PROCEDURE, "case.procedure.kind", "case.procedure.kind.code"),
            {"valueCoding": {"system": "http://snomed.info/sct", "code": "1"}},
            ".value",
            "is no answer to 'case.procedure.kind.code'",
        ),
        (
            ("case", "case.complication", "case.complication.suspect"),
            {"valueString": "1/index-77"},
            ".value",
            "there is no fact '1/index-77'",
        ),
        (("case", "case.observation", "case.observation.unit"), {"valueString": "cc"}, ".value", "no unit of UCUM"),
        (("source", "source.doi"), {"valueString": "eleven"}, ".value", "'eleven' is no DOI"),
    ],
    ids=["an answer of another type", "a code of another system", "a fact nobody told of", "a unit", "a DOI"],
)
async def test_what_does_not_fit_is_told_at_its_item(
    idle_client: Client, path: tuple[str, ...], given: dict[str, Any], where: str, words: str
) -> None:
    sent = form()
    answer(sent, *path)["answer"] = [given]
    at, text = (await refused(idle_client, sent))[0]
    assert words in text
    assert at == f"{place(sent, *path)}.answer[0]{where}"


async def test_a_wrong_item_is_named(idle_client: Client) -> None:
    sent = form()
    answer(sent, "case")["item"].append({"linkId": "case.height", "answer": [{"valueDecimal": 170}]})
    (found,) = await refused(idle_client, sent)
    assert found[1] == "the form has no item 'case.height' here"


async def test_what_makes_no_valid_resource_is_told_at_the_item_it_comes_from(idle_client: Client) -> None:
    case = CASES["series-with-figures"]
    sent = filled(case.facts, case.report.source)
    statement = next(
        item
        for item in sent["item"]
        if item["linkId"] == "groupStatement" and any(part["linkId"].endswith("denominator") for part in item["item"])
    )
    answer(statement, "groupStatement.denominator")["answer"] = [{"valueDecimal": -251}]
    ((at, text),) = await refused(idle_client, sent)
    number = next(n for n, part in enumerate(statement["item"]) if part["linkId"] == "groupStatement.denominator")
    assert at == f"QuestionnaireResponse.item[{sent['item'].index(statement)}].item[{number}].answer[0].value"
    assert "unsignedInt" in text


async def test_facts_of_a_report_without_an_augmentation_are_not_dropped_without_a_word(idle_client: Client) -> None:
    sent = form()
    case = answer(sent, "case")
    case["item"] = [item for item in case["item"] if item["linkId"] in ("case.number", "case.sex", "case.age")]
    sent["item"] = [item for item in sent["item"] if item["linkId"] in ("source", "case")]
    ((at, text),) = await refused(idle_client, sent)
    assert at == "QuestionnaireResponse"
    assert text.startswith("no operation is an augmentation")


async def test_words_for_what_r4_has_as_a_code_alone_want_the_code_too(idle_client: Client) -> None:
    sent = form()
    outcome = answer(sent, "case", "case.complication", "case.complication.outcome")
    outcome["item"] = [{"linkId": "case.complication.outcome.text", "answer": [{"valueString": "limps"}]}]
    ((at, text),) = await refused(idle_client, sent)
    assert at == place(sent, "case", "case.complication", "case.complication.outcome")
    assert "'case.complication.outcome.code'" in text


async def test_a_form_of_another_version_is_checked_like_the_present_one(idle_client: Client) -> None:
    url = form()["questionnaire"].partition("|")[0]
    assert facts_of(await extracted(idle_client, form(questionnaire=f"{url}|0.0.1"))) == facts_of(CASE.expected)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"status": "in-progress"}, "QuestionnaireResponse.status"),
        ({"questionnaire": "https://registry.example.org/Questionnaire/other"}, "QuestionnaireResponse.questionnaire"),
    ],
)
async def test_another_form_or_one_that_is_not_done_is_refused(
    idle_client: Client, change: dict[str, Any], where: str
) -> None:
    ((at, _),) = await refused(idle_client, form(**change))
    assert at == where


async def test_what_is_no_response_is_refused_as_malformed(idle_client: Client) -> None:
    assert await refused(idle_client, {"resourceType": "Patient"}, status=400)
