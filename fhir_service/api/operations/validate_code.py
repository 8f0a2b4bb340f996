"""Whether a code is right: in a value set, or in its code system (R4 valueset-operation-validate-code.html,
codesystem-operation-validate-code.html). The answer is a result, also where the code cannot be checked here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from fhir_service.api.answer import Answer
from fhir_service.api.auth.needs import TO_READ
from fhir_service.api.call import Call
from fhir_service.api.interaction import Interaction
from fhir_service.api.operation_input import Input, operation_input
from fhir_service.api.operations.coded_input import CODE, CODING, CONCEPT, DISPLAY, SYSTEM, coded_input
from fhir_service.api.operations.terminology_input import meant
from fhir_service.fhir.canonicals import versioned
from fhir_service.fhir.errors import InvalidParameter
from fhir_service.fhir.parameters import Parameter, Parameters, parameters_text
from fhir_service.terminology.code_systems import CodeSystems, code_system
from fhir_service.terminology.code_validation import (
    Coding,
    Judgement,
    first_right,
    judged_by_system,
    judged_by_value_set,
)
from fhir_service.terminology.errors import NotExpandable
from fhir_service.terminology.terminologies import Terminologies
from fhir_service.workflows.accept_resource import in_thread_if_large
from fhir_service.workflows.stored_definitions import Definition

_SHARED = (
    DISPLAY,
    CODING,
    CONCEPT,
    Input("abstract", "Boolean", "Whether a code that only groups others is right"),
    Input("displayLanguage", "Code", "Tolerated: a display is right in any language that is held"),
)
IN_VALUE_SET = (
    Input("url", "Uri", "Canonical URL of the value set"),
    Input("valueSet", "Resource", "A value set that is sent along"),
    Input("valueSetVersion", "String", "The version of the value set"),
    CODE,
    SYSTEM,
    Input("systemVersion", "String", "The version of the code system"),
    *_SHARED,
)
IN_SYSTEM = (
    Input("url", "Uri", "Canonical URL of the code system; a coding may say it instead"),
    Input("codeSystem", "Resource", "A code system that is sent along"),
    CODE,
    Input("version", "String", "The version of the code system"),
    *_SHARED,
)


async def validate_in_value_set(call: Call) -> Answer:
    """Raises UnknownTerminology where this server has no such value set."""
    asked = await operation_input(call, IN_VALUE_SET)
    held = call.service.terminology.value_set_resources
    found = await meant(call, asked, held, "ValueSet", sent="valueSet", version="valueSetVersion")
    if found is None:
        raise InvalidParameter("say which value set: by url, or send it as valueSet", expression=(asked.place("url"),))
    codings = coded_input(asked, version="systemVersion")
    stored = await call.stored_terminology().with_parts_of(found.resource)
    await stored.with_systems(versioned(coding.system, coding.version) for coding in codings)
    abstract = bool(asked.flag("abstract"))
    work = partial(_judged, found, stored.terminologies, codings, abstract)
    return _answer(await in_thread_if_large(found.size + stored.size, work))


def _judged(found: Definition, held: Terminologies, codings: Sequence[Coding], abstract: bool) -> Judgement:
    name = f"the value set {found.url or 'that was sent'}"
    try:
        members = held.value_sets.members_of(found.resource)
    except NotExpandable as error:
        return Judgement(False, f"{codings[0]} cannot be checked in {name}: {error}")
    return first_right(codings, partial(judged_by_value_set, held.code_systems, members, name, abstract=abstract))


async def validate_in_system(call: Call) -> Answer:
    """Raises UnknownTerminology where the id or `url` names a code system that is not here."""
    asked = await operation_input(call, IN_SYSTEM)
    held = call.service.terminology
    url = asked.text("url")
    found: Definition | None = None
    if call.id or "codeSystem" in asked or url.partition("|")[0] in held.code_system_resources:
        found = await meant(call, asked, held.code_system_resources, "CodeSystem", sent="codeSystem")
        url = found.url if found is not None else ""
        if not url:
            text = "the code system needs a url, so that codes can be said to be of it"
            raise InvalidParameter(text, expression=(asked.place("codeSystem"),))
    codings = [_in_system(asked, coding, url) for coding in coded_input(asked, system="url", any_system=True)]
    if found is not None and found.size:
        system = found.code_system
        if system is None:
            system = await in_thread_if_large(found.size, partial(code_system, found.resource))
        code_systems = CodeSystems({}).beside({url: system})
    else:
        stored = await call.stored_terminology().with_systems(versioned(one.system, one.version) for one in codings)
        code_systems = stored.terminologies.code_systems
    return _answer(first_right(codings, partial(judged_by_system, code_systems, abstract=bool(asked.flag("abstract")))))


def _in_system(asked: Parameters, coding: Coding, url: str) -> Coding:
    """The coding in the system that is asked about; one of another system is wrong there."""
    if not coding.system and not url:
        raise InvalidParameter("say which code system: by url, or in the coding", expression=(asked.place("url"),))
    if url and coding.system not in ("", url, asked.text("url")):
        text = f"the coding is of {coding.system[:200]}, and {url[:200]} is asked about"
        raise InvalidParameter(text, expression=(asked.place("url"),))
    return replace(coding, system=url or coding.system)


def _answer(judgement: Judgement) -> Answer:
    told = [Parameter("result", "Boolean", judgement.result)]
    if judgement.message:
        told.append(Parameter("message", "String", judgement.message))
    if judgement.display:
        told.append(Parameter("display", "String", judgement.display))
    return Answer(body=parameters_text(told))


def _rows(row: Interaction, kind: str) -> tuple[Interaction, ...]:
    by_post = replace(row, method="POST", body="parameters", errors=(*row.errors, 413, 415))
    return tuple(
        replace(one, path=path)
        for path in (f"{kind}/$validate-code", f"{kind}/{{id}}/$validate-code")
        for one in (row, by_post)
    )


_VALIDATE_CODE = Interaction(
    code="validate-code",
    definition="http://hl7.org/fhir/OperationDefinition/ValueSet-validate-code",
    method="GET",
    path="ValueSet/$validate-code",
    handle=validate_in_value_set,
    summary="Whether a code is in a value set",
    inputs=IN_VALUE_SET,
    errors=(404, 422),
    needs=TO_READ,
)
VALIDATIONS = (
    *_rows(_VALIDATE_CODE, "ValueSet"),
    *_rows(
        replace(
            _VALIDATE_CODE,
            definition="http://hl7.org/fhir/OperationDefinition/CodeSystem-validate-code",
            handle=validate_in_system,
            summary="Whether a code is in its code system",
            inputs=IN_SYSTEM,
        ),
        "CodeSystem",
    ),
)
