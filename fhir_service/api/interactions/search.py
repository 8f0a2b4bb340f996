"""Which resources of a type match (R4 http.html#search): GET with a query, POST with a form besides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlencode

from fhir_service.api.answer import Answer
from fhir_service.api.call import Call
from fhir_service.api.interaction import Interaction
from fhir_service.fhir.bundles import SearchEntry, searchset
from fhir_service.fhir.errors import UnsupportedParameter
from fhir_service.fhir.outcomes import outcome_bytes
from fhir_service.search.query import CURSOR, Query, parse_query
from fhir_service.search.query_text import Pairs
from fhir_service.storage.repository import Page


async def search(call: Call) -> Answer:
    return await _searched(call, call.parameters)


async def search_by_form(call: Call) -> Answer:
    return await _searched(call, call.parameters + await call.form_body())


async def _searched(call: Call, pairs: Pairs) -> Answer:
    query = _query(call, pairs)
    links = {"self": _link(call, query.applied)}
    if query.count_only:
        return Answer(body=searchset(_outcomes(query), links, await call.repository.count(query, call.access)))
    page = await call.repository.search(query, call.access)
    if page.next is not None:
        kept = tuple(pair for pair in query.applied if pair[0] != CURSOR)
        links["next"] = _link(call, (*kept, (CURSOR, page.next)))
    return Answer(body=searchset(_entries(call, query, page), links, await _total(call, query, page)))


def _query(call: Call, pairs: Pairs) -> Query:
    """Raises UnsupportedParameter for unknown parameters where the client prefers that."""
    query = parse_query(call.type, pairs, base=call.base, terminology=call.service.terminology)
    if query.ignored and call.preferences.strict:
        raise UnsupportedParameter(
            "parameters not known", issues=[replace(issue, severity="error") for issue in query.ignored]
        )
    given = any(name == "_count" for name, _ in query.applied)
    wanted = query.count if given else call.settings.default_page_size
    return replace(query, count=min(wanted, call.settings.max_page_size))


def _entries(call: Call, query: Query, page: Page) -> Iterator[SearchEntry]:
    for stored in page.matches:
        yield SearchEntry(stored.text, f"{call.base}/{stored.type}/{stored.id}")
    yield from _outcomes(query)


def _outcomes(query: Query) -> list[SearchEntry]:
    return [SearchEntry(outcome_bytes(query.ignored), mode="outcome")] if query.ignored else []


async def _total(call: Call, query: Query, page: Page) -> int | None:
    """Counting may cost more than the page: it is done on demand, and where the first page is all there is."""
    if query.total in ("accurate", "estimate"):
        return await call.repository.count(query, call.access)
    if query.total is None and query.after is None and page.next is None:
        return len(page.matches)
    return None


def _link(call: Call, pairs: Pairs) -> str:
    return f"{call.base}/{call.type}?{urlencode(pairs)}" if pairs else f"{call.base}/{call.type}"


SEARCH = Interaction(
    code="search-type",
    method="GET",
    path="{type}",
    handle=search,
    summary="Search resources of a type",
    parameters=("_id", "_lastUpdated", "patient", "subject", "code", "_count", "_summary", "_total", "_cursor"),
    headers=("Prefer",),
    errors=(404,),
)
SEARCH_BY_FORM = Interaction(
    code="search-type",
    method="POST",
    path="{type}/_search",
    handle=search_by_form,
    summary="Search resources of a type, parameters in a form",
    body="form",
    headers=("Prefer",),
    errors=(404, 413, 415),
)
