"""Whether a code is right: in a value set, or in its code system (R4 valueset-operation-validate-code.html,
codesystem-operation-validate-code.html). The answer is a result, also where the code cannot be checked here."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from fhir_service.api.answer import Answer
from fhir_service.api.call import Call
from fhir_service.api.interaction import Interaction
from fhir_service.api.operation_input import Input, operation_input
from fhir_service.api.operations.coded_input import CODE, CODING, CONCEPT, DISPLAY, SYSTEM, coded_input
from fhir_service.api.operations.terminology_input import meant
from fhir_service.fhir.errors import InvalidParameter
from fhir_service.fhir.parameters import Parameter, Parameters, parameters_text
from fhir_service.terminology.code_systems import CodeSystems
from fhir_service.terminology.code_validation import (
    Coding,
    Judgement,
    first_right,
    judged_by_system,
    judged_by_value_set,
)
from fhir_service.terminology.errors import NotExpandable

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
    held = call.service.terminology
    resource = meant(call, asked, held.value_set_resources, "ValueSet", sent="valueSet", version="valueSetVersion")
    if resource is None:
        raise InvalidParameter("say which value set: by url, or send it as valueSet", expression=(asked.place("url"),))
    codings = coded_input(asked, version="systemVersion")
    name = f"the value set {resource.get('url', 'that was sent')}"
    try:
        members = held.value_sets.members_of(resource)
    except NotExpandable as error:
        return _answer(Judgement(False, f"{codings[0]} cannot be checked in {name}: {error}"))
    judge = partial(judged_by_value_set, held.code_systems, members, name, abstract=bool(asked.flag("abstract")))
    return _answer(first_right(codings, judge))


async def validate_in_system(call: Call) -> Answer:
    """Raises UnknownTerminology where `url` names no code system that is held here."""
    asked = await operation_input(call, IN_SYSTEM)
    held = call.service.terminology
    code_systems, url = held.code_systems, asked.text("url")
    if call.id or "codeSystem" in asked or url.partition("|")[0] in held.code_system_resources:
        resource = meant(call, asked, held.code_system_resources, "CodeSystem", sent="codeSystem")
        assert resource is not None  # noqa: S101  # it is said which
        url = resource.get("url", "")
        if not url:
            text = "codeSystem needs its url, so that codes can be said to be of it"
            raise InvalidParameter(text, expression=(asked.place("codeSystem"),))
        if "codeSystem" in asked:
            code_systems = CodeSystems({url: resource})
    codings = [_in_system(asked, coding, url) for coding in coded_input(asked, system="url", any_system=True)]
    judge = partial(judged_by_system, code_systems, abstract=bool(asked.flag("abstract")))
    return _answer(first_right(codings, judge))


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
