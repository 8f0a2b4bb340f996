"""What this server can do (R4 http.html#capabilities): all of it, its normative part, or its terminologies."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import lru_cache

from fhir_service.api.answer import Answer
from fhir_service.api.call import Call
from fhir_service.api.capability_statement import capability_statement
from fhir_service.api.interaction import Interaction
from fhir_service.api.terminology_capabilities import terminology_capabilities
from fhir_service.fhir.errors import InvalidParameter
from fhir_service.terminology.terminologies import terminologies


async def capabilities(call: Call) -> Answer:
    """Raises InvalidParameter for a mode that R4 does not have."""
    modes = [value for name, value in call.parameters if name == "mode" and value]
    mode = modes[0] if modes else "full"
    if len(set(modes)) > 1 or mode not in _MODES:
        raise InvalidParameter(f"mode is '{mode[:80]}'; it is one of {', '.join(_MODES)}", expression=("http.mode",))
    service = call.service
    body, tag = _stated(mode, service.interactions, service.types, call.base, call.settings.base)
    headers = ((b"etag", tag.encode()),)
    if tag in call.header(b"if-none-match"):
        return Answer(304, headers=headers)
    return Answer(body=body, headers=headers)


@lru_cache(8)
def _stated(
    mode: str, interactions: tuple[Interaction, ...], types: frozenset[str], base: str, canonical_base: str
) -> tuple[bytes, str]:
    body = _MODES[mode](interactions, types, base, canonical_base)
    return body, f'W/"{hashlib.sha256(body).hexdigest()[:16]}"'


def _full(rows: tuple[Interaction, ...], types: frozenset[str], base: str, canonical_base: str) -> bytes:
    return capability_statement(rows, types, base, canonical_base=canonical_base)


def _normative(rows: tuple[Interaction, ...], types: frozenset[str], base: str, canonical_base: str) -> bytes:
    return capability_statement(rows, types, base, canonical_base=canonical_base, normative=True)


def _terminology(_rows: tuple[Interaction, ...], _types: frozenset[str], base: str, canonical_base: str) -> bytes:
    return terminology_capabilities(terminologies(canonical_base), base)


_MODES: Mapping[str, Callable[[tuple[Interaction, ...], frozenset[str], str, str], bytes]] = {
    "full": _full,
    "normative": _normative,
    "terminology": _terminology,
}

CAPABILITIES = Interaction(
    code="capabilities",
    method="GET",
    path="metadata",
    handle=capabilities,
    summary="What this server can do",
    parameters=("mode",),
    headers=("If-None-Match",),
    answers=(200, 304),
)
