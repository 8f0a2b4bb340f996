"""Many interactions in one request: transaction (all or nothing) and batch (R4 http.html#transaction)."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import Literal

from fhir_service.api.answer import Answer
from fhir_service.api.auth.needs import TOKEN
from fhir_service.api.call import Call
from fhir_service.api.interaction import Interaction
from fhir_service.api.interactions.submit_bundle import outcome_of, status_of
from fhir_service.api.written import location, outcome_text, written_outcome, written_text
from fhir_service.fhir.bundles import ResponseEntry, response_bundle
from fhir_service.fhir.errors import FhirError, Issue, UnsupportedParameter
from fhir_service.fhir.etags import etag
from fhir_service.fhir.json_text import instant_of
from fhir_service.fhir.outcomes import outcome_bytes
from fhir_service.storage.repository import Outcome
from fhir_service.workflows.plan_bundle import PlannedEntry
from fhir_service.workflows.process_bundle import Result, Server, process_bundle
from fhir_service.workflows.submission_bundle import SubmittedBundle


async def answer_bundle(call: Call) -> Answer:
    raw = await call.resource_body()

    async def read(entry: PlannedEntry) -> ResponseEntry:
        return await _read(call, entry)

    checks, most = await call.checks_of(raw), call.settings.max_bundle_entries
    server = Server(call.service.types, call.base, call.condition, read, checks, most)
    done = await process_bundle(call.repository, raw, server, call.access)
    entries = [
        await _response(call, result, deletes=number in done.deletions) for number, result in enumerate(done.results)
    ]
    kind: Literal["transaction-response", "batch-response"] = (
        "transaction-response" if done.type == "transaction" else "batch-response"
    )
    return Answer(body=response_bundle(kind, entries))


async def _response(call: Call, result: Result, *, deletes: bool) -> ResponseEntry:
    if isinstance(result, ResponseEntry):
        return result
    if isinstance(result, SubmittedBundle):
        return _submitted(call, result)
    if isinstance(result, FhirError):
        return ResponseEntry(_status(result.status), outcome=outcome_bytes(result.issues))
    if result is None:
        text = outcome_bytes([Issue("information", "informational", "nothing matches; nothing was deleted")])
        return ResponseEntry(_status(204), outcome=text if call.preferences.returned == "OperationOutcome" else b"")
    return await _written(call, result, deletes=deletes)


async def _written(call: Call, outcome: Outcome, *, deletes: bool) -> ResponseEntry:
    """Without a preference no resource: who sends many, has them. One that a condition found is told by its location,
    as one that was made."""
    is_there = not deletes
    entry = ResponseEntry(
        _status(204 if deletes else 201 if outcome.action == "created" else 200),
        location=location(call, outcome) if is_there and outcome.action in ("created", "unchanged") else "",
        etag=etag(outcome.version) if is_there or outcome.action == "deleted" else "",
        last_modified=instant_of(outcome.last_updated),
        outcome=await _outcome(call, outcome, deletes=deletes),
    )
    if call.preferences.returned != "representation" or deletes:
        return entry
    text = await written_text(call, outcome)
    return entry._replace(text=text, full_url=f"{call.base}/{outcome.type}/{outcome.id}") if text else entry


def _submitted(call: Call, result: SubmittedBundle) -> ResponseEntry:
    entry = ResponseEntry(_status(status_of(result)), outcome=outcome_of(call, result))
    if result.outcome is None:
        return entry
    stored = result.outcome
    return entry._replace(
        location=location(call, stored), etag=etag(stored.version), last_modified=instant_of(stored.last_updated)
    )


async def _outcome(call: Call, outcome: Outcome, *, deletes: bool) -> bytes:
    if call.preferences.returned != "OperationOutcome":
        return b""
    return outcome_text(outcome) if deletes else await written_outcome(call, outcome)


async def _read(call: Call, entry: PlannedEntry) -> ResponseEntry:
    """What the same GET or HEAD by itself would answer. Raises FhirError."""
    headers = {
        b"accept": b"application/fhir+json",
        b"prefer": call.header(b"prefer").encode(),
        b"if-none-match": entry.if_none_match.encode(),
        b"if-modified-since": entry.if_modified_since.encode(),
    }
    inner = Call(
        service=call.service,
        base=call.base,
        method=entry.method,
        headers=[(name, value) for name, value in headers.items() if value],
        dispatch=call.dispatch,
        access=call.access,
        origin=call.origin,
    )
    answer = await call.dispatch(inner, entry.url) if call.dispatch else None
    if not isinstance(answer, Answer):
        raise UnsupportedParameter(f"'{entry.url[:80]}' cannot be read in a Bundle")
    found = dict(answer.headers).get(b"etag", b"").decode()
    full_url = f"{call.base}/{inner.type}/{inner.id}" if found and answer.body else ""
    body = b"" if entry.method == "HEAD" else answer.body
    return ResponseEntry(_status(answer.status), etag=found, text=body, full_url=full_url if body else "")


def _status(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase}"


TRANSACTION = Interaction(
    code="transaction",
    method="POST",
    path="",
    handle=answer_bundle,
    summary="Do all that a transaction or batch Bundle asks for; of a transaction all or nothing",
    body="bundle",
    headers=("Prefer",),
    errors=(404, 409, 410, 412, 413, 415, 422),
    needs=TOKEN,
)
BATCH = replace(TRANSACTION, code="batch")
