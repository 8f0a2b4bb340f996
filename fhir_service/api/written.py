"""The answer to a write: what it made, as much of it as the client prefers to see (R4 http.html#return)."""

from __future__ import annotations

from collections.abc import Sequence

from fhir_service.api.answer import Answer
from fhir_service.api.call import Call
from fhir_service.api.versions import version_headers
from fhir_service.fhir.errors import Issue, NotFound
from fhir_service.fhir.outcomes import outcome_bytes
from fhir_service.search.restrictions import is_restricted
from fhir_service.storage.repository import Outcome
from fhir_service.validation.json_text import read_json
from fhir_service.workflows.accept_resource import in_thread_if_large


async def written_answer(call: Call, outcome: Outcome) -> Answer:
    """201 with Location for a resource created or brought back, else 200; Location too where a condition found one."""
    headers = version_headers(outcome.version, outcome.last_updated)
    if outcome.action == "created" or (outcome.action == "unchanged" and call.method == "POST"):
        headers += ((b"location", location(call, outcome).encode()),)
    return Answer(201 if outcome.action == "created" else 200, await written_body(call, outcome), headers)


def location(call: Call, outcome: Outcome) -> str:
    """The address of the version that was written."""
    return f"{call.base}/{outcome.type}/{outcome.id}/_history/{outcome.version}"


async def written_body(call: Call, outcome: Outcome) -> bytes:
    """The stored bytes, an OperationOutcome, or nothing."""
    match call.preferences.returned:
        case "minimal":
            return b""
        case "OperationOutcome":
            return await written_outcome(call, outcome)
    return await written_text(call, outcome)


async def written_text(call: Call, outcome: Outcome) -> bytes:
    """The stored bytes; nothing for a caller who may write it and not read it."""
    if outcome.text and call.access.may("r", outcome.type) and not is_restricted(call.access, "r", outcome.type):
        return outcome.text
    try:
        return (await call.repository.vread(outcome.type, outcome.id, outcome.version, call.access)).text
    except NotFound:
        return b""


async def written_outcome(call: Call, outcome: Outcome) -> bytes:
    """What was done, and what does not speak against it but should be better, as OperationOutcome."""
    text = await written_text(call, outcome)
    if not text:
        return outcome_text(outcome)
    resource = await in_thread_if_large(len(text), lambda: read_json(text))
    found = await call.checks.run(len(text), lambda: call.checks.findings(resource))
    found += await call.checks.missing(call.repository, resource, call.access)
    return outcome_text(outcome, [issue for issue in found if issue.severity not in ("error", "fatal")])


def outcome_text(outcome: Outcome, warnings: Sequence[Issue] = ()) -> bytes:
    """What was done, as OperationOutcome."""
    text = f"{outcome.type}/{outcome.id} is {outcome.action}; its version is {outcome.version}"
    return outcome_bytes([Issue("information", "informational", text), *warnings])
