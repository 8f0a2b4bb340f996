"""A code in another code system (R4 conceptmap-operation-translate.html)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from fhir_service.api.answer import Answer
from fhir_service.api.auth.needs import TO_READ
from fhir_service.api.call import Call
from fhir_service.api.interaction import Interaction
from fhir_service.api.operation_input import Input, operation_input
from fhir_service.api.operations.coded_input import CODE, CODING, CONCEPT, SYSTEM, coded_input
from fhir_service.api.operations.terminology_input import meant
from fhir_service.fhir.errors import TooCostly, UnsupportedParameter
from fhir_service.fhir.parameters import Parameter, Parameters, parameters_text
from fhir_service.search.query_text import escaped
from fhir_service.terminology.code_validation import Coding
from fhir_service.terminology.errors import TooManyCodes
from fhir_service.terminology.translations import NO_TRANSLATION, Match, translations
from fhir_service.workflows.accept_resource import in_thread_if_large
from fhir_service.workflows.stored_definitions import Definition, newest_first

INPUTS = (
    Input("url", "Uri", "Canonical URL of the map; all that fit and are active where it is not given"),
    Input("conceptMap", "Resource", "A map that is sent along"),
    Input("conceptMapVersion", "String", "The version of the map"),
    CODE,
    SYSTEM,
    Input("version", "String", "The version of the code system; not looked at"),
    Input("source", "Uri", "The value set the code is from; only maps of it"),
    CODING,
    CONCEPT,
    Input("target", "Uri", "The value set that is wanted; only maps to it"),
    Input("targetsystem", "Uri", "The code system that is wanted"),
    Input("reverse", "Boolean", "Whether the code is a target whose sources are wanted"),
)
_MOST_CODINGS = 100
_MOST_MATCHES = 1000
_ENDS = {"source": ("sourceUri", "sourceCanonical"), "target": ("targetUri", "targetCanonical")}


async def translate(call: Call) -> Answer:
    """Raises UnknownTerminology where this server has no such map."""
    asked = await operation_input(call, INPUTS)
    held = call.service.terminology.concept_maps
    chosen = await meant(call, asked, held, "ConceptMap", sent="conceptMap", version="conceptMapVersion")
    if chosen is None and "conceptMapVersion" in asked:
        place = (asked.place("conceptMapVersion"),)
        raise UnsupportedParameter("conceptMapVersion is the version of the map that url names", expression=place)
    reverse = bool(asked.flag("reverse"))
    no_system = chosen is not None and any("source" not in group for group in _groups(chosen.resource))
    codings = coded_input(asked, any_system=no_system)
    if len(codings) > _MOST_CODINGS:
        raise TooCostly(f"at most {_MOST_CODINGS} codings of a concept are translated at once")
    maps = [chosen] if chosen is not None else [*map(Definition, held.values()), *await _stored(call, codings, reverse)]
    maps = [one for one in maps if _joins(one.resource, asked, reverse)]
    work = partial(_found, [one.resource for one in maps], codings, asked.text("targetsystem"), reverse)
    found = await in_thread_if_large(sum(one.size for one in maps), work)
    return Answer(body=parameters_text(_told(found, codings, len(maps))))


async def _stored(call: Call, codings: Sequence[Coding], reverse: bool) -> list[Definition]:
    """Maps of clients that nobody named: those that are active and say that they are from (or to) these systems, of
    each URL the newest. What is a draft, or no longer used, has to be asked for by name."""
    end = "target-system" if reverse else "source-system"
    systems = ",".join(escaped(system) for system in sorted({coding.system for coding in codings}))
    found = await call.definitions.found("ConceptMap", [(end, systems), ("status", "active")])
    unnamed = [one for one in found if not one.url]
    newest = {one.url: one for one in reversed(newest_first(found)) if one.url}
    return [one for url, one in newest.items() if url not in call.service.terminology.concept_maps] + unnamed


def _found(maps: Sequence[Mapping[str, Any]], codings: Sequence[Coding], target: str, reverse: bool) -> list[Match]:
    found: dict[Match, None] = {}
    for coding in codings:
        for one in maps:
            found.update(dict.fromkeys(translations(one, coding, target_system=target, reverse=reverse)))
            if len(found) > _MOST_MATCHES:
                raise TooManyCodes(f"there are more than {_MOST_MATCHES} translations: name the map, or targetsystem")
    return list(found)


def _groups(concept_map: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    groups: Sequence[Mapping[str, Any]] = concept_map.get("group", ())
    return groups


def _joins(concept_map: Mapping[str, Any], asked: Parameters, reverse: bool) -> bool:
    """Whether a map lies between the value sets that are asked for, as far as they are."""
    for name, end in (("source", "target"), ("target", "source")) if reverse else (("source",) * 2, ("target",) * 2):
        wanted = asked.text(name)
        stated = {concept_map[member].partition("|")[0] for member in _ENDS[end] if member in concept_map}
        if wanted and wanted.partition("|")[0] not in stated:
            return False
    return True


def _told(found: Sequence[Match], codings: Sequence[Coding], maps: int) -> Iterator[Parameter]:
    result = any(match.equivalence not in NO_TRANSLATION for match in found)
    yield Parameter("result", "Boolean", result)
    if message := _message(found, codings, maps, result):
        yield Parameter("message", "String", message)
    for match in found:
        yield Parameter("match", part=tuple(_parts(match)))


def _message(found: Sequence[Match], codings: Sequence[Coding], maps: int, result: bool) -> str:
    if any(match.conditional for match in found):
        return "some of these hold only on conditions (dependsOn of the map), which were not looked at"
    if result:
        return ""
    asked = " or ".join(str(coding) for coding in codings)
    if found:
        return f"the maps say that there is no translation for {asked}"
    return "no map of this server lies between these" if not maps else f"no map has a row for {asked}"


def _parts(match: Match) -> Iterator[Parameter]:
    yield Parameter("equivalence", "Code", match.equivalence)
    if match.target is not None:
        yield Parameter("concept", "Coding", _coding(match.target))
    for element, coding in match.products:
        parts = (Parameter("element", "Uri", element), Parameter("concept", "Coding", _coding(coding)))
        yield Parameter("product", part=parts)
    yield Parameter("source", "Uri", match.map)


def _coding(coding: Coding) -> dict[str, str]:
    named = {"system": coding.system, "version": coding.version, "code": coding.code, "display": coding.display}
    return {name: value for name, value in named.items() if value}


TRANSLATE = Interaction(
    code="translate",
    definition="http://hl7.org/fhir/OperationDefinition/ConceptMap-translate",
    method="GET",
    path="ConceptMap/$translate",
    handle=translate,
    summary="A code in another code system",
    inputs=INPUTS,
    errors=(404,),
    needs=TO_READ,
)
_BY_POST = replace(TRANSLATE, method="POST", body="parameters", errors=(404, 413, 415))
TRANSLATIONS = (
    TRANSLATE,
    _BY_POST,
    replace(TRANSLATE, path="ConceptMap/{id}/$translate"),
    replace(_BY_POST, path="ConceptMap/{id}/$translate"),
)
