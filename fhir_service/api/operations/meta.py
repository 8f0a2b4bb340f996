"""The meta of a resource: read, and its profiles, security labels and tags added or taken away
(R4 resource-operation-meta.html, resource-operation-meta-add.html, resource-operation-meta-delete.html)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fhir_service.api.answer import Answer
from fhir_service.api.auth.needs import TO_READ, Needs
from fhir_service.api.call import Call
from fhir_service.api.interaction import Interaction
from fhir_service.api.operation_input import Input, operation_input
from fhir_service.api.versions import version_headers
from fhir_service.fhir.errors import InvalidParameter
from fhir_service.fhir.etags import required_version
from fhir_service.fhir.parameters import Parameter, parameters_text
from fhir_service.storage.repository import Stored
from fhir_service.workflows.change_meta import AddMeta, DeleteMeta, meta_of
from fhir_service.workflows.patch_resource import Patch, patch_resource

CHANGES = (Input("meta", "Meta", "Profiles, security labels and tags"),)


async def meta(call: Call) -> Answer:
    return _answer(await call.repository.read(call.type, call.id, call.access))


async def meta_add(call: Call) -> Answer:
    return await _changed(call, AddMeta(await _sent(call)))


async def meta_delete(call: Call) -> Answer:
    return await _changed(call, DeleteMeta(await _sent(call)))


async def _sent(call: Call) -> dict[str, Any]:
    asked = await operation_input(call, CHANGES)
    value: dict[str, Any] | None = asked.value("meta")
    if value is None:
        raise InvalidParameter("the input meta is needed, as valueMeta", expression=(asked.place("meta"),))
    return value


async def _changed(call: Call, change: Patch) -> Answer:
    if_match = required_version(call.header(b"if-match"))
    done = await patch_resource(call.repository, call.type, call.id, change, if_match=if_match, access=call.access)
    return _answer(await call.repository.vread(call.type, call.id, done.version, call.access))


def _answer(stored: Stored) -> Answer:
    found = parameters_text([Parameter("return", "Meta", meta_of(stored.text))])
    return Answer(body=found, headers=version_headers(stored.version, stored.last_updated))


META = Interaction(
    code="meta",
    definition="http://hl7.org/fhir/OperationDefinition/Resource-meta",
    method="GET",
    path="{type}/{id}/$meta",
    handle=meta,
    summary="Profiles, security labels and tags of a resource",
    errors=(404, 410),
    needs=TO_READ,
)
META_ADD = Interaction(
    code="meta-add",
    definition="http://hl7.org/fhir/OperationDefinition/Resource-meta-add",
    method="POST",
    path="{type}/{id}/$meta-add",
    handle=meta_add,
    summary="Add profiles, security labels and tags to a resource",
    body="parameters",
    inputs=CHANGES,
    headers=("If-Match",),
    errors=(404, 409, 410, 412, 413, 415, 422),
    needs=Needs(("r", "u")),
)
META_DELETE = replace(
    META_ADD,
    code="meta-delete",
    definition="http://hl7.org/fhir/OperationDefinition/Resource-meta-delete",
    path="{type}/{id}/$meta-delete",
    handle=meta_delete,
    summary="Take profiles, security labels and tags away from a resource",
)
