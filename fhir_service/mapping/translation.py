"""The transform translate: codes by ConceptMap."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fhir_service.fhir.nodes import Node, plain
from fhir_service.mapping.errors import Fault
from fhir_service.mapping.made import Made, Surroundings, Value, content_node
from fhir_service.mapping.run import Run
from fhir_service.mapping.scope import Frame
from fhir_service.mapping.shapes import Shape
from fhir_service.mapping.values import show
from fhir_service.terminology.concept_maps import Coding, ConceptMap

_TRANSLATED = {
    "code": "code",
    "system": "uri",
    "display": "string",
    "Coding": "Coding",
    "CodeableConcept": "CodeableConcept",
}


def translate(around: Surroundings, given: list[Made]) -> Made:
    source, url, output = given[0].value, given[1].constant, given[2].constant if len(given) > 2 else None
    if not isinstance(url, str) or (len(given) > 2 and output not in _TRANSLATED):
        raise Fault(f"translate takes a value, the url of a ConceptMap, and one of {', '.join(_TRANSLATED)}")
    concept_map = around.concept_map(url)
    if output is not None:
        return _translated(around, source, concept_map, str(output))
    as_code = _translated(around, source, concept_map, "code")
    as_concept = replace(_translated(around, source, concept_map, "CodeableConcept"), instead=as_code)
    return replace(_translated(around, source, concept_map, "Coding"), instead=as_concept)


def _translated(around: Surroundings, source: Value, concept_map: ConceptMap, output: str) -> Made:
    shape, coding = around.shape(_TRANSLATED[output]), around.shape("Coding")

    def make(run: Run, frame: Frame) -> Any:
        found = _codings(concept_map, plain(source(run, frame)))
        if not found:
            return None
        if output == "CodeableConcept":
            return content_node(shape, {"coding": [_coding_node(coding, entry) for entry in found]})
        if len(found) > 1:
            raise Fault(
                f"ConceptMap {concept_map.url} gives {len(found)} codes where one is wanted: ask for a CodeableConcept"
            )
        return _coding_node(coding, found[0]) if output == "Coding" else getattr(found[0], output)

    return Made(make, shape)


def _coding_node(shape: Shape, coding: Coding) -> Node:
    return content_node(shape, {"system": coding.system, "code": coding.code, "display": coding.display})


def _codings(concept_map: ConceptMap, value: Any) -> tuple[Coding, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        return concept_map.translate(value)
    if isinstance(value, dict) and isinstance(value.get("coding"), list):
        return tuple(dict.fromkeys(found for entry in value["coding"] for found in _codings(concept_map, entry)))
    if isinstance(value, dict):
        code, system = plain(value.get("code")), plain(value.get("system"))
        return concept_map.translate(code, system) if isinstance(code, str) else ()
    raise Fault(f"{show(value)} is no code, Coding or CodeableConcept")
