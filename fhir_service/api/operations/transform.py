"""Content in another form, by a StructureMap (R4 structuremap-operation-transform.html; the maps that are sent along as
R5 has them)."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from fhir_service.api.answer import Answer
from fhir_service.api.auth.needs import TO_READ
from fhir_service.api.call import Call
from fhir_service.api.interaction import Interaction
from fhir_service.api.operation_input import PRESENTATION, Input, checked_input
from fhir_service.definitions.catalogue import DEFAULT_BASE
from fhir_service.definitions.elements import resource_types
from fhir_service.fhir.errors import InvalidParameter, MalformedContent
from fhir_service.fhir.json_text import encode, parse
from fhir_service.fhir.parameters import Parameter, Parameters, parameters_text, query_parameters
from fhir_service.mapping.library import MapLibrary
from fhir_service.mapping.map_report import map_library
from fhir_service.mapping.run import Limits
from fhir_service.mapping.trace import TraceEntry
from fhir_service.validation.json_text import read_json
from fhir_service.workflows.accept_parameters import accept_parameters
from fhir_service.workflows.accept_resource import in_thread_if_large
from fhir_service.workflows.stored_definitions import Definition
from fhir_service.workflows.stored_maps import MapAtHand, StoredMaps, refuse_large
from fhir_service.workflows.transform_content import Made, transform_content

INPUTS = (
    Input("source", "Uri", "Canonical URL of the map, with or without `|version`; not needed below `StructureMap/id`"),
    Input("sourceMap", "Resource", "The map itself, as a StructureMap"),
    Input("srcMap", "String", "The map in FHIR Mapping Language; more behind the first support it", repeats=True),
    Input("supportingMap", "Resource", "A StructureMap that the map imports", repeats=True),
    Input(
        "content",
        "Resource",
        "What is to be transformed, if it is not the body itself; of what is no resource a Binary with its JSON",
    ),
    Input("trace", "Boolean", "Whether to tell which rule wrote which element from which part of the content"),
)
_IN_URL = frozenset({"source", "trace"})
_MOST_TRACED = 10_000
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked for: the inputs that say how, and the content."""

    inputs: Parameters
    content: Mapping[str, Any]


async def transform(call: Call) -> Answer:
    """Raises NotFound for a map that is not there, MappingError for one that cannot be used or does not fit the
    content, MappingLimit for a run that is too long."""
    asked = await _asked(call)
    own = await asyncio.to_thread(map_library, call.settings.base)
    async with call.service.transforms.turn():
        url, library = await _map(call, asked.inputs, own)
        settings = call.settings
        limits = Limits(
            steps=settings.max_transform_steps,
            seconds=settings.max_transform_seconds,
            values=settings.max_transform_values,
        )
        traced = bool(asked.inputs.flag("trace"))
        made = await transform_content(library, url, asked.content, limits, traced=traced)
        # A small content may become a large answer.
        return await asyncio.to_thread(_answer, made, traced)


async def _asked(call: Call) -> _Asked:
    """From Parameters, or with the content as the body and the rest in the URL."""
    in_url = checked_input(query_parameters(pair for pair in call.parameters if pair[0] not in PRESENTATION), INPUTS)
    body = await call.resource_body()
    return await in_thread_if_large(len(body), lambda: _read(in_url, body))


def _read(in_url: Parameters, body: bytes) -> _Asked:
    content = read_json(body)
    if not isinstance(content, dict):
        raise MalformedContent("the content has to be a JSON object")
    if content.get("resourceType") != "Parameters":
        return _Asked(in_url, content)
    sent = checked_input(accept_parameters(body), INPUTS)
    if twice := next((item.name for item in in_url.items if item.name in sent), ""):
        raise InvalidParameter(f"{twice} stands in the URL and in the Parameters", expression=(f"http.{twice}",))
    text = sent.resource("content")
    if not text:
        raise InvalidParameter("there is no content to transform", expression=(sent.place("content"),))
    in_body = [Parameter(item.name, value=item.value) for item in in_url.items]
    return _Asked(replace(sent, items=(*sent.items, *in_body)), _content(text, sent))


