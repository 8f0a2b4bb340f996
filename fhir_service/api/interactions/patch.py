"""A resource changed in part (R4 http.html#patch): by id, or the one that a search finds."""

from __future__ import annotations

from dataclasses import replace

from fhir_service.api.answer import Answer
from fhir_service.api.auth.needs import Needs
from fhir_service.api.call import Call
from fhir_service.api.content_negotiation import media_type
from fhir_service.api.error_responses import NoPatch
from fhir_service.api.interaction import Interaction
from fhir_service.api.written import written_answer
from fhir_service.fhir.etags import required_version
from fhir_service.workflows.accept_resource import in_thread_if_large
from fhir_service.workflows.patch_resource import (
    FHIR_XML,
    PATCH_TYPES,
    Patch,
    patch_found_resource,
    patch_resource,
    read_patch,
)
from fhir_service.workflows.write_checks import WriteChecks


async def patch(call: Call) -> Answer:
    if_match = required_version(call.header(b"if-match"))
    changes = await _read(call)
    checks = await _checks(call)
    outcome = await patch_resource(
        call.repository, call.type, call.id, changes, if_match=if_match, access=call.access, checks=checks
    )
    return await written_answer(call, outcome)


async def patch_found(call: Call) -> Answer:
    if_match = required_version(call.header(b"if-match"))
    condition = call.condition(call.type, call.query)
    changes = await _read(call)
    outcome = await patch_found_resource(
        call.repository, condition, changes, if_match=if_match, access=call.access, checks=call.checks
    )
    return await written_answer(call, outcome)


async def _checks(call: Call) -> WriteChecks:
    """What the patched resource has to stand, with the definitions that it names as it is now."""
    key = (call.type, call.id)
    if not call.checks.beyond_r4:
        return call.checks
    stored = (await call.repository.newest([key], call.access)).get(key)
    return await call.checks_of(stored.text) if stored is not None and stored.text else call.checks


async def _read(call: Call) -> Patch:
    """Raises NoPatch, MalformedContent, TooLarge, ClientGone."""
    media = media_type(call.header(b"content-type"))
    is_utf8 = media.parameters.get("charset", "utf-8").lower() in ("utf-8", "utf8")
    if media.name not in PATCH_TYPES or not is_utf8 or not media.is_r4:
        raise NoPatch(call.header(b"content-type"), PATCH_TYPES)
    is_json = media.name.endswith("json")
    body = await (call.resource_body() if media.name == FHIR_XML else call.body())
    body = await call.not_too_deep(body) if is_json else body
    return await in_thread_if_large(len(body), lambda: read_patch(media.name, body))


PATCH = Interaction(
    code="patch",
    method="PATCH",
    path="{type}/{id}",
    handle=patch,
    summary="Change parts of a resource by JSON Patch, JSON Merge Patch, XML Patch or FHIRPath Patch",
    body="patch",
    headers=("If-Match", "Prefer"),
    errors=(404, 409, 410, 412, 413, 415, 422),
    needs=Needs(("u",)),
)
PATCH_FOUND = replace(
    PATCH,
    path="{type}",
    handle=patch_found,
    summary="Change parts of the one resource that the search in the URL finds",
    needs=Needs(("u", "s")),
)
