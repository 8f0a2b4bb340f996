"""An answer in the form that its client asks for: a part of each resource, in XML, spread over lines (R4 http.html,
search.html#summary). Every handler gives JSON text, and knows nothing of this."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import msgspec
from starlette.types import ASGIApp

from fhir_service.api.answer import Answer
from fhir_service.api.content_negotiation import FHIR_JSON, Format
from fhir_service.definitions.elements import UnknownElement, resource_types
from fhir_service.fhir.bundles import EntryResource, with_resources
from fhir_service.fhir.errors import InvalidParameter
from fhir_service.formats.subsets import Subset, SummaryMode, unknown_elements
from fhir_service.formats.xml_writer import xml_from_json
from fhir_service.search.query_text import Pairs
from fhir_service.workflows.accept_resource import in_thread_if_large

_SUMMARIES: dict[str, SummaryMode] = {"true": "true", "text": "text", "data": "data", "false": "", "count": ""}
_INDENT = 2
_FOUND = frozenset({"searchset", "history"})


class _Kind(msgspec.Struct, rename="camel"):
    """What an answer is: a resource that has an id is stored, a Bundle without one was put together just now."""

    resource_type: str
    type: Any = ""
    id: str = ""


_kinds = msgspec.json.Decoder(_Kind)


async def in_format(answer: ASGIApp, wanted: Format) -> ASGIApp:
    """The answer as XML, or on many lines. Raises NotAcceptable where XML cannot hold it."""
    if not isinstance(answer, Answer) or not answer.body or answer.media_type != FHIR_JSON:
        return answer
    body = await in_thread_if_large(len(answer.body), lambda: written(answer.body, wanted))
    return replace(answer, body=body, media_type=wanted.media_type)


def written(text: bytes, wanted: Format) -> bytes:
    """JSON text of a resource in a format. Raises NotAcceptable where XML cannot hold it."""
    if wanted.syntax == "xml":
        return xml_from_json(text, pretty=wanted.pretty)
    return msgspec.json.format(text, indent=_INDENT) if wanted.pretty else text


_ALWAYS_THERE = "resourceType"
"""Not an element, but fhirpy asks for it beside those that are."""


def asked_subset(pairs: Pairs) -> Subset | None:
    """The part that `_summary` and `_elements` ask for, None for the whole. Raises InvalidParameter."""
    modes = [value for name, value in pairs if name == "_summary" and value]
    names = tuple(part for name, value in pairs if name == "_elements" for part in value.split(",") if part)
    for mode in modes:
        if mode not in _SUMMARIES:
            text = f"_summary is '{mode[:80]}'; it is one of {', '.join(_SUMMARIES)}"
            raise InvalidParameter(text, expression=("http._summary",))
    for name in names:
        if name != _ALWAYS_THERE and not _is_root_element(name):
            raise InvalidParameter(f"no resource of R4 has an element '{name[:80]}'", expression=("http._elements",))
    subset = Subset(_SUMMARIES[modes[-1]] if modes else "", names)
    return subset if subset.summary or subset.elements else None


async def in_part(answer: ASGIApp, subset: Subset | None) -> ASGIApp:
    """The answer with that part of its resource, or of each resource found."""
    if subset is None or not isinstance(answer, Answer) or not answer.body or answer.status != 200:
        return answer
    body = await in_thread_if_large(len(answer.body), lambda: _part(answer.body, subset))
    return replace(answer, body=body)


def _part(text: bytes, subset: Subset) -> bytes:
    kind = _kinds.decode(text)
    if kind.resource_type == "Bundle" and kind.type in _FOUND and not kind.id:
        return with_resources(text, lambda entry: _entry_part(entry, subset))
    return subset.of(text)


def _entry_part(entry: EntryResource, subset: Subset) -> bytes:
    """An outcome stays whole; elements are chosen of what matched, not of what was included (rest-rules ELM-1)."""
    if entry.mode == "outcome":
        return entry.text
    if entry.mode == "include":
        return Subset(subset.summary).of(entry.text)
    return subset.of(entry.text)


@lru_cache(1024)
def _is_root_element(name: str) -> bool:
    scope, _, _ = name.rpartition(".")
    try:
        return any(not unknown_elements((name,), candidate) for candidate in ([scope] if scope else resource_types()))
    except UnknownElement:
        return False
