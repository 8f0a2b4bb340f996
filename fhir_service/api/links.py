"""Addresses of pages of results (R4 http.html#paging): what was applied, and how the answer was to look."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlencode

from fhir_service.api.call import Call
from fhir_service.search.query_text import PRESENTATION, Pairs


def page_address(call: Call, tail: str, applied: Pairs, cursor: tuple[str, str] | None = None) -> str:
    """The address of a page below what `call` names, with the cursor behind what was applied. The parameters of its URL
    that say how an answer looks go along, so that the next page comes in the same form."""
    path = "/".join(part for part in (call.base, call.type, call.id, tail) if part)
    known = {name for name, _ in applied}
    looks = tuple(pair for pair in call.parameters if pair[0] in PRESENTATION and pair[0] not in known and pair[1])
    parts = (_encoded(tuple(applied)), urlencode([cursor]) if cursor else "", _encoded(looks))
    query = "&".join(part for part in parts if part)
    return f"{path}?{query}" if query else path


@lru_cache(1024)
def _encoded(pairs: Pairs) -> str:
    return urlencode(pairs)
