"""What this server can do (R4 http.html#capabilities). Every `mode` gets the whole statement."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from fhir_service.api.answer import Answer
from fhir_service.api.call import Call
from fhir_service.api.capability_statement import capability_statement
from fhir_service.api.interaction import Interaction


async def capabilities(call: Call) -> Answer:
    body, tag = _statement(call.service.interactions, call.service.types, call.base)
    headers = ((b"etag", tag.encode()),)
    if tag in call.header(b"if-none-match"):
        return Answer(304, headers=headers)
    return Answer(body=body, headers=headers)


@lru_cache(8)
def _statement(interactions: tuple[Interaction, ...], types: frozenset[str], base: str) -> tuple[bytes, str]:
    body = capability_statement(interactions, types, base)
    return body, f'W/"{hashlib.sha256(body).hexdigest()[:16]}"'


CAPABILITIES = Interaction(
    code="capabilities",
    method="GET",
    path="metadata",
    handle=capabilities,
    summary="What this server can do",
    headers=("If-None-Match",),
    answers=(200, 304),
)
