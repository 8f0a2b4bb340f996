"""Whether something would be accepted, without doing it (R4 resource-operation-validate.html)."""

from __future__ import annotations

import asyncio
from typing import Any

from fhir_service.fhir.access import Access
from fhir_service.fhir.errors import Gone, InvalidParameter, Issue, MalformedContent, NotFound, UnsupportedParameter
from fhir_service.fhir.parameters import Parameters
from fhir_service.storage.repository import Repository
from fhir_service.validation.json_text import read_json
from fhir_service.validation.references import StoreReference, missing_targets, store_references
from fhir_service.validation.structure import is_valid
from fhir_service.workflows.accept_resource import identity_issues, in_thread_if_large
from fhir_service.workflows.check_conformance import all_issues
from fhir_service.workflows.stored_conformance import StoredConformance
from fhir_service.workflows.write_checks import MissingTarget, WriteChecks, there

_MODES = ("create", "update", "delete", "profile")
_OF_WHAT_IS_STORED = frozenset({"", "profile"})
_OF_AN_INSTANCE = frozenset({"update", "delete"})
_INPUTS = ("resource", "mode", "profile", "references", "must-support")
_MOST_PROFILES = 20


async def validate_resource(
    repository: Repository,
    resource_type: str,
    resource_id: str,
    inputs: Parameters,
    access: Access,
    *,
    conformance: StoredConformance,
    checks: WriteChecks,
) -> list[Issue]:
    """Everything that speaks against a resource, or against deleting one; without an error it would be accepted. All
    layers are looked at, whatever `checks` says of writes.

    `resource_id` is empty where the URL names a type only. Raises InvalidParameter where it is not said what to
    validate; NotFound, Gone where that is a stored resource that is not there.
    """
    mode, profiles, must_support = inputs.text("mode"), _profiles(inputs), inputs.flag("must-support")
    missing_target = _missing_target(inputs, checks)
    _refuse(inputs, mode, resource_id)
    if mode == "delete":
        return await _absence(repository, resource_type, resource_id, access)
    text = inputs.resource("resource")
    if not text and mode in _OF_WHAT_IS_STORED and resource_id:
        text = (await repository.read(resource_type, resource_id, access)).text
    if not text:
        wanted = "only mode=delete can do without, and a stored one that the URL names"
        raise InvalidParameter(f"there is no resource to validate; {wanted}", expression=(inputs.place("resource"),))
    try:
        resource = await in_thread_if_large(len(text), lambda: read_json(text))
    except MalformedContent as error:
        return list(error.issues)
    issues = identity_issues(resource, resource_type, resource_id if mode == "update" else None)
    known = await conformance.for_resource(resource, profiles)
    if must_support:
        known = known.telling_must_support()
    issues += await asyncio.to_thread(all_issues, resource, known, profiles)
    if missing_target != "off":
        asked = await asyncio.to_thread(_asked_of_the_store, resource, checks.base)
        issues += missing_targets(asked, await there(repository, asked, access), missing_target)
    if mode == "create" and resource_id:
        issues += await _presence(repository, resource_type, resource_id, access)
    return issues


def _asked_of_the_store(resource: Any, base: str) -> list[StoreReference]:
    """Nothing of what is wrong in its structure."""
    return store_references(resource, base) if is_valid(resource) else []


def _profiles(inputs: Parameters) -> list[str]:
    """Raises InvalidParameter."""
    found = inputs.values("profile")
    for value in found:
        if not isinstance(value, str):
            raise InvalidParameter("profile has to be a text", expression=(inputs.place("profile"),))
    if len(found) > _MOST_PROFILES:
        text = f"at most {_MOST_PROFILES} profiles can be asked for at once"
        raise InvalidParameter(text, expression=(inputs.place("profile"),))
    return [value for value in found if value]


def _missing_target(inputs: Parameters, checks: WriteChecks) -> MissingTarget:
    """What a reference to nothing in the store is. Raises InvalidParameter."""
    match inputs.text("references"):
        case "":
            return checks.missing_target
        case "off" | "warning" | "error" as stated:
            return stated
        case other:
            text = f"references is '{other[:80]}'; it has to be off, warning, error or left out"
            raise InvalidParameter(text, expression=(inputs.place("references"),))


def _refuse(inputs: Parameters, mode: str, resource_id: str) -> None:
    for item in inputs.items:
        if item.name not in _INPUTS:
            text = f"$validate has no input {item.name[:80]}; it has {', '.join(_INPUTS)}"
            raise UnsupportedParameter(text, expression=(inputs.place(item.name[:80]),))
    if mode and mode not in _MODES:
        text = f"mode is '{mode[:80]}'; it has to be {', '.join(_MODES)} or left out"
        raise InvalidParameter(text, expression=(inputs.place("mode"),))
    if mode in _OF_AN_INSTANCE and not resource_id:
        text = f"mode={mode} is about a resource that the URL names: use Type/id/$validate"
        raise InvalidParameter(text, expression=(inputs.place("mode"),))


async def _absence(repository: Repository, resource_type: str, resource_id: str, access: Access) -> list[Issue]:
    """That there is nothing to delete, where that is so."""
    try:
        await repository.read(resource_type, resource_id, access)
    except (NotFound, Gone) as error:
        return [Issue("error", error.code, str(error))]
    return []


async def _presence(repository: Repository, resource_type: str, resource_id: str, access: Access) -> list[Issue]:
    """That there is a resource of that id already, where that is so."""
    if await _absence(repository, resource_type, resource_id, access):
        return []
    return [Issue("error", "duplicate", f"{resource_type}/{resource_id} exists already; update it instead")]
