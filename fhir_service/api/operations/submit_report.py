"""A report submitted: as facts in the JSON of the logical model, as a filled-in form, or as its text."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass
from urllib.parse import urlsplit

from fhir_service.api.answer import Answer, Headers
from fhir_service.api.auth.needs import Needs
from fhir_service.api.call import Call
from fhir_service.api.content_negotiation import FHIR_JSON, media_type
from fhir_service.api.interaction import Interaction
from fhir_service.api.operation_input import PRESENTATION, Input, checked_input
from fhir_service.definitions.catalogue import DEFAULT_BASE
from fhir_service.fhir.errors import (
    Forbidden,
    InvalidParameter,
    MalformedContent,
    TooLarge,
    UnsupportedMediaType,
    UnsupportedParameter,
)
from fhir_service.fhir.json_text import encode
from fhir_service.fhir.parameters import Parameters, query_parameters
from fhir_service.fhir.submission_outcomes import submission_outcome
from fhir_service.validation.json_text import read_json
from fhir_service.workflows.accept_parameters import accept_parameters
from fhir_service.workflows.accept_resource import in_thread_if_large
from fhir_service.workflows.check_submission import FORM, CheckedSubmission, check_case_report, check_form, check_text
from fhir_service.workflows.map_report import now
from fhir_service.workflows.submit_report import Submitted, submit_report

TEXT = "text/plain"
CASE_REPORT = "application/json"
MOST_TEXT = 512 * 1024
"""Bytes of a text; a report has some 50,000, and reading takes time in proportion."""
_SIMPLE = (
    Input("validate-only", "Boolean", "`true` finds out what would be said; nothing is stored"),
    Input("source", "String", "DOI, PMID, URL or name of the report, where its text alone is sent"),
)
INPUTS = (
    Input("report", "Resource", "A QuestionnaireResponse, or a Binary that holds a CaseReport or a text"),
    *_SIMPLE,
)


@dataclass(frozen=True, slots=True)
class _Sent:
    """`kind` is a media type or the type of a resource."""

    kind: str
    content: bytes
    inputs: Parameters


async def submit(call: Call) -> Answer:
    """201 where it is new, 200 where its source was submitted before or nothing is to be stored; 422, or 400 for what
    cannot be read, where it is refused. The body is a CREDSOperationOutcome each time."""
    sent = await _sent(call)
    validate_only = bool(sent.inputs.flag("validate-only"))
    async with call.service.submissions.turn():
        checked = await _checked(call, sent)
        withhold = call.settings.source_text == "withhold"
        done = await submit_report(
            call.repository, checked, call.access, validate_only=validate_only, withhold=withhold
        )
    outcome = submission_outcome(checked.id, done.issues, base=call.settings.base, root=checked.root)
    headers: Headers = ()
    if done.document is not None:
        headers = ((b"location", "/".join((call.base, *done.document)).encode()),)
    return Answer(_status(done, validate_only=validate_only), encode(outcome), headers)


def _status(done: Submitted, *, validate_only: bool) -> int:
    if validate_only:
        return 200
    if done.is_refused:
        return 400 if done.submission.unreadable else 422
    return 200 if done.loaded is None or done.loaded.again else 201


async def _checked(call: Call, sent: _Sent) -> CheckedSubmission:
    source = sent.inputs.text("source")
    if source and sent.kind != TEXT:
        text = "a text says by `source` what it is; a CaseReport and a form say it themselves: leave it out"
        raise InvalidParameter(text, expression=(sent.inputs.place("source"),))
    recorded, base = now(), call.settings.base
    if sent.kind == TEXT:
        if len(sent.content) > MOST_TEXT:
            raise TooLarge(f"a text may have {MOST_TEXT:,} bytes; submit one report at a time")
        return await asyncio.to_thread(
            check_text, sent.content, source, recorded=recorded, base=base, review_below=call.settings.review_below
        )
    check = check_form if sent.kind == FORM else check_case_report
    return await asyncio.to_thread(check, sent.content, recorded=recorded, base=base)


async def _sent(call: Call) -> _Sent:
    given = query_parameters(pair for pair in call.parameters if pair[0] not in PRESENTATION)
    _refuse_unknown(given)
    content_type = media_type(call.header(b"content-type"))
    if content_type.name == TEXT:
        _refuse_other_pages(call)
        return _Sent(TEXT, await call.body(), given)
    body = await _json_body(call)
    kind = await in_thread_if_large(len(body), lambda: _kind(body))
    if kind != "Parameters":
        return _Sent(kind, body, given)
    asked = checked_input(await in_thread_if_large(len(body), lambda: accept_parameters(body)), INPUTS)
    report = asked.resource("report")
    if not report:
        raise InvalidParameter("there is no report to submit", expression=(asked.place("report"),))
    return _of_resource(report, Parameters((*given.items, *asked.items), asked.where))


def _refuse_unknown(given: Parameters) -> None:
    names = [entry.name for entry in _SIMPLE]
    for item in given.items:
        if item.name not in names:
            text = f"$submit-report has no input {item.name[:80]} in its URL; it has {', '.join(names)}"
            raise UnsupportedParameter(text, expression=(given.place(item.name[:80]),))


def _refuse_other_pages(call: Call) -> None:
    """A browser lets any page send a text anywhere without asking, unlike JSON: one of another origin is refused."""
    origin = call.header(b"origin")
    if origin and urlsplit(origin).netloc != call.header(b"host"):
        raise Forbidden("a text is not taken from a web page of another origin")


async def _json_body(call: Call) -> bytes:
    try:
        return await call.resource_body()
    except UnsupportedMediaType:
        sent = call.header(b"content-type")
        text = (
            f"Content-Type is '{sent[:80]}'; send {CASE_REPORT} for a CaseReport, {TEXT} for a text, {FHIR_JSON} for a "
            "form or Parameters"
        )
        raise UnsupportedMediaType(text) from None


def _kind(body: bytes) -> str:
    """Type of the resource that a body is; of a CaseReport, which is none, its media type. What cannot be read is
    judged as a CaseReport: it is told that way that it cannot."""
    try:
        value = read_json(body)
    except MalformedContent:
        return CASE_REPORT
    sent = value.get("resourceType") if isinstance(value, dict) else None
    if sent is None:
        return CASE_REPORT
    if sent not in (FORM, "Parameters"):
        text = (
            f"a {str(sent)[:80]} is no report: send a CaseReport, a {FORM}, a text, or one of them as `report` of "
            "Parameters"
        )
        raise MalformedContent(text, expression=("resourceType",))
    return str(sent)


def _of_resource(report: bytes, inputs: Parameters) -> _Sent:
    """Raises InvalidParameter where it is neither a form nor a Binary with a report."""
    place = (inputs.place("report"),)
    resource = read_json(report)
    sent = resource.get("resourceType") if isinstance(resource, dict) else None
    if sent == FORM:
        return _Sent(FORM, report, inputs)
    if sent != "Binary":
        raise InvalidParameter(f"report has to be a {FORM} or a Binary", expression=place)
    kind = media_type(str(resource.get("contentType", ""))).name
    if kind not in (TEXT, CASE_REPORT):
        raise InvalidParameter(f"the Binary has to be {TEXT} or {CASE_REPORT}, not '{kind[:80]}'", expression=place)
    try:
        content = base64.b64decode(str(resource.get("data", "")), validate=True)
    except ValueError:
        raise InvalidParameter("the data of the Binary are not base64", expression=place) from None
    return _Sent(kind, content, inputs)


REPORTED_TYPES = (
    *("AdverseEvent", "Condition", "DetectedIssue", "Device", "DocumentReference", "Group", "Observation"),
    *("Patient", "Procedure", "Provenance"),
)
"""What a report becomes. All of it is looked at: whether the report, or its patient, is there already."""
SUBMIT_REPORT = Interaction(
    code="submit-report",
    definition=f"{DEFAULT_BASE}/OperationDefinition/submit-report",
    method="POST",
    path="$submit-report",
    handle=submit,
    summary="Submit a report: a CaseReport, a filled-in form or a text; what is found about it is answered",
    body="report",
    inputs=INPUTS,
    answers=(200, 201),
    errors=(403, 409, 413, 415, 422, 503),
    needs=Needs(("c", "r", "u", "d", "s"), REPORTED_TYPES, whole=True),
)
