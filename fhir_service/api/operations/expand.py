"""All codes of a value set (R4 valueset-operation-expand.html)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from fhir_service.api.answer import Answer
from fhir_service.api.auth.needs import TO_READ
from fhir_service.api.call import Call
from fhir_service.api.interaction import Interaction
from fhir_service.api.operation_input import Input, operation_input
from fhir_service.api.operations.terminology_input import meant
from fhir_service.fhir.errors import InvalidParameter
from fhir_service.fhir.json_text import encode
from fhir_service.fhir.parameters import Parameters
from fhir_service.terminology.expansion import MOST_CODES, Wanted, expansion
from fhir_service.workflows.accept_resource import in_thread_if_large
from fhir_service.workflows.stored_definitions import Definition
from fhir_service.workflows.stored_terminology import StoredTerminology

INPUTS = (
    Input("url", "Uri", "Canonical URL of the value set"),
    Input("valueSet", "Resource", "A value set that is sent along"),
    Input("valueSetVersion", "String", "The version of the value set"),
    Input("filter", "String", "Words; each has to begin a word of the code or of what it is called"),
    Input("offset", "Integer", "Codes to pass over"),
    Input("count", "Integer", f"Most codes to return, up to {MOST_CODES:,}; 0 for their number only"),
    Input("includeDesignations", "Boolean", "Whether other names are returned too"),
    Input("includeDefinition", "Boolean", "Whether `compose` is returned too"),
    Input("activeOnly", "Boolean", "Whether codes that are no longer in use are left out"),
    Input("excludeNested", "Boolean", "Tolerated: the codes always stand side by side"),
    Input("excludeNotForUI", "Boolean", "Whether codes that only group others are left out"),
    Input("excludePostCoordinated", "Boolean", "Tolerated: there are no post-coordinated codes here"),
    Input("displayLanguage", "Code", "Tolerated: each code has the displays it has"),
    Input("exclude-system", "Canonical", "A code system that is left out", repeats=True),
)
_TOLD = {"String": "valueString", "Integer": "valueInteger", "Boolean": "valueBoolean", "Canonical": "valueUri"}
_SHAPING = frozenset(
    {"filter", "offset", "count", "includeDesignations", "activeOnly", "excludeNotForUI", "exclude-system"}
)


async def expand(call: Call) -> Answer:
    """Raises UnknownTerminology, and NotExpandable where a code system is not held whole."""
    asked = await operation_input(call, INPUTS)
    held = call.service.terminology.value_set_resources
    found = await meant(call, asked, held, "ValueSet", sent="valueSet", version="valueSetVersion")
    if found is None:
        raise InvalidParameter("say which value set: by url, or send it as valueSet", expression=(asked.place("url"),))
    wanted = _wanted(asked)
    stored = await call.stored_terminology().with_parts_of(found.resource)
    return Answer(body=await in_thread_if_large(found.size + stored.size, lambda: _expanded(found, stored, wanted)))


def _expanded(found: Definition, stored: StoredTerminology, wanted: Wanted) -> bytes:
    timestamp = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    members = stored.terminologies.value_sets.members_of(found.resource)
    return encode(expansion(found.resource, members, wanted, timestamp))


def _wanted(asked: Parameters) -> Wanted:
    return Wanted(
        filter=asked.text("filter"),
        offset=_number(asked, "offset") or 0,
        count=_number(asked, "count"),
        designations=bool(asked.flag("includeDesignations")),
        definition=bool(asked.flag("includeDefinition")),
        active_only=bool(asked.flag("activeOnly")),
        for_ui=bool(asked.flag("excludeNotForUI")),
        excluded_systems=frozenset(str(value).partition("|")[0] for value in asked.values("exclude-system")),
        parameters=tuple(_told(asked)),
    )


def _told(asked: Parameters) -> list[tuple[str, str, Any]]:
    """The inputs that shaped the expansion, for `expansion.parameter`."""
    told: list[tuple[str, str, Any]] = []
    for entry in INPUTS:
        if entry.name in _SHAPING and entry.name in asked:
            reader = {"Integer": asked.integer, "Boolean": asked.flag}.get(entry.kind)
            values = [reader(entry.name)] if reader else asked.values(entry.name)
            told.extend((entry.name, _TOLD[entry.kind], value) for value in values)
    return told


def _number(asked: Parameters, name: str) -> int | None:
    number = asked.integer(name)
    if number is not None and number < 0:
        raise InvalidParameter(f"{name} has to be 0 or more", expression=(asked.place(name),))
    return number


EXPAND = Interaction(
    code="expand",
    definition="http://hl7.org/fhir/OperationDefinition/ValueSet-expand",
    method="GET",
    path="ValueSet/$expand",
    handle=expand,
    summary="All codes of a value set",
    inputs=INPUTS,
    errors=(404, 422),
    needs=TO_READ,
)
EXPAND_BY_POST = replace(EXPAND, method="POST", body="parameters", errors=(404, 413, 415, 422))
EXPAND_INSTANCE = replace(EXPAND, path="ValueSet/{id}/$expand")
EXPAND_INSTANCE_BY_POST = replace(EXPAND_BY_POST, path="ValueSet/{id}/$expand")
EXPANSIONS = (EXPAND, EXPAND_BY_POST, EXPAND_INSTANCE, EXPAND_INSTANCE_BY_POST)
