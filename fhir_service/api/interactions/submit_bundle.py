"""Bundles created and updated; one that claims to be a submission to the registry is answered with its findings (HL7's
guide CREDS 1.0.0, transactions CURS and VRS)."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from fhir_service.api.answer import Answer, Headers
from fhir_service.api.call import Call
from fhir_service.api.interactions.create import CREATE, created
from fhir_service.api.interactions.update import UPDATE, updated
from fhir_service.api.versions import version_headers
from fhir_service.api.written import location
from fhir_service.fhir.etags import required_version
from fhir_service.fhir.json_text import encode
from fhir_service.fhir.submission_outcomes import submission_outcome
from fhir_service.storage.repository import Change, Update
from fhir_service.workflows.accept_resource import in_thread_if_large
from fhir_service.workflows.submission_bundle import (
    ROOT,
    CheckedBundle,
    SubmittedBundle,
    check_bundle_text,
    is_submission_text,
)
from fhir_service.workflows.submit_bundle import submit_bundle, submitted


async def create_bundle(call: Call) -> Answer:
    text = await call.resource_body()
    if not await in_thread_if_large(len(text), lambda: is_submission_text(text)):
        return await created(call, text)
    checked = await _checked(call, text, None)
    if not checked.is_refused and any(name == b"if-none-exist" for name, _ in call.headers):
        return await created(call, text)
    return _answer(call, await submit_bundle(call.repository, checked, text, call.access))


async def update_bundle(call: Call) -> Answer:
    text = await call.resource_body()
    if not await in_thread_if_large(len(text), lambda: is_submission_text(text)):
        return await updated(call, text)
    checked = await _checked(call, text, call.id)
    if_match, if_none_match = required_version(call.header(b"if-match")), call.header(b"if-none-match")
    change: Change = Update(ROOT, call.id, text, if_match, if_none_match=if_none_match)
    return _answer(call, await submit_bundle(call.repository, checked, text, call.access, change=change))


async def validated_submission(call: Call, text: bytes) -> bytes:
    """What would be said of a submission; nothing is stored."""
    checked = await _checked(call, text, None)
    return outcome_of(call, await submitted(call.repository, checked, None, call.access))


def outcome_of(call: Call, done: SubmittedBundle) -> bytes:
    """The CREDSOperationOutcome of one submission."""
    return encode(submission_outcome(done.submission.id, done.issues, base=call.settings.base, root=ROOT))


def status_of(done: SubmittedBundle) -> int:
    if done.outcome is not None:
        return 201 if done.outcome.action == "created" else 200
    return 400 if done.submission.unreadable else 422


async def _checked(call: Call, text: bytes, wanted_id: str | None) -> CheckedBundle:
    """In a thread and in its turn: a submission is checked in milliseconds, and many may come at once."""
    async with call.service.submissions.turn():
        conformance = await call.conformance_of(text)
        return await asyncio.to_thread(check_bundle_text, text, conformance, wanted_id)


def _answer(call: Call, done: SubmittedBundle) -> Answer:
    headers: Headers = ()
    if done.outcome is not None:
        headers = version_headers(done.outcome.version, done.outcome.last_updated)
        headers += ((b"location", location(call, done.outcome).encode()),)
    return Answer(status_of(done), outcome_of(call, done), headers)


CREATE_BUNDLE = replace(
    CREATE,
    path="Bundle",
    handle=create_bundle,
    summary="Store a Bundle; a submission to the registry (CREDSSubmission) is checked, and its findings are answered",
    errors=(404, 412, 413, 415, 422, 503),
)
UPDATE_BUNDLE = replace(
    UPDATE,
    path="Bundle/{id}",
    handle=update_bundle,
    summary="Update a Bundle, or a submission to the registry (CREDSSubmission), or create it under this id",
    errors=(404, 412, 413, 415, 422, 503),
)
BUNDLE_WRITES = (CREATE_BUNDLE, UPDATE_BUNDLE)
