"""What R4 asks in its prose of definitions: questionnaires, code systems, profiles. `$validate` looks at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from fhir_service.definitions.elements import resource_types
from fhir_service.fhir.errors import Issue
from fhir_service.fhir.fhirpath_lexer import SyntaxFault
from fhir_service.fhir.fhirpath_parser import parse_fhirpath
from fhir_service.validation.walk import MOST_FINDINGS

ENABLE_WHEN, COUNT, EXPRESSION = "definition.enable-when", "definition.count", "definition.expression"
_SHOWN = 120


def definition_issues(resource: dict[str, Any]) -> list[Issue]:
    """Everything that is wrong with a definition whose structure is right, and with those in the entries of a Bundle;
    of another resource nothing."""
    return list(islice(_every(resource), MOST_FINDINGS))


def _every(resource: dict[str, Any]) -> Iterator[Issue]:
    name = resource["resourceType"]
    if look := _LOOKS.get(name):
        yield from look(resource, name)
    for at, entry in enumerate(resource.get("entry", ()) if name == "Bundle" else ()):
        held = entry.get("resource", {})
        if (look := _LOOKS.get(held.get("resourceType", ""))) and held["resourceType"] in resource_types():
            yield from look(held, f"Bundle.entry[{at}].resource")


def _questionnaire(resource: dict[str, Any], path: str) -> Iterator[Issue]:
    items = list(_items(resource, path, "item"))
    known = {item.get("linkId") for item, _ in items}
    for item, place in items:
        for at, clause in enumerate(item.get("enableWhen", ())):
            asked = clause.get("question")
            if isinstance(asked, str) and asked not in known:
                text = f"there is no item '{asked[:_SHOWN]}' here, so that nothing enables this one; mend the linkId"
                yield _issue(ENABLE_WHEN, text, f"{place}.enableWhen[{at}].question")


def _code_system(resource: dict[str, Any], path: str) -> Iterator[Issue]:
    stated, listed = resource.get("count"), sum(1 for _ in _items(resource, path, "concept"))
    if resource.get("content") == "complete" and isinstance(stated, int) and listed != stated:
        text = f"count is {stated}, and there are {listed} concepts though content is complete; mend one of them"
        yield _issue(COUNT, text, f"{path}.count")


def _structure_definition(resource: dict[str, Any], path: str) -> Iterator[Issue]:
    for part in ("snapshot", "differential"):
        for at, element in enumerate(resource.get(part, {}).get("element", ())):
            for number, rule in enumerate(element.get("constraint", ())):
                place = f"{path}.{part}.element[{at}].constraint[{number}].expression"
                yield from _expression(rule.get("expression"), place)


def _search_parameter(resource: dict[str, Any], path: str) -> Iterator[Issue]:
    yield from _expression(resource.get("expression"), f"{path}.expression")


def _expression(text: Any, place: str) -> Iterator[Issue]:
    if not isinstance(text, str):
        return
    try:
        parse_fhirpath(text)
    except SyntaxFault as fault:
        said = f"this is no FHIRPath: {fault.text} at line {fault.line}, column {fault.column}"
        yield _issue(EXPRESSION, said, place)
    except RecursionError:
        yield _issue(EXPRESSION, "this FHIRPath is nested too deeply; write it in parts", place)


def _items(resource: dict[str, Any], path: str, name: str) -> Iterator[tuple[dict[str, Any], str]]:
    waiting = [(resource, path)]
    while waiting:
        holder, place = waiting.pop()
        for at, item in enumerate(holder.get(name, ())):
            yield item, f"{place}.{name}[{at}]"
            waiting.append((item, f"{place}.{name}[{at}]"))


def _issue(rule: str, text: str, place: str) -> Issue:
    return Issue("error", "invalid", text, (place,), rule)


_LOOKS: Mapping[str, Callable[[dict[str, Any], str], Iterator[Issue]]] = {
    "CodeSystem": _code_system,
    "Questionnaire": _questionnaire,
    "SearchParameter": _search_parameter,
    "StructureDefinition": _structure_definition,
}
