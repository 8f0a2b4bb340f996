"""What a filled-in form makes (SDC QuestionnaireResponse/$extract, http://hl7.org/fhir/uv/sdc). Nothing is stored."""

from __future__ import annotations

import asyncio

from fhir_service.api.answer import Answer
from fhir_service.api.auth.needs import Needs
from fhir_service.api.call import Call
from fhir_service.api.interaction import Interaction
from fhir_service.api.operation_input import Input, checked_input, is_parameters
from fhir_service.definitions.catalogue import DEFAULT_BASE
from fhir_service.fhir.errors import InvalidParameter
from fhir_service.fhir.json_text import encode
from fhir_service.workflows.accept_parameters import accept_parameters
from fhir_service.workflows.map_form import map_form
from fhir_service.workflows.map_report import now

RESPONSE = "questionnaire-response"
INPUTS = (Input(RESPONSE, "Resource", "The filled-in form, if it is not the body itself"),)


async def extract(call: Call) -> Answer:
    """The transaction Bundle of a QuestionnaireResponse that answers the case-report form. Raises MalformedContent,
    UnprocessableContent with an issue for every item that does not fit, and TookTooLong where too many ask at once."""
    body = await call.resource_body()
    async with call.service.transforms.turn():
        return Answer(body=await asyncio.to_thread(_extracted, body, call.settings.base))


def _extracted(body: bytes, base: str) -> bytes:
    text = _input(body) if is_parameters(body) else body
    return encode(map_form(text, recorded=now(), base=base).mapped.bundle)


def _input(body: bytes) -> bytes:
    asked = checked_input(accept_parameters(body), INPUTS)
    text = asked.resource(RESPONSE)
    if not text:
        raise InvalidParameter("there is no form to extract from", expression=(asked.place(RESPONSE),))
    return text


EXTRACT = Interaction(
    code="extract",
    definition=f"{DEFAULT_BASE}/OperationDefinition/questionnaire-response-extract",
    method="POST",
    path="QuestionnaireResponse/$extract",
    handle=extract,
    summary="The transaction Bundle that a filled-in case-report form makes; nothing is stored",
    body="resource",
    inputs=INPUTS,
    errors=(413, 415, 422, 503),
    needs=Needs(("r",), ("Questionnaire",)),
)
