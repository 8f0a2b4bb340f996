"""$export: the kick-off of a bulk export (Bulk Data Access 3.0.0), of everything, all patients, or those of a Group."""

from __future__ import annotations

from dataclasses import replace

from fhir_service.api.answer import Answer
from fhir_service.api.auth.needs import Needs, require
from fhir_service.api.call import Call
from fhir_service.api.content_negotiation import body_syntax
from fhir_service.api.error_responses import NotAllowed
from fhir_service.api.interaction import Interaction
from fhir_service.api.operation_input import Input
from fhir_service.fhir.access import Access
from fhir_service.fhir.errors import InvalidParameter, Issue
from fhir_service.fhir.outcomes import outcome_bytes
from fhir_service.fhir.parameters import Parameters, query_parameters
from fhir_service.formats.xml_reader import json_from_xml
from fhir_service.search.query_text import read_pairs
from fhir_service.search.scopes import grants_of, read_scopes
from fhir_service.workflows.accept_parameters import accept_parameters
from fhir_service.workflows.accept_resource import in_thread_if_large
from fhir_service.workflows.cohort_group import searched_type
from fhir_service.workflows.export_asked import FORMATS, LATEST, RELEVANT, Asked
from fhir_service.workflows.export_cohort import patients_listed
from fhir_service.workflows.export_kick_off import EVERYBODY, Members, export_request
from fhir_service.workflows.export_links import new_secret
from fhir_service.workflows.export_plan import first_shards
from fhir_service.workflows.export_request import KIND, ExportRequest, Level

_DEFINITIONS = "http://hl7.org/fhir/uv/bulkdata/OperationDefinition"
INPUTS = (
    Input("_outputFormat", "String", f"What the files are: {', '.join(FORMATS)}; all but the last are the same"),
    Input("_since", "Instant", "Only what was written after it; deletions too"),
    Input("_until", "Instant", "Only what was written before it"),
    Input("_type", "String", "Resource types, with commas between them; all of them without it", repeats=True),
    Input("_elements", "String", "Names of root elements, such as `id,Patient.gender`", repeats=True),
    Input("includeAssociatedData", "Code", f"{RELEVANT} or {LATEST}", repeats=True),
    Input("_typeFilter", "String", "A search such as `Observation?code=x`; of several one is met", repeats=True),
    Input("organizeOutputBy", "String", "A type: files of blocks, each a resource of it with what refers to that"),
    Input("allowPartialManifests", "Boolean", "Manifests that are linked, the first while it still runs"),
)
_OF_THE_ANSWER = frozenset({"_format", "_pretty"})
_PATIENT = Input("patient", "Reference", "Only these patients; by POST", repeats=True)


async def export_all(call: Call) -> Answer:
    """Raises TooManyRequests, Forbidden, and as `_begun`."""
    return await _begun(call, "system", EVERYBODY)


async def export_patients(call: Call) -> Answer:
    """The same."""
    return await _begun(call, "patient", EVERYBODY)


async def export_group(call: Call) -> Answer:
    """The same, and NotFound, Gone, UnprocessableContent where the Group says nobody."""
    members = await patients_listed(call.repository, call.id, await _access_to_groups(call))
    for search in members[1]:
        require(call.access, "s", searched_type(search))
    return await _begun(call, "group", members)


async def _access_to_groups(call: Call) -> Access:
    """That of the token; where it does not speak of Groups, what its client is registered for: clients ask for tokens
    of the types that they want to get, and a Group is none of them. Raises Forbidden."""
    access = call.access
    if not access.may("r", "Group") and (client := await call.repository.clients.find(access.client_id)) is not None:
        access = replace(access, grants=grants_of(read_scopes(client.scopes), ("system",)))
    require(access, "r", "Group")
    return access


