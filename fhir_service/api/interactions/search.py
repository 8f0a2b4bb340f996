"""Which resources match (R4 http.html#search): in a type, in several, in a compartment; by query or by form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fhir_service.api.answer import Answer
from fhir_service.api.auth.needs import TO_SEARCH, Needs, refuse_reaching_out, searched_types
from fhir_service.api.call import Call
from fhir_service.api.interaction import Interaction
from fhir_service.api.links import page_address
from fhir_service.api.same_searches import Searched
from fhir_service.definitions.compartments import compartment, compartment_types
from fhir_service.fhir.bundles import found_entries, outcome_entry, searchset
from fhir_service.fhir.errors import Issue, NotFound, UnknownType, UnsupportedParameter
from fhir_service.fhir.outcomes import outcome_bytes
from fhir_service.search.query import CURSOR, NO_VALUE, IncludeExtent, Query, parse_query
from fhir_service.search.query_text import Pairs
from fhir_service.storage.repository import Page
from fhir_service.terminology.terminologies import Terminologies
from fhir_service.workflows.bare_ids import require_unambiguous

_EVERY_TYPE = "*"
_CUT = Issue("warning", "too-costly", "there was more to include than one page may hold; ask for fewer matches a page")


async def search(call: Call) -> Answer:
    return await _searched(call, (call.type,), call.parameters)


async def search_by_form(call: Call) -> Answer:
    return await _searched(call, (call.type,), call.parameters + await call.form_body())


async def search_system(call: Call) -> Answer:
    return await _searched(call, sorted(call.service.types), call.parameters)


async def search_system_by_form(call: Call) -> Answer:
    return await _searched(call, sorted(call.service.types), call.parameters + await call.form_body())


async def search_compartment(call: Call) -> Answer:
    return await _searched(call, _members(call), call.parameters)


async def search_compartment_by_form(call: Call) -> Answer:
    return await _searched(call, _members(call), call.parameters + await call.form_body())


def _members(call: Call) -> Sequence[str]:
    """The types that are searched in a compartment (SRC-3). Raises UnknownType, NotFound."""
    if call.member != _EVERY_TYPE and call.member not in call.service.types:
        raise UnknownType(f"this server has no resources of type '{call.member[:80]}'; /fhir/metadata lists them")
    parts = {call.type, *compartment(call.type)}
    if call.member == _EVERY_TYPE:
        return sorted(parts & call.service.types)
    if call.member not in parts:
        raise NotFound(f"a {call.member} has no part in what belongs to a {call.type}")
    return (call.member,)


async def _searched(call: Call, types: Sequence[str], pairs: Pairs) -> Answer:
    """What is the same for whoever asks for the same at the same time is looked for once."""
    asked = (tuple(types), pairs, call.base, call.type, call.id, call.member, call.access, call.preferences.strict)

    async def search() -> Searched:
        return await _found(call, types, pairs), call.seen

    answer, seen = await call.service.searches.made(asked, search)
    if call.seen is not None and seen is not None and seen is not call.seen:
        call.seen.add_all_of(seen)
    return answer


async def _found(call: Call, types: Sequence[str], pairs: Pairs) -> Answer:
    within = searched_types(call.access, types, pairs)
    query = await _query(call, within, pairs)
    refuse_reaching_out(query, call.access)
    await require_unambiguous(call.repository, query.bare_ids, call.access)
    links = {"self": page_address(call, call.member, query.applied)}
    if query.count_only:
        return Answer(body=searchset(_outcomes(query.ignored), links, await call.repository.count(query, call.access)))
    page = await call.repository.search(query, call.access)
    kept = tuple(pair for pair in query.applied if pair[0] != CURSOR)
    if query.after is not None or page.next is not None:
        links["first"] = page_address(call, call.member, kept)
    if page.next is not None:
        links["next"] = page_address(call, call.member, kept, (CURSOR, page.next))
    return Answer(body=searchset(_entries(call, query, page), links, await _total(call, query, page)))


async def _query(call: Call, types: Sequence[str], pairs: Pairs) -> Query:
    """Raises UnsupportedParameter for unknown parameters where the client prefers that, and what `parse_query` does."""
    asked = (tuple(types), pairs, call.base, (call.type, call.id) if call.member else None)
    query = call.service.queries.get(asked)
    if query is None:
        query = _read(call, types, pairs, await call.stored_terminology().of_search(pairs, call.base))
        call.service.queries.keep(asked, query)
    if call.preferences.strict:
        unknown = [replace(issue, severity="error") for issue in query.ignored if issue.code != NO_VALUE]
        if unknown:
            raise UnsupportedParameter("parameters not known", issues=unknown)
    return query


def _read(call: Call, types: Sequence[str], pairs: Pairs, terminology: Terminologies) -> Query:
    query = parse_query(
        types,
        pairs,
        base=call.base,
        terminology=terminology,
        served=call.service.types,
        default_count=call.settings.default_page_size,
        max_count=call.settings.max_page_size,
        compartment=(call.type, call.id) if call.member else None,
    )
    extent = IncludeExtent(call.settings.max_included, call.settings.max_include_rounds)
    return replace(query, extent=extent, most_bytes=call.settings.max_page_bytes)


def _entries(call: Call, query: Query, page: Page) -> list[bytes]:
    entries = found_entries(call.base, page.matches, "match")
    if page.included:
        entries += found_entries(call.base, page.included, "include")
    return entries + _outcomes((*query.ignored, _CUT) if page.included_cut else query.ignored)


def _outcomes(issues: Sequence[Issue]) -> list[bytes]:
    return [outcome_entry(outcome_bytes(issues))] if issues else []


async def _total(call: Call, query: Query, page: Page) -> int | None:
    """Counting may cost more than the page: it is done on demand, and where the first page is all there is."""
    if query.total in ("accurate", "estimate"):
        return await call.repository.count(query, call.access)
    if query.total is None and query.after is None and page.next is None:
        return len(page.matches)
    return None


_RESULT = (
    *("_id", "_lastUpdated", "_tag", "_profile", "_security", "_source", "_text", "_content", "_list", "_has"),
    *("_sort", "_count", "_total", "_include", "_revinclude", "_summary", "_elements", "_cursor"),
)
_FORM_ERRORS = (404, 413, 415)

SEARCH = Interaction(
    code="search-type",
    method="GET",
    path="{type}",
    handle=search,
    summary="Search resources of a type",
    parameters=("patient", "subject", "code", "date", *_RESULT),
    headers=("Prefer",),
    errors=(404,),
    needs=TO_SEARCH,
)
SEARCH_BY_FORM = Interaction(
    code="search-type",
    method="POST",
    path="{type}/_search",
    handle=search_by_form,
    summary="Search resources of a type, parameters in a form",
    body="form",
    headers=("Prefer",),
    errors=_FORM_ERRORS,
    needs=TO_SEARCH,
)
SEARCH_SYSTEM = Interaction(
    code="search-system",
    method="GET",
    path="",
    handle=search_system,
    summary="Search resources of all types, or of those that `_type` names",
    parameters=("_type", *_RESULT),
    headers=("Prefer",),
    needs=Needs(("s",), of="some"),
)
SEARCH_SYSTEM_BY_FORM = Interaction(
    code="search-system",
    method="POST",
    path="_search",
    handle=search_system_by_form,
    summary="Search resources of several types, parameters in a form",
    body="form",
    headers=("Prefer",),
    errors=_FORM_ERRORS,
    needs=Needs(("s",), of="some"),
)
SEARCH_COMPARTMENT = Interaction(
    code="search-compartment",
    method="GET",
    path="{type}/{id}/{member}",
    types=compartment_types(),
    handle=search_compartment,
    summary="Search what belongs to a patient: resources of a type, or with `*` of all types",
    parameters=("code", "date", *_RESULT),
    headers=("Prefer",),
    errors=(404,),
    needs=Needs(("s",), of="member"),
)
SEARCH_COMPARTMENT_BY_FORM = Interaction(
    code="search-compartment",
    method="POST",
    path="{type}/{id}/{member}/_search",
    types=compartment_types(),
    handle=search_compartment_by_form,
    summary="Search what belongs to a patient, parameters in a form",
    body="form",
    headers=("Prefer",),
    errors=_FORM_ERRORS,
    needs=Needs(("s",), of="member"),
)
SEARCHES = (
    SEARCH,
    SEARCH_BY_FORM,
    SEARCH_SYSTEM,
    SEARCH_SYSTEM_BY_FORM,
    SEARCH_COMPARTMENT,
    SEARCH_COMPARTMENT_BY_FORM,
)
