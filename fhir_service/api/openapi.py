"""The OpenAPI document: FastAPI's for the pages, and for the FHIR API one operation for each row that routes.

It speaks of `{type}` where the rows do; which parameters a type has is in the CapabilityStatement.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from fhir_service.api.content_negotiation import FHIR_JSON, FHIR_XML, FORM, NDJSON
from fhir_service.api.interaction import Interaction
from fhir_service.api.operation_input import Input
from fhir_service.search.offered import search_parameters
from fhir_service.workflows.patch_resource import JSON_PATCH, MERGE_PATCH, XML_PATCH

Schema = dict[str, Any]

_ALWAYS = (400, 406, 414, 421, 431, 500, 503)
"""What every row can answer besides: bad parameter or content, no such format, an address or headers without end, a
foreign Host, a crash, no database."""
_WITH_A_TYPE = (404,)
_WITH_A_BODY = (413, 415)
_FHIR = (FHIR_JSON, FHIR_XML)
_BODIES: dict[str, dict[str, str]] = {
    "resource": dict.fromkeys(_FHIR, "Resource"),
    "bundle": dict.fromkeys(_FHIR, "Bundle"),
    "form": {FORM: "Form"},
    "parameters": dict.fromkeys(_FHIR, "Parameters"),
    "patch": {JSON_PATCH: "JsonPatch", MERGE_PATCH: "MergePatch", XML_PATCH: "XmlPatch"}
    | dict.fromkeys(_FHIR, "Parameters"),
    "report": {"application/json": "CaseReport", "text/plain": "Text"} | dict.fromkeys(_FHIR, "Resource"),
    "file": {NDJSON: "Lines"} | dict.fromkeys(_FHIR, "Parameters"),
}
_OF_ALL = ("_format", "_pretty")
_OF_A_READ = ("_summary", "_elements")
_TEXT: Schema = {"type": "string"}
_PARAMETERS: dict[str, tuple[str, Schema]] = {
    "_id": ("Ids, with commas between them", _TEXT),
    "_lastUpdated": ("When it was last written, such as `ge2026-01-01`; may be repeated", _TEXT),
    "patient": ("Id of the patient, or `Patient/id`", _TEXT),
    "subject": ("Reference such as `Patient/id`", _TEXT),
    "code": ("`code`, or `system|code`", _TEXT),
    "_count": ("Matches on a page; 0 counts only", {"type": "integer", "minimum": 0}),
    "_summary": (
        "Part of each resource; `count` for the number of matches only",
        {"type": "string", "enum": ["true", "text", "data", "count", "false"]},
    ),
    "_elements": ("Names of the elements to send, with commas between them, such as `code,Patient.name`", _TEXT),
    "_format": (
        "Format of the answer, before Accept",
        {"type": "string", "enum": ["json", "xml", "application/json", "application/xml", *_FHIR]},
    ),
    "_pretty": ("Each element on a line of its own", {"type": "boolean"}),
    "date": ("Date with a prefix, such as `ge2026-01`; may be repeated", _TEXT),
    "_tag": ("`code`, or `system|code`", _TEXT),
    "_security": ("`code`, or `system|code`", _TEXT),
    "_profile": ("Canonical of a profile that it claims", _TEXT),
    "_source": ("URI of where it comes from", _TEXT),
    "_text": ("Words of its narrative", _TEXT),
    "_content": ("Words that stand anywhere in it", _TEXT),
    "_list": ("Id of a List that refers to it", _TEXT),
    "_has": ("`_has:Type:reference:parameter`: what refers to it", _TEXT),
    "_sort": ("Parameters with commas between them, `-` before one that descends", _TEXT),
    "_include": ("`Type:parameter`: what matches refer to; may be repeated", _TEXT),
    "_revinclude": ("`Type:parameter`: what refers to matches; may be repeated", _TEXT),
    "_total": ("Whether to count all matches", {"type": "string", "enum": ["none", "estimate", "accurate"]}),
    "_cursor": ("Where the page begins; taken from a `next` link", _TEXT),
    "source": ("Canonical URL of the map, where the body is the content itself", _TEXT),
    "trace": ("Whether to tell which rule wrote what", {"type": "boolean"}),
    "mode": (
        "All of it, its normative part, or the terminologies",
        {"type": "string", "enum": ["full", "normative", "terminology"]},
    ),
    "_since": ("Only versions made at or after this instant", _TEXT),
    "_at": ("Only versions that were current at some time in this year, month, day or instant", _TEXT),
    "action": ("`C`, `R`, `U`, `D` or `E`", _TEXT),
    "address": ("Address that the client came from", _TEXT),
    "altid": ("Id of the client", _TEXT),
    "entity": ("What was touched: `Type/id`", _TEXT),
    "outcome": ("`0` for success, `4` for what was refused, `8` for what failed", _TEXT),
    "subtype": ("Code of the interaction, such as `read`, or name of the operation", _TEXT),
    "_type": ("Resource types to return, with commas between them", _TEXT),
}
_HEADERS = {
    "If-Match": 'ETag of the version that is replaced, such as `W/"3"`; 412 where it is not the current one',
    "If-None-Exist": "Search such as `identifier=x`; where it finds one resource none is made",
    "If-None-Match": "ETag of the version you have; 304 where it is still the one. On a write `*`: only if it is new",
    "If-Modified-Since": "Date of the version you have; 304 where there is no newer one",
    "Prefer": "`return=minimal`, `return=representation` or `return=OperationOutcome`; `handling=strict`; "
    "`respond-async` where an operation says so",
}
_TEXTS = {
    200: "Done",
    202: "Taken; what is under way is told at `Content-Location`",
    201: "Created; `Location` has the address of the version",
    204: "Done, nothing to show",
    304: "Not modified",
    413: "The body is over the limit",
    414: "The address is over the limit",
    422: "Readable, and against a rule of FHIR or of this service",
    421: "The Host header names another service",
    431: "The header fields are over the limit",
}


def openapi_of(app: FastAPI, interactions: Sequence[Interaction], types: Iterable[str], prefix: str) -> Schema:
    """The document of an app whose FHIR API lies below `prefix`; made once."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
        names: set[str] = set()
        for row in interactions:
            path = document["paths"].setdefault(_path(row, prefix), {})
            path.setdefault(row.method.lower(), _operation(row, sorted(types), _name(row, names)))
        document.setdefault("components", {}).setdefault("schemas", {}).update(_schemas())
        app.openapi_schema = document
    return app.openapi_schema


