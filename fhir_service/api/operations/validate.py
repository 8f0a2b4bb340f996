"""Would this be accepted? (R4 resource-operation-validate.html)"""

from __future__ import annotations

from dataclasses import replace

from fhir_service.api.answer import Answer
from fhir_service.api.auth.needs import TO_READ, Needs
from fhir_service.api.call import Call
from fhir_service.api.interaction import Interaction
from fhir_service.api.interactions.submit_bundle import validated_submission
from fhir_service.api.operation_input import PRESENTATION, Input, is_parameters
from fhir_service.fhir.errors import MalformedContent
from fhir_service.fhir.outcomes import outcome_bytes
from fhir_service.fhir.parameters import Parameter, Parameters, query_parameters
from fhir_service.workflows.accept_parameters import accept_parameters
from fhir_service.workflows.accept_resource import in_thread_if_large
from fhir_service.workflows.submission_bundle import PROFILE as SUBMISSION
from fhir_service.workflows.validate_resource import validate_resource

INPUTS = (
    Input("resource", "Resource", "What is to be validated, if it is not the body itself"),
    Input("mode", "Code", "`create`, `update`, `delete` or `profile`: what is meant to be done with it"),
    Input("profile", "Uri", "Canonical URL of a profile it has to conform to", repeats=True),
    Input("must-support", "Boolean", "Whether to tell what a profile marks must-support and is not there"),
    Input("references", "Code", "`off`, `warning` or `error`: what a reference to nothing in this store is"),
)


async def validate(call: Call) -> Answer:
    try:
        body = await _body(call) if call.method == "POST" else b""
    except MalformedContent as error:  # XML that is no resource, as JSON that is none
        return Answer(body=outcome_bytes(error.issues))
    given = await _inputs(call, body)
    if call.type == "Bundle" and given.text("profile").partition("|")[0] == SUBMISSION and "mode" not in given:
        return Answer(body=await validated_submission(call, given.resource("resource")))
    issues = await validate_resource(
        call.repository,
        call.type,
        call.id,
        given,
        call.access,
        conformance=call.stored_conformance(),
        checks=call.checks,
    )
    return Answer(body=outcome_bytes(issues))


async def _inputs(call: Call, body: bytes) -> Parameters:
    """The body is either Parameters or the resource itself; the rest is in the URL."""
    given = query_parameters(pair for pair in call.parameters if pair[0] not in PRESENTATION)
    if not body.strip():
        return given
    return await in_thread_if_large(len(body), lambda: _sent(body, given))


def _sent(body: bytes, given: Parameters) -> Parameters:
    if is_parameters(body):
        sent = accept_parameters(body)
        return Parameters((*given.items, *sent.items), sent.where)
    return Parameters((*given.items, Parameter("resource", resource=body)), given.where)


async def _body(call: Call) -> bytes:
    """The body as JSON text; empty, and then of no type, where all inputs are in the URL."""
    if not call.header(b"content-type") and not await call.body():
        return b""
    return await call.resource_body()


VALIDATE = Interaction(
    code="validate",
    definition="http://hl7.org/fhir/OperationDefinition/Resource-validate",
    method="POST",
    path="{type}/$validate",
    handle=validate,
    summary="Whether a resource would be accepted; nothing is stored",
    body="resource",
    inputs=INPUTS,
    errors=(404, 413, 415),
    needs=Needs(("c",)),
)
VALIDATE_INSTANCE = replace(
    VALIDATE,
    path="{type}/{id}/$validate",
    summary="Whether an update or a deletion of this resource would be accepted; nothing is stored",
    errors=(404, 410, 413, 415),
    needs=TO_READ,
)
VALIDATE_STORED = replace(
    VALIDATE_INSTANCE,
    method="GET",
    summary="Whether this resource is valid, conforms to a profile, or may be deleted (mode=delete)",
    body="",
    errors=(404, 410),
)
