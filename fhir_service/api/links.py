"""Addresses of pages of results (R4 http.html#paging): what was applied, and how the answer was to look."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlencode

from fhir_service.api.call import Call
from fhir_service.search.query_text import PRESENTATION


def page_address(call: Call, tail: str, applied: Collection[tuple[str, str]]) -> str:
    """The address of a page below what `call` names. The parameters of its URL that say how an answer looks go along,
    so that the next page comes in the same form."""
    path = "/".join(part for part in (call.base, call.type, call.id, tail) if part)
    known = {name for name, _ in applied}
    looks = [pair for pair in call.parameters if pair[0] in PRESENTATION - known and pair[1]]
    pairs = [*applied, *looks]
    return f"{path}?{urlencode(pairs)}" if pairs else path