def _path(row: Interaction, prefix: str) -> str:
    return f"{prefix}/{row.path}".rstrip("/")


def _name(row: Interaction, taken: set[str]) -> str:
    """An `operationId` of its own for each row; where the code and method do not tell, the path does."""
    name = f"{row.code}-{row.method}".lower()
    if name in taken:
        name = "-".join([name, *re.findall("[a-z]+", row.path.lower())])
    taken.add(name)
    return name


def _operation(row: Interaction, types: list[str], name: str) -> Schema:
    operation: Schema = {
        "tags": ["operations" if row.definition else "FHIR"],
        "summary": row.summary,
        "operationId": name,
        "parameters": [*_path_parameters(row, types), *_query_parameters(row, types), *_header_parameters(row)],
        "responses": {str(status): _response(status, row) for status in sorted(_statuses(row))},
    }
    if row.body:
        content = {media_type: _content(media_type, schema) for media_type, schema in _BODIES[row.body].items()}
        operation["requestBody"] = {"required": row.body != "form" and row.code != "export", "content": content}
    return operation


def _statuses(row: Interaction) -> set[int]:
    of_type = _WITH_A_TYPE if "{type}" in row.path else ()
    return {*row.answers, *row.errors, *_ALWAYS, *of_type, *(_WITH_A_BODY if row.body else ())}


def _path_parameters(row: Interaction, types: list[str]) -> list[Schema]:
    offered = [name for name in types if row.types is None or name in row.types]
    schemas: dict[str, Schema] = {
        "type": {"type": "string", "enum": offered},
        "id": {"type": "string", "pattern": r"^[A-Za-z0-9\-.]{1,64}$"},
        "version": {"type": "string", "pattern": r"^[A-Za-z0-9\-.]{1,64}$"},
        "member": {"type": "string", "enum": ["*", *types]},
        "file": {"type": "string", "pattern": r"^[A-Za-z0-9\-.]{1,128}$"},
    }
    return [
        {"name": name, "in": "path", "required": True, "schema": schema}
        for name, schema in schemas.items()
        if f"{{{name}}}" in row.path
    ]


