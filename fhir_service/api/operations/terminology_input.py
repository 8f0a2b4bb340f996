"""What the operations on terminologies share: which resource is meant, by URL or id, or sent along."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fhir_service.api.call import Call
from fhir_service.fhir.errors import InvalidParameter, MalformedContent, NotFound
from fhir_service.fhir.json_text import parse
from fhir_service.fhir.parameters import Parameters
from fhir_service.terminology.errors import UnknownTerminology
from fhir_service.validation.structure import findings

Resources = Mapping[str, dict[str, Any]]


def meant(
    call: Call, asked: Parameters, held: Resources, kind: str, *, sent: str, version: str = ""
) -> Mapping[str, Any] | None:
    """The resource of that `kind` which the URL's id, the input `url` (with `version`) or the input `sent` means; None
    where nothing of it is said.

    Raises NotFound and UnknownTerminology, InvalidParameter where it is said twice, MalformedContent for a resource
    that is not of its type.
    """
    said = [name for name in ("url", sent) if name in asked]
    if len(said) + bool(call.id) > 1:
        text = f"say in one way which {kind} is meant: by id in the URL, by url, or by {sent}"
        raise InvalidParameter(text, expression=tuple(asked.place(name) for name in said))
    if call.id:
        return by_id(held, kind, call.id)
    if sent in asked:
        return sent_resource(asked, kind, sent)
    return by_url(held, kind, asked.text("url"), asked.text(version) if version else "") if "url" in asked else None


def by_id(held: Resources, kind: str, resource_id: str) -> dict[str, Any]:
    """One of ours by its id; HL7's have none here. Raises NotFound."""
    found = next((resource for resource in held.values() if resource.get("id") == resource_id), None)
    if found is None:
        raise NotFound(f"there is no {kind}/{resource_id}")
    return found


def by_url(held: Resources, kind: str, url: str, version: str = "") -> dict[str, Any]:
    """The one with that canonical URL, with or without `|version`. Raises UnknownTerminology."""
    canonical, _, stated = url.partition("|")
    found = held.get(canonical)
    if found is None:
        raise UnknownTerminology(f"this server has no {kind} {canonical[:200]}")
    for wanted in (version, stated):
        if wanted not in ("", found.get("version")):
            raise UnknownTerminology(
                f"of {canonical[:200]} this server has version {found.get('version')}, not {wanted[:80]}"
            )
    return found


def sent_resource(asked: Parameters, kind: str, name: str) -> dict[str, Any]:
    """A resource that came with the request. Raises MalformedContent."""
    text = asked.resource(name)
    resource = parse(text)
    if resource.get("resourceType") != kind:
        raise MalformedContent(f"{name} has to be a {kind}", expression=(asked.place(name),))
    if wrong := findings(text):
        raise MalformedContent(f"{name} is not a valid {kind}", issues=wrong)
    return resource
