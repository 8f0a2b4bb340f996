"""The CapabilityStatement, made from the rows that route and the parameters that are indexed, so that it cannot lie."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from fhir_service import __version__
from fhir_service.api.auth.discovery import CONFIGURATION, GRANT, INTROSPECTION
from fhir_service.api.content_negotiation import FHIR_JSON, FHIR_XML
from fhir_service.api.interaction import Interaction
from fhir_service.definitions.catalogue import DEFAULT_BASE
from fhir_service.definitions.search_parameters import parameters_of
from fhir_service.fhir.models import FHIR_VERSION, built
from fhir_service.search.audit_query import PARAMETERS as AUDIT_PARAMETERS
from fhir_service.search.offered import search_includes, search_parameters, search_revincludes
from fhir_service.workflows.patch_resource import PATCH_TYPES

_CHANGED = "2026-11-21"
"""When what is stated here last changed. Not the time of asking: the same content keeps its ETag on every process."""
_OF_THE_SYSTEM = ("transaction", "batch", "search-system", "history-system")
_OF_A_TYPE = (
    *("read", "vread", "update", "patch", "delete", "history-instance", "history-type", "create", "search-type"),
)
_NORMATIVE = frozenset(
    {
        *("Binary", "Bundle", "CapabilityStatement", "CodeSystem", "Observation", "OperationDefinition"),
        *("OperationOutcome", "Parameters", "Patient", "StructureDefinition", "ValueSet"),
    }
)
"""Types whose definition is normative in R4; the rest is for trial use, like the conditional writes."""
_BULK_DATA = "http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data"
_COMPARTMENTS = "http://hl7.org/fhir/CompartmentDefinition"
_OPEN = "Open to programs on the same machine; the service listens on loopback only."
_SERVICES = "http://terminology.hl7.org/CodeSystem/restful-security-service"
_OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
_CONDITIONAL_WRITES = ("conditionalCreate", "conditionalUpdate", "conditionalDelete")


def capability_statement(
    rows: Sequence[Interaction],
    types: Collection[str],
    base: str,
    *,
    canonical_base: str = DEFAULT_BASE,
    normative: bool = False,
    secured: bool = False,
) -> bytes:
    """The statement of a server at `base` that answers these rows for these types; with `normative` without what R4
    has for trial use only. `canonical_base` is that of our own definitions; `secured`: a token is needed."""
    named = {row.own_type for row in rows if row.own_type and (row.definition or row.code == "read")}
    stated = sorted({*types, *named} & _NORMATIVE) if normative else sorted({*types, *named})
    of_the_system = [row for row in rows if not row.own_type and not row.path.startswith("{type}")]
    rest: dict[str, Any] = {
        "mode": "server",
        "security": _security(base) if secured else {"description": _OPEN},
        "resource": [_resource(rows, types, name, canonical_base, normative) for name in stated],
    }
    if interactions := _codes(of_the_system, _OF_THE_SYSTEM):
        rest["interaction"] = interactions
    if operations := _operations(of_the_system, canonical_base):
        rest["operation"] = operations
    if compartments := sorted(
        {name for row in rows if "{member}" in row.path for name in types if row.is_for(name, types)}
    ):
        rest["compartment"] = [f"{_COMPARTMENTS}/{name.lower()}" for name in compartments]
    statement: dict[str, Any] = {
        "resourceType": "CapabilityStatement",
        "name": "FhirService",
        "title": "fhir-service",
        "status": "active",
        "date": _CHANGED,
        "kind": "instance",
        **({"instantiates": [_BULK_DATA]} if any(row.code == "export" for row in rows) else {}),
        "software": {"name": "fhir-service", "version": __version__},
        "implementation": {
            "description": "Case reports of complications after vertebral augmentation, with source spans",
            "url": base,
        },
        "fhirVersion": FHIR_VERSION,
        "format": ["json", "xml", FHIR_JSON, FHIR_XML],
        "rest": [rest],
    }
    if any(row.body == "patch" for row in rows):
        statement["patchFormat"] = list(PATCH_TYPES)
    return built(statement)


def _security(base: str) -> dict[str, Any]:
    """How to get in, as SMART 1 and 2 have it; clients of today ask .well-known/smart-configuration."""
    service = {"system": _SERVICES, "code": "SMART-on-FHIR"}
    uris = [
        {"url": "token", "valueUri": f"{base}/{GRANT}"},
        {"url": "introspect", "valueUri": f"{base}/{INTROSPECTION}"},
    ]
    return {
        "extension": [{"url": _OAUTH_URIS, "extension": uris}],
        "service": [{"coding": [service], "text": "SMART Backend Services"}],
        "description": f"Programs get tokens as SMART Backend Services has it; {base}/{CONFIGURATION} tells how.",
    }


def _resource(
    rows: Sequence[Interaction], types: Collection[str], name: str, canonical_base: str, normative: bool
) -> dict[str, Any]:
    own = [row for row in rows if row.is_for(name, types)]
    resource: dict[str, Any] = {"type": name}
    if operations := _operations(own, canonical_base):
        resource["operation"] = operations
    if name not in types and any(row.code == "read" for row in own):
        resource["interaction"] = _codes(own, _OF_A_TYPE)
        return resource | {"searchParam": _kept_parameters(name, canonical_base)}
    if name not in types:
        return resource | {"documentation": f"Operations only: no {name} can be read or searched here."}
    resource |= {"interaction": _codes(own, _OF_A_TYPE), "versioning": "versioned", **_conditions(own)}
    if normative:
        resource = {key: value for key, value in resource.items() if key not in _CONDITIONAL_WRITES}
    resource["referencePolicy"] = ["literal"]
    return resource | _included(own, types, name) | {"searchParam": _parameters(name, canonical_base)}


def _conditions(rows: Sequence[Interaction]) -> dict[str, Any]:
    """What can be made to depend on a search or on a version: told by the paths and headers of the rows."""
    by_code = {row.code: row for row in rows}
    of_type = {row.code for row in rows if row.path == "{type}"}
    conditional_delete = [row for row in rows if row.code == "delete" and row.path == "{type}"]
    read = by_code.get("read")
    tags, times = (read is not None and name in read.headers for name in ("If-None-Match", "If-Modified-Since"))
    reads = {(True, True): "full-support", (True, False): "not-match", (False, True): "modified-since"}
    return {
        "readHistory": "history-instance" in by_code,
        "updateCreate": any(row.code == "update" and 201 in row.answers for row in rows),
        "conditionalCreate": any(row.code == "create" and "If-None-Exist" in row.headers for row in rows),
        "conditionalRead": reads.get((tags, times), "not-supported"),
        "conditionalUpdate": "update" in of_type,
        "conditionalDelete": "single" if conditional_delete else "not-supported",
    }


def _included(rows: Sequence[Interaction], types: Collection[str], name: str) -> dict[str, list[str]]:
    """What `_include` and `_revinclude` can bring, where the rows of searching have them."""
    offered = {parameter for row in rows if row.code == "search-type" for parameter in row.parameters}
    found = {
        "searchInclude": search_includes(name) if "_include" in offered else (),
        "searchRevInclude": search_revincludes(name, types) if "_revinclude" in offered else (),
    }
    return {member: list(values) for member, values in found.items() if values}


def _parameters(name: str, canonical_base: str) -> list[dict[str, str]]:
    definitions = parameters_of(name, canonical_base)
    found = []
    for one in search_parameters(name):
        definition = definitions[one.name]
        entry = {"name": one.name, "definition": definition.url, "type": one.type}
        told = [definition.expression] if definition.expression else []
        if one.modifiers:
            told.append(f"modifiers: {', '.join(one.modifiers)}")
        found.append(entry | ({"documentation": "; ".join(told)} if told else {}))
    return found


def _kept_parameters(name: str, canonical_base: str) -> list[dict[str, str]]:
    """Of AuditEvent, which the service writes itself."""
    definitions = parameters_of(name, canonical_base)
    return [
        {"name": code, "definition": definitions[code].url, "type": kind}
        for code, kind in sorted(AUDIT_PARAMETERS.items())
    ]


def _operations(rows: Iterable[Interaction], canonical_base: str) -> list[dict[str, str]]:
    """Each once, however many rows it has: by GET and POST, on the type and on one instance."""
    named = {(row.code, row.definition): row.summary for row in reversed(list(rows)) if row.definition}
    return [
        {"name": name, "definition": definition.replace(DEFAULT_BASE, canonical_base), "documentation": summary}
        for (name, definition), summary in sorted(named.items())
    ]


def _codes(rows: Iterable[Interaction], known: Sequence[str]) -> list[dict[str, str]]:
    answered = {row.code for row in rows}
    return [{"code": code} for code in known if code in answered]
