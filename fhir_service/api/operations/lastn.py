"""The newest Observations of each code (R4 observation-operation-lastn.html): a search, and how many of each."""

from __future__ import annotations

import re
from dataclasses import replace

from fhir_service.api.answer import Answer
from fhir_service.api.auth.needs import TO_SEARCH, refuse_reaching_out
from fhir_service.api.call import Call
from fhir_service.api.interaction import Interaction
from fhir_service.api.links import page_address
from fhir_service.api.operation_input import Input
from fhir_service.fhir.bundles import found_entries, searchset
from fhir_service.fhir.errors import InvalidParameter, UnsupportedParameter
from fhir_service.fhir.parameters import read_parameters
from fhir_service.search.query import Query, parse_query
from fhir_service.search.query_text import PRESENTATION, Pairs
from fhir_service.workflows.bare_ids import require_unambiguous
from fhir_service.workflows.last_observations import last_observations

INPUTS = (
    Input("max", "PositiveInt", "How many of each code; 1 without it"),
    Input("patient", "String", "Whose: id of the patient; or `subject`"),
    Input("subject", "String", "Whose: reference such as `Patient/id`"),
    Input("category", "String", "Of which category; or `code`"),
    Input("code", "String", "Of which codes, with commas between them"),
)
_NEWEST_FIRST = (("_sort", "-date"),)
_OF_RESULTS = frozenset(
    {"_sort", "_count", "_total", "_include", "_revinclude", "_cursor", "_contained", "_containedType"}
)
_NEEDED = (("patient", "subject"), ("category", "code"))


async def lastn(call: Call) -> Answer:
    """Raises InvalidParameter where it is not said whose or which, UnsupportedParameter for what no search here has."""
    pairs = await _asked(call)
    wanted = tuple(pair for pair in pairs if pair[0] != "max" and pair[0] not in PRESENTATION)
    query = _query(call, wanted)
    refuse_reaching_out(query, call.access)
    await require_unambiguous(call.repository, query.bare_ids, call.access)
    most = _most([value for name, value in pairs if name == "max"])
    found = await last_observations(call.repository, query, most, call.access)
    entries = found_entries(call.base, found, "match")
    applied = (*(("max", value) for name, value in pairs if name == "max"), *wanted)
    links = {"self": page_address(call, "$lastn", applied)}
    return Answer(body=searchset(entries, links, len(entries)))


async def _asked(call: Call) -> Pairs:
    """The parameters of a search, by POST as those of a Parameters resource too."""
    if call.method != "POST":
        return call.parameters
    sent = read_parameters(await call.resource_body())
    for item in sent.items:
        if not isinstance(item.value, str | int | bool):
            raise InvalidParameter(f"{item.name[:80]} needs a simple value", expression=(sent.place(item.name[:80]),))
    return (*call.parameters, *((item.name, _text(item.value)) for item in sent.items))


def _text(value: object) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def _query(call: Call, pairs: Pairs) -> Query:
    for name, _ in pairs:
        if name.partition(":")[0] in _OF_RESULTS:
            raise UnsupportedParameter(f"$lastn does not support {name[:80]}", expression=(f"http.{name[:80]}",))
    given = {re.split("[:.]", name)[0] for name, value in pairs if value.strip()}
    for either, other in _NEEDED:
        if not given & {either, other}:
            raise InvalidParameter(f"$lastn needs {either} or {other}", expression=(f"http.{either}",))
    query = parse_query(
        call.type,
        (*pairs, *_NEWEST_FIRST),
        base=call.base,
        terminology=call.service.terminology,
        served=call.service.types,
    )
    if query.ignored:
        issues = [replace(issue, severity="error") for issue in query.ignored]
        raise UnsupportedParameter("parameters not known", issues=issues)
    return query


def _most(given: list[str]) -> int:
    if not given:
        return 1
    if len(given) > 1 or not (given[0].isascii() and given[0].isdigit()) or not int(given[0][:18]):
        raise InvalidParameter("max has to be one whole number from 1 up", expression=("http.max",))
    return int(given[0][:18])


LASTN = Interaction(
    code="lastn",
    definition="http://hl7.org/fhir/OperationDefinition/Observation-lastn",
    method="GET",
    path="{type}/$lastn",
    types=frozenset({"Observation"}),
    handle=lastn,
    summary="The newest Observations of each code",
    inputs=INPUTS,
    errors=(404,),
    needs=TO_SEARCH,
)
LASTNS = (LASTN, replace(LASTN, method="POST", body="parameters", errors=(404, 413, 415)))
