"""What is known of a code (R4 codesystem-operation-lookup.html)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from fhir_service.api.answer import Answer
from fhir_service.api.auth.needs import TO_READ
from fhir_service.api.call import Call
from fhir_service.api.interaction import Interaction
from fhir_service.api.operation_input import Input, operation_input
from fhir_service.api.operations.coded_input import CODE, CODING, SYSTEM, coded_input
from fhir_service.fhir.canonicals import versioned
from fhir_service.fhir.parameters import Parameter, parameters_text
from fhir_service.terminology.code_systems import CodeSystem, CodeSystems, Concept
from fhir_service.terminology.code_validation import Coding
from fhir_service.terminology.errors import UnknownTerminology, held_in_part

INPUTS = (
    CODE,
    SYSTEM,
    Input("version", "String", "The version of the code system; the one held here where it is not given"),
    CODING,
    Input("displayLanguage", "Code", "Tolerated: each code has the displays it has"),
    Input("property", "Code", "A property that is wanted, such as `parent`; all without it", repeats=True),
)


async def lookup(call: Call) -> Answer:
    """Raises UnknownTerminology for a system or code that is not held here."""
    asked = await operation_input(call, INPUTS)
    (coding,) = coded_input(asked)
    held = await call.stored_terminology().with_systems([versioned(coding.system, coding.version)])
    system, concept = _found(held.terminologies.code_systems, coding)
    wanted = frozenset(asked.values("property"))
    return Answer(body=parameters_text(_told(system, concept, wanted)))


def _found(held: CodeSystems, coding: Coding) -> tuple[CodeSystem, Concept]:
    system = held.get(versioned(coding.system, coding.version)) or held.get(coding.system)
    if system is None:
        raise UnknownTerminology(f"this server has no code system {coding.system[:200]}")
    if coding.version not in ("", system.version):
        others = f"version {system.version}" if system.version else "none of its versions whole"
        raise UnknownTerminology(f"of {system.url} this server has {others}, not {coding.version[:80]}")
    concept = system.concept(coding.code)
    if concept is None:
        reason = f"{system.url} has no such code" if system.complete else held_in_part(system.url)
        raise UnknownTerminology(f"the code '{coding.code[:80]}' is not known: {reason}")
    return system, concept


def _told(system: CodeSystem, concept: Concept, wanted: frozenset[str]) -> Iterator[Parameter]:
    """Name, version, display; then the designations and properties that are wanted, or all."""
    yield Parameter("name", "String", system.name)
    if system.version:
        yield Parameter("version", "String", system.version)
    yield Parameter("display", "String", concept.display or concept.code)
    if not wanted or "designation" in wanted or any(name.startswith("lang.") for name in wanted):
        for entry in concept.designations:
            if not wanted or "designation" in wanted or f"lang.{entry.get('language')}" in wanted:
                yield _designation(entry)
    for name, kind, value in _properties(system, concept):
        if not wanted or name in wanted:
            parts = (Parameter("code", "Code", name), Parameter("value", kind, value))
            yield Parameter("property", part=parts)


def _properties(system: CodeSystem, concept: Concept) -> Iterator[tuple[str, str, object]]:
    if concept.definition:
        yield "definition", "String", concept.definition
    for parent in concept.parents:
        yield "parent", "Code", parent
    for child in system.children(concept.code):
        yield "child", "Code", child
    if concept.inactive and not any(entry.code == "inactive" for entry in concept.properties):
        yield "inactive", "Boolean", True
    for entry in concept.properties:
        if entry.code not in ("parent", "child"):
            yield entry.code, entry.kind.removeprefix("value"), entry.value


def _designation(entry: object) -> Parameter:
    kinds = (("language", "Code"), ("use", "Coding"), ("value", "String"))
    held = entry if isinstance(entry, dict) else {}
    return Parameter(
        "designation", part=tuple(Parameter(name, kind, held[name]) for name, kind in kinds if name in held)
    )


LOOKUP = Interaction(
    code="lookup",
    definition="http://hl7.org/fhir/OperationDefinition/CodeSystem-lookup",
    method="GET",
    path="CodeSystem/$lookup",
    handle=lookup,
    summary="What is known of a code",
    inputs=INPUTS,
    errors=(404,),
    needs=TO_READ,
)
LOOKUPS = (LOOKUP, replace(LOOKUP, method="POST", body="parameters", errors=(404, 413, 415)))