async def _begun(call: Call, level: Level, members: Members) -> Answer:
    """202 with Content-Location. Raises InvalidParameter, UnsupportedParameter, and by POST MalformedContent,
    UnsupportedMediaType, TooLarge."""
    if call.settings.export_guide != "3.0.0" and call.method != "POST":
        raise NotAllowed(call.method, ("POST",))
    request = await _request(call, level, members)
    job = await call.repository.jobs.begin(
        KIND,
        call.access.owner,
        request.text(),
        first_shards(),
        most=call.settings.max_exports,
        most_of_owner=call.settings.max_client_exports if call.access.client_id else 0,
    )
    if call.seen is not None:
        call.seen.resources["_export", job.id] = 0
        call.seen.add_patients(request.patients)
    call.service.see_to_jobs()
    address = f"{call.base}/_export/{job.id}"
    applied = "respond-async, separate-export-status" if request.separate_status else "respond-async"
    headers = ((b"content-location", address.encode()), (b"preference-applied", applied.encode()))
    text = f"the export is begun; what becomes of it is told at {address}"
    return Answer(202, outcome_bytes([Issue("information", "informational", text), *request.left_out]), headers)


async def _request(call: Call, level: Level, members: Members) -> ExportRequest:
    asked = Asked(
        await _parameters(call),
        level,
        call.service.types,
        call.access,
        call.base,
        call.preferences.lenient,
        lambda: call.service.terminology,
        call.settings.export_guide,
    )
    return await export_request(
        asked,
        _url(call, level),
        members,
        call.repository,
        separate_status=call.preferences.separate_status,
        secret="" if call.settings.export_files_need_token else new_secret(),
    )


async def _parameters(call: Call) -> Parameters:
    """Of the URL, or by POST of the body, which may be empty."""
    given = query_parameters(pair for pair in read_pairs(call.query) if pair[0] not in _OF_THE_ANSWER)
    if call.method != "POST":
        return given
    if given.items:
        name = given.items[0].name[:80]
        text = f"{name} stands in the URL; a POST has its parameters in the body"
        raise InvalidParameter(text, expression=(given.place(name),))
    body = await call.body()
    if not body:
        return given
    read = accept_parameters
    if body_syntax(call.header(b"content-type")) == "xml":
        return await in_thread_if_large(len(body), lambda: read(json_from_xml(body)))
    return await in_thread_if_large(len(body), lambda: read(body))


def _url(call: Call, level: Level) -> str:
    path = {"system": "$export", "patient": "Patient/$export", "group": f"Group/{call.id}/$export"}[level]
    return f"{call.base}/{path}{'?' + call.query if call.query else ''}"


EXPORT = Interaction(
    code="export",
    definition=f"{_DEFINITIONS}/export",
    method="GET",
    path="$export",
    handle=export_all,
    summary="Begin to write all resources to files, one type in each",
    inputs=INPUTS,
    headers=("Prefer",),
    answers=(202,),
    errors=(403, 429),
    needs=Needs(("r", "s"), of="some"),
)
EXPORT_PATIENTS = replace(
    EXPORT,
    definition=f"{_DEFINITIONS}/patient-export",
    path="Patient/$export",
    handle=export_patients,
    summary="Begin to write all that is about patients to files, with what explains it",
)
EXPORT_GROUP = replace(
    EXPORT,
    definition=f"{_DEFINITIONS}/group-export",
    path="Group/{id}/$export",
    handle=export_group,
    summary="Begin to write all that is about the members of a Group to files, with what explains it",
    errors=(403, 404, 410, 422, 429),
)
EXPORTS = (
    EXPORT,
    replace(EXPORT, method="POST", body="parameters", errors=(403, 413, 415, 429)),
    EXPORT_PATIENTS,
    replace(EXPORT_PATIENTS, method="POST", body="parameters", inputs=(*INPUTS, _PATIENT), errors=(403, 413, 415, 429)),
    EXPORT_GROUP,
    replace(
        EXPORT_GROUP,
        method="POST",
        body="parameters",
        inputs=(*INPUTS, _PATIENT),
        errors=(403, 404, 410, 413, 415, 422, 429),
    ),
)
