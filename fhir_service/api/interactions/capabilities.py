"""What this server can do (R4 http.html#capabilities): all of it, its normative part, or its terminologies."""

from __future__ import annotations

import asyncio
import hashlib
from functools import lru_cache

from fhir_service.api.answer import Answer
from fhir_service.api.auth.needs import PUBLIC
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
    secured = call.settings.access != "open"
    own = call.settings.base
    body, tag = await asyncio.to_thread(
        _stated, mode, service.interactions, service.types, call.base, own, secured=secured
    )
    headers = ((b"etag", tag.encode()),)
    if tag in call.header(b"if-none-match"):
        return Answer(304, headers=headers)
    return Answer(body=body, headers=headers)


@lru_cache(8)
def _stated(
    mode: str,
    interactions: tuple[Interaction, ...],
    types: frozenset[str],
    base: str,
    canonical_base: str,
    *,
    secured: bool,
) -> tuple[bytes, str]:
    if mode == "terminology":
        body = terminology_capabilities(terminologies(canonical_base), base)
    else:
        normative = mode == "normative"
        body = capability_statement(
            interactions, types, base, canonical_base=canonical_base, normative=normative, secured=secured
        )
    return body, f'W/"{hashlib.sha256(body).hexdigest()[:16]}"'


_MODES = ("full", "normative", "terminology")

CAPABILITIES = Interaction(
    code="capabilities",
    method="GET",
    path="metadata",
    handle=capabilities,
    summary="What this server can do",
    parameters=("mode",),
    headers=("If-None-Match",),
    answers=(200, 304),
    needs=PUBLIC,
)
