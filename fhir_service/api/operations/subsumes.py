"""How two codes of a system lie to one another (R4 codesystem-operation-subsumes.html)."""

from __future__ import annotations

from dataclasses import replace

from fhir_service.api.answer import Answer
from fhir_service.api.auth.needs import TO_READ
from fhir_service.api.call import Call
from fhir_service.api.interaction import Interaction
from fhir_service.api.operation_input import Input, operation_input
from fhir_service.api.operations.coded_input import coded_input
from fhir_service.api.operations.terminology_input import by_id
from fhir_service.fhir.canonicals import versioned
from fhir_service.fhir.errors import InvalidParameter
from fhir_service.fhir.parameters import Parameter, Parameters, parameters_text
from fhir_service.terminology.code_systems import CodeSystem
from fhir_service.terminology.code_validation import Coding
from fhir_service.terminology.errors import UnknownTerminology, held_in_part

INPUTS = (
    Input("codeA", "Code", "The first code; `system` goes with it"),
    Input("codeB", "Code", "The second code"),
    Input("system", "Uri", "The code system of both"),
    Input("version", "String", "The version of the code system"),
    Input("codingA", "Coding", "The first coding"),
    Input("codingB", "Coding", "The second coding"),
)


async def subsumes(call: Call) -> Answer:
    """Raises UnknownTerminology for a system or code that is not held here, InvalidParameter for two systems."""
    asked = await operation_input(call, INPUTS)
    own = await by_id(call, call.service.terminology.code_system_resources, "CodeSystem") if call.id else None
    first, second = (_coding(asked, letter, own.url if own else "") for letter in "AB")
    if first.system != second.system:
        raise InvalidParameter("both codes have to be of one code system", expression=(asked.place("codingB"),))
    system = own.code_system if own else None
    if system is None:
        canonical = versioned(first.system, first.version)
        system = (await call.stored_terminology().with_systems([canonical])).terminologies.code_systems.get(canonical)
    if system is None or first.version not in ("", system.version):
        raise UnknownTerminology(f"this server has no code system {first.system[:200]} {first.version[:80]}".rstrip())
    outcome = system.subsumption(_known(system, first.code), _known(system, second.code))
    return Answer(body=parameters_text([Parameter("outcome", "Code", outcome)]))


def _coding(asked: Parameters, letter: str, own: str) -> Coding:
    (found,) = coded_input(asked, code=f"code{letter}", coding=f"coding{letter}", any_system=bool(own))
    if own and found.system not in ("", own):
        raise InvalidParameter(f"the codes have to be of {own}", expression=(asked.place(f"coding{letter}"),))
    return replace(found, system=own or found.system)


def _known(system: CodeSystem, code: str) -> str:
    concept = system.concept(code)
    if concept is None:
        reason = f"{system.url} has no such code" if system.complete else held_in_part(system.url)
        raise UnknownTerminology(f"the code '{code[:80]}' is not known: {reason}")
    if not system.complete:
        raise UnknownTerminology(f"how codes lie to one another is not known: {held_in_part(system.url)}")
    return concept.code


SUBSUMES = Interaction(
    code="subsumes",
    definition="http://hl7.org/fhir/OperationDefinition/CodeSystem-subsumes",
    method="GET",
    path="CodeSystem/$subsumes",
    handle=subsumes,
    summary="How two codes lie to one another",
    inputs=INPUTS,
    errors=(404,),
    needs=TO_READ,
)
_BY_POST = replace(SUBSUMES, method="POST", body="parameters", errors=(404, 413, 415))
SUBSUMPTIONS = (
    SUBSUMES,
    _BY_POST,
    replace(SUBSUMES, path="CodeSystem/{id}/$subsumes"),
    replace(_BY_POST, path="CodeSystem/{id}/$subsumes"),
)