def _query_parameters(row: Interaction, types: list[str]) -> list[Schema]:
    """Those of the row, for a search those of all types, and those of every answer."""
    described = {name: _PARAMETERS[name] for name in row.parameters}
    if row.code == "search-type" and not row.body and not row.own_type:
        described |= {name: found for name, found in _search_parameters(types).items() if name not in described}
    if row.method == "GET" or row.body in ("report", "file"):
        described |= {entry.name: _input(entry) for entry in row.inputs if entry.simple}
    described |= {name: _PARAMETERS[name] for name in (*_OF_A_READ, *_OF_ALL) if row.method == "GET" or name in _OF_ALL}
    return [
        {"name": name, "in": "query", "description": text, "schema": schema}
        for name, (text, schema) in described.items()
    ]


def _input(entry: Input) -> tuple[str, Schema]:
    kind = {"Boolean": "boolean", "Integer": "integer", "PositiveInt": "integer"}.get(entry.kind, "string")
    return entry.text, {"type": "array", "items": {"type": kind}} if entry.repeats else {"type": kind}


def _search_parameters(types: list[str]) -> dict[str, tuple[str, Schema]]:
    """Every search parameter with its type of value and the resource types that have it."""
    found: dict[str, tuple[str, list[str]]] = {}
    for resource_type in types:
        for offered in search_parameters(resource_type):
            found.setdefault(offered.name, (offered.type, []))[1].append(resource_type)
    return {
        name: (f"A {kind} of {'every type' if owners == types else ', '.join(owners)}", _TEXT)
        for name, (kind, owners) in sorted(found.items())
    }


def _header_parameters(row: Interaction) -> list[Schema]:
    return [
        {"name": name, "in": "header", "description": _HEADERS[name], "schema": {"type": "string"}}
        for name in row.headers
    ]


def _response(status: int, row: Interaction) -> Schema:
    response: Schema = {"description": _TEXTS.get(status, HTTPStatus(status).phrase)}
    if row.ndjson and status == 200:
        return response | {"content": {NDJSON: {"schema": _reference("Lines")}}}
    if status not in (204, 304):
        schema = "OperationOutcome" if status >= 400 else "Resource"
        response["content"] = {media_type: _content(media_type, schema) for media_type in _FHIR}
    return response


def _content(media_type: str, schema: str) -> Schema:
    """XML has no schema here: FHIR's names and order of elements cannot be said in JSON Schema."""
    return {"schema": _reference("Xml" if media_type == FHIR_XML else schema)}


def _reference(schema: str) -> Schema:
    return {"$ref": f"#/components/schemas/{schema}"}


def _schemas() -> Schema:
    def resource(description: str, **properties: Schema) -> Schema:
        return {
            "type": "object",
            "description": description,
            "required": ["resourceType", *(name for name in properties if name == "issue")],
            "properties": {"resourceType": {"type": "string"}, **properties},
        }

    objects = {"type": "array", "items": {"type": "object"}}
    return {
        "Resource": resource("Any FHIR R4 resource (http://hl7.org/fhir/R4)"),
        "Bundle": resource("A Bundle of type transaction or batch", type={"type": "string"}, entry=objects),
        "OperationOutcome": resource("What is wrong, issue by issue", issue=objects),
        "Parameters": resource("The inputs of an operation, or the operations of a FHIRPath Patch", parameter=objects),
        "JsonPatch": {"type": "array", "items": {"type": "object"}, "description": "JSON Patch (RFC 6902)"},
        "XmlPatch": {"type": "string", "description": "XML Patch (RFC 5261)"},
        "MergePatch": {"type": "object", "description": "JSON Merge Patch (RFC 7396)"},
        "CaseReport": {"type": "object", "description": "The logical model: StructureDefinition/case-report"},
        "Lines": {"type": "string", "description": "A JSON object a line"},
        "Text": {"type": "string", "description": "A report as it is printed"},
        "Xml": {"type": "string", "description": "A resource in XML (http://hl7.org/fhir/R4/xml.html)"},
        "Form": {"type": "object", "additionalProperties": {"type": "string"}},
    }
