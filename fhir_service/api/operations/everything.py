"""A patient's whole record, or that of all patients (R4 operation-patient-everything.html)."""

from __future__ import annotations

from dataclasses import replace

from fhir_service.api.answer import Answer
from fhir_service.api.auth.needs import TO_READ, Needs
from fhir_service.api.call import Call
from fhir_service.api.interaction import Interaction
from fhir_service.api.links import page_address
from fhir_service.api.operation_input import Input, operation_input
from fhir_service.definitions.elements import resource_types
from fhir_service.fhir.bundles import found_entries, searchset
from fhir_service.fhir.errors import InvalidParameter
from fhir_service.fhir.parameters import Parameters
from fhir_service.search.dates import EARLIEST, LATEST, Range, date_range
from fhir_service.workflows.everything import Place, Wanted, everything_about, everything_about_all

INPUTS = (
    Input("start", "Date", "Only of care on this day or later; what has no date of care stays"),
    Input("end", "Date", "Only of care on this day or before"),
    Input("_since", "Instant", "Only what was written at this time or later"),
    Input("_type", "Code", "Resource types to return, with commas between them", repeats=True),
    Input("_count", "Integer", "Most resources on a page; all in one without it"),
    Input("_cursor", "String", "Where the page begins; taken from a `next` link"),
)


async def everything(call: Call) -> Answer:
    """Raises NotFound, Gone, InvalidParameter, and UnsupportedParameter for an input that is not known: leaving it out
    would return more than was asked for."""
    asked = await operation_input(call, INPUTS)
    wanted = _wanted(asked, call.settings.max_page_size)
    if call.id:
        page = await everything_about(call.repository, call.id, wanted, call.access)
    else:
        whole = replace(wanted, count=wanted.count or call.settings.max_page_size)
        page = await everything_about_all(call.repository, whole, call.access)
    applied = tuple((entry.name, str(value)) for entry in INPUTS for value in asked.values(entry.name))
    links = {"self": page_address(call, "$everything", applied)}
    if page.next is not None:
        kept = tuple(pair for pair in applied if pair[0] != "_cursor")
        links["next"] = page_address(call, "$everything", kept, ("_cursor", page.next.text()))
    entries = found_entries(call.base, page.found, "match")
    return Answer(body=searchset(entries, links, page.total))


def _wanted(asked: Parameters, most: int) -> Wanted:
    types = frozenset(part.strip() for value in asked.values("_type") for part in value.split(",") if part.strip())
    if unknown := sorted(types - resource_types()):
        raise InvalidParameter(f"_type: FHIR R4 has no {unknown[0][:80]}", expression=(asked.place("_type"),))
    count = asked.integer("_count")
    if count is not None and count < 1:
        raise InvalidParameter("_count has to be 1 or more", expression=(asked.place("_count"),))
    start, end, since = (_range(asked, name) for name in ("start", "end", "_since"))
    return Wanted(
        types,
        since.low if since else None,
        Range(start.low if start else EARLIEST, end.high if end else LATEST),
        None if count is None else min(count, most),
        Place.read(asked.text("_cursor")) if "_cursor" in asked else Place(),
    )


def _range(asked: Parameters, name: str) -> Range | None:
    if name not in asked:
        return None
    try:
        # A plus that was not written as %2B comes as a blank.
        return date_range(asked.text(name).replace(" ", "+"))
    except ValueError:
        text = f"{name} has to be a date such as 2026-01-31, or an instant"
        raise InvalidParameter(text, expression=(asked.place(name),)) from None


EVERYTHING = Interaction(
    code="everything",
    definition="http://hl7.org/fhir/OperationDefinition/Patient-everything",
    method="GET",
    path="{type}/{id}/$everything",
    types=frozenset({"Patient"}),
    handle=everything,
    summary="A patient with all that is known of them, and what that refers to",
    inputs=INPUTS,
    errors=(404, 410),
    needs=TO_READ,
)
_BY_POST = replace(EVERYTHING, method="POST", body="parameters", errors=(404, 410, 413, 415))
EVERYTHINGS = (
    EVERYTHING,
    _BY_POST,
    replace(EVERYTHING, path="{type}/$everything", errors=(404,), needs=Needs(("r", "s"))),
    replace(_BY_POST, path="{type}/$everything", errors=(404, 413, 415), needs=Needs(("r", "s"))),
)
