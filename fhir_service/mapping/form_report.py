"""QuestionnaireResponse -> CaseReport, by the map `questionnaire-response-to-case-report`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from fhir_service.fhir.json_text import encode
from fhir_service.mapping.attribution import structure_map
from fhir_service.mapping.explain import Explanations
from fhir_service.mapping.map_report import map_library
from fhir_service.reports.case_report import CaseReport, from_json
from fhir_service.reports.report import Source

MAP = "/StructureMap/questionnaire-response-to-case-report"
_ROOT = "QuestionnaireResponse"
_VALUE = re.compile(r"\.value[A-Z]\w*$")


@dataclass(frozen=True, slots=True)
class FormFacts:
    """What the answers state: facts, source, and the logical-model JSON; `told` knows which item each of its
    elements comes from."""

    case_report: CaseReport
    source: Source
    content: Mapping[str, Any]
    told: Explanations


def form_facts(response: Mapping[str, Any], base: str) -> FormFacts:
    """The facts of a QuestionnaireResponse whose answers fit the form. Raises MappingError."""
    made = map_library(base).transform_traced(base + MAP, response)
    facts = {name: value for name, value in made.resource.items() if name != "source"}
    source = msgspec.convert(made.resource.get("source", {}), Source)
    return FormFacts(from_json(encode(facts)), source, made.resource, Explanations(made.trace, response))


def item_path(path: str, facts: FormFacts) -> str:
    """FHIRPath of the item in the response that an element of the facts comes from, or the nearest element around it
    that has one. `path` is as the trace writes it (`CaseReport.case[0].sex.code`)."""
    found = facts.told.of(path)
    return f"{_ROOT}.{_VALUE.sub('.value', found.source)}" if found and found.source else _ROOT


def with_form(bundle: dict[str, Any], response: Mapping[str, Any], base: str) -> dict[str, Any]:
    """The Bundle, each Provenance naming the response and the map that read it too."""
    kind, canonical = structure_map(map_library(base), base + MAP)
    entities = [{"role": "source", "what": {"type": kind, "identifier": {"value": canonical}}}]
    if identifier := response.get("identifier"):
        entities.append({"role": "source", "what": {"type": "QuestionnaireResponse", "identifier": identifier}})
    for entry in bundle["entry"]:
        if entry["resource"]["resourceType"] == "Provenance":
            entry["resource"]["entity"] += entities
    return bundle
