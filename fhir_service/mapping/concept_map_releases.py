"""An embedded ConceptMap as R4 has it, which is how a tree keeps it, and as R5 has it.

R5 has fewer words for how a target lies to its source; the word of R4 goes along in HL7's extension for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_RELATIONSHIP = {
    "relatedto": "related-to",
    "equivalent": "equivalent",
    "equal": "equivalent",
    "wider": "source-is-narrower-than-target",
    "subsumes": "source-is-narrower-than-target",
    "narrower": "source-is-broader-than-target",
    "specializes": "source-is-broader-than-target",
    "inexact": "related-to",
    "disjoint": "not-related-to",
}
_EQUIVALENCE = {
    "related-to": "relatedto",
    "equivalent": "equivalent",
    "source-is-narrower-than-target": "wider",
    "source-is-broader-than-target": "narrower",
    "not-related-to": "disjoint",
}
_R4_WORD = "http://hl7.org/fhir/4.0/StructureDefinition/extension-ConceptMap.group.element.target.equivalence"


def to_r5(concept_map: Mapping[str, Any]) -> dict[str, Any]:
    """The same map for R5."""
    found = {key: value for key, value in concept_map.items() if key != "group"}
    if "group" in concept_map:
        found["group"] = [_group_to_r5(group) for group in concept_map["group"]]
    return found


def to_r4(concept_map: Mapping[str, Any]) -> dict[str, Any]:
    """The same map for R4; one that is of R4 already stays as it is."""
    found = {key: value for key, value in concept_map.items() if key != "group"}
    if "group" in concept_map:
        found["group"] = [_group_to_r4(group) for group in concept_map["group"]]
    return found


def _group_to_r5(group: Mapping[str, Any]) -> dict[str, Any]:
    found = {**group, "element": [_element_to_r5(element) for element in group.get("element", ())]}
    match group.get("unmapped"):
        case {"mode": "provided", **rest}:
            found["unmapped"] = {"mode": "use-source-code", **rest}
        case {"mode": "other-map", "url": url, **rest}:
            found["unmapped"] = {"mode": "other-map", "otherMap": url, **rest}
    return found


def _element_to_r5(element: Mapping[str, Any]) -> dict[str, Any]:
    targets = element.get("target", ())
    if len(targets) == 1 and dict(targets[0]) == {"equivalence": "unmatched"}:
        return {**{key: value for key, value in element.items() if key != "target"}, "noMap": True}
    return {**element, "target": [_target_to_r5(target) for target in targets]} if targets else dict(element)


def _target_to_r5(target: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: value for key, value in target.items() if key != "equivalence"}
    word = target.get("equivalence")
    if word is None:
        return found
    relationship = _RELATIONSHIP.get(word)
    if relationship is not None:
        found["relationship"] = relationship
    if relationship is None or _EQUIVALENCE[relationship] != word:
        found["_relationship"] = {"extension": [{"url": _R4_WORD, "valueCode": word}]}
    return found


def _group_to_r4(group: Mapping[str, Any]) -> dict[str, Any]:
    found = {**group, "element": [_element_to_r4(element) for element in group.get("element", ())]}
    match group.get("unmapped"):
        case {"mode": "use-source-code", **rest}:
            found["unmapped"] = {"mode": "provided", **rest}
        case {"mode": "other-map", "otherMap": url, **rest}:
            found["unmapped"] = {"mode": "other-map", "url": url, **rest}
    return found


def _element_to_r4(element: Mapping[str, Any]) -> dict[str, Any]:
    if element.get("noMap") is True:
        kept = {key: value for key, value in element.items() if key != "noMap"}
        return {**kept, "target": [{"equivalence": "unmatched"}]}
    if "target" not in element:
        return dict(element)
    return {**element, "target": [_target_to_r4(target) for target in element["target"]]}


def _target_to_r4(target: Mapping[str, Any]) -> dict[str, Any]:
    if "relationship" not in target and "_relationship" not in target:
        return dict(target)
    found = {key: value for key, value in target.items() if key not in ("relationship", "_relationship")}
    word = _word_of_r4(target.get("_relationship")) or _EQUIVALENCE.get(str(target.get("relationship")))
    return {**found, "equivalence": word} if word is not None else found


def _word_of_r4(beside: Any) -> str | None:
    match beside:
        case {"extension": [{"url": url, "valueCode": str(word)}]} if url == _R4_WORD:
            return word
    return None