def _content(text: bytes, sent: Parameters) -> dict[str, Any]:
    """The resource, or what a Binary of JSON holds: Parameters cannot hold what is no resource."""
    content = parse(text)
    if content.get("resourceType") != "Binary" or "json" not in str(content.get("contentType")):
        return content
    place = f"{sent.place('content')}.resource.data"
    try:
        held = read_json(base64.b64decode(str(content.get("data", "")), validate=True))
    except binascii.Error:
        raise MalformedContent("the data of the Binary are not base64", expression=(place,)) from None
    if not isinstance(held, dict):
        raise MalformedContent("the Binary has to hold a JSON object", expression=(place,))
    return held


async def _map(call: Call, asked: Parameters, own: MapLibrary) -> tuple[str, MapLibrary]:
    """The URL of the map that is meant, and a library that has it. Raises InvalidParameter, NotFound, MappingError."""
    maps = StoredMaps(call.definitions, own, call.service.map_cache)
    at_hand = [await maps.sent(text) for text in asked.values("srcMap")]
    at_hand += [await maps.sent(await _sent(text.resource)) for text in asked.all("supportingMap")]
    source, source_map = asked.text("source"), asked.resource("sourceMap")
    if call.id:
        url, stored = await maps.with_id(call.id)
        at_hand += [stored] if stored else []
    elif source and source_map:
        text = "say in one way which map is meant: by source, or by sourceMap"
        raise InvalidParameter(text, expression=(asked.place("source"), asked.place("sourceMap")))
    elif source_map:
        at_hand.insert(0, await maps.sent(await _sent(source_map)))
        url = at_hand[0].tree.url
    elif source:
        url = await _by_url(maps, source, at_hand)
    elif "srcMap" in asked:
        url = at_hand[0].tree.url
    else:
        text = "say which map: by id in the URL, by source, or send it as sourceMap or srcMap"
        raise InvalidParameter(text, expression=(asked.place("source"),))
    return url, await maps.library(at_hand)


async def _by_url(maps: StoredMaps, source: str, at_hand: list[MapAtHand]) -> str:
    """The URL of a map that is sent along, ours or stored; a stored one is then at hand."""
    url, _, version = source.partition("|")
    if not any(one.tree.url == url for one in at_hand) and (stored := await maps.with_url(source)) is not None:
        at_hand.append(stored)
    elif version and not any(one.tree.url == url for one in at_hand):
        return source
    return url


async def _sent(text: bytes) -> Definition:
    refuse_large(len(text))
    resource = await in_thread_if_large(len(text), lambda: parse(text))
    if resource.get("resourceType") != "StructureMap":
        raise MalformedContent("a map that is sent along has to be a StructureMap")
    return Definition(resource, len(text))


def _answer(made: Made, traced: bool) -> Answer:
    """The resource itself; what is no resource as plain JSON; with a trace Parameters, which hold resources only."""
    text = encode(made.resource)
    is_resource = made.resource.get("resourceType") in resource_types()
    if not traced:
        return Answer(body=text) if is_resource else Answer(body=text, media_type=_JSON)
    if not is_resource:
        binary = {"resourceType": "Binary", "contentType": _JSON, "data": base64.b64encode(text).decode()}
        text = encode(binary)
    told = [Parameter("return", resource=text)]
    told += [Parameter("log", "String", line) for line in made.log[:_MOST_TRACED]]
    told += [Parameter("trace", part=_traced(entry)) for entry in made.trace[:_MOST_TRACED]]
    left_out = max(len(made.trace), len(made.log)) - _MOST_TRACED
    if left_out > 0:
        told.append(Parameter("message", "String", f"{left_out} entries of the trace are left out"))
    return Answer(body=parameters_text(told))


def _traced(entry: TraceEntry) -> tuple[Parameter, ...]:
    texts = {
        "group": entry.group,
        "rule": entry.rule,
        "line": str(entry.line or ""),
        "source": entry.source,
        "target": entry.target,
    }
    told = (Parameter(name, "String", text) for name, text in texts.items() if text)
    return (Parameter("map", "Canonical", entry.map_url), *told)


TRANSFORM = Interaction(
    code="transform",
    definition=f"{DEFAULT_BASE}/OperationDefinition/structure-map-transform",
    method="POST",
    path="StructureMap/$transform",
    handle=transform,
    summary="What a map makes of some content; nothing is stored",
    body="resource",
    parameters=("source", "trace"),
    inputs=INPUTS,
    errors=(404, 410, 413, 415, 422, 503),
    needs=TO_READ,
)
TRANSFORMS = (TRANSFORM, replace(TRANSFORM, path="StructureMap/{id}/$transform"))
