"""Forms filled in with the facts of a report: what somebody who read it would have answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from fhir_service.definitions.catalogue import DEFAULT_BASE, Kind, catalogue
from fhir_service.fhir.json_text import encode, parse
from fhir_service.reports.case_report import CaseReport
from fhir_service.reports.report import Source
from fhir_service.terminology.terminologies import terminologies
from fhir_service.validation.answers import VALUES

FORM = catalogue().artifact(Kind.QUESTIONNAIRE, DEFAULT_BASE + "/Questionnaire/case-report")
IDENTIFIER = {"system": "https://registry.example.org/forms", "value": "form-1"}


def filled(facts: CaseReport, source: Source | None = None, **others: Any) -> dict[str, Any]:
    """A completed QuestionnaireResponse that states these facts."""
    content = parse(encode(facts))
    if source is not None:
        content["source"] = msgspec.to_builtins(source)
    return {
        "resourceType": "QuestionnaireResponse",
        "identifier": IDENTIFIER,
        "questionnaire": f"{FORM['url']}|{FORM['version']}",
        "status": "completed",
        **others,
        "item": list(_items(FORM["item"], content)),
    }


def questions(items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Every item of a form that can be answered, groups included."""
    for item in items:
        if item["type"] != "display":
            yield item
            yield from questions(item.get("item", []))


def answer(response: dict[str, Any], *path: str) -> dict[str, Any]:
    """The first item of a response that is reached by these linkIds, one inside the other."""
    found = response
    for link_id in path:
        found = next(item for item in found["item"] if item["linkId"] == link_id)
    return found


def place(response: dict[str, Any], *path: str) -> str:
    """FHIRPath of the same item."""
    found, said = response, "QuestionnaireResponse"
    for link_id in path:
        number = next(n for n, item in enumerate(found["item"]) if item["linkId"] == link_id)
        found, said = found["item"][number], f"{said}.item[{number}]"
    return said


def _items(asked: list[dict[str, Any]], content: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for item in asked:
        value = content.get(item["linkId"].rpartition(".")[2])
        values = value if isinstance(value, list) else [] if value is None else [value]
        if item["type"] == "group":
            inner = ({"linkId": item["linkId"], "item": list(_items(item["item"], value))} for value in values)
            yield from (entry for entry in inner if entry["item"])
        elif item["type"] != "display" and values:
            yield {"linkId": item["linkId"], "answer": [_answer(item, value) for value in values]}


def _answer(item: Mapping[str, Any], value: Any) -> dict[str, Any]:
    (key,) = VALUES[item["type"]]
    if key != "valueCoding":
        return {key: value}
    members = terminologies().codes_in(item["answerValueSet"]) or frozenset()
    system = next((system for system, code in members if code == value), "urn:unknown")
    return {key: {"system": system, "code": value}}


def every_answer() -> dict[str, Any]:
    """A response in which every question of the form is answered, twice where it repeats."""
    return {"resourceType": "QuestionnaireResponse", "status": "completed", "item": list(_all(FORM["item"]))}


def _all(asked: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for item in asked:
        times = range(2 if item["repeats"] else 1) if item["type"] != "display" else ()
        if item["type"] == "group":
            yield from ({"linkId": item["linkId"], "item": list(_all(item["item"]))} for _ in times)
        elif times:
            yield {"linkId": item["linkId"], "answer": [_made_up(item, n) for n in times]}


def _made_up(item: Mapping[str, Any], n: int) -> dict[str, Any]:
    if item["type"] == "choice":
        members = sorted(terminologies().codes_in(item["answerValueSet"]) or ())
        system, code = members[-1 - n]
        return {"valueCoding": {"system": system, "code": code}}
    (key,) = VALUES[item["type"]]
    made: Mapping[str, Any] = {
        "valueBoolean": n == 0,
        "valueDate": "2019-05",
        "valueDecimal": Decimal(f"{len(item['linkId'])}.{n}0"),
        "valueInteger": 1 + n,
    }
    return {key: made.get(key, f"{item['linkId']} {n}")}
