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
from fhir_service.workflows.accept_resource import in_thread_if_large
from fhir_service.workflows.stored_definitions import Definition

Resources = Mapping[str, dict[str, Any]]


async def meant(
    call: Call, asked: Parameters, held: Resources, kind: str, *, sent: str, version: str = ""
) -> Definition | None:
    """The resource of that `kind` which the URL's id, the input `url` (with `version`) or the input `sent` means; None
    where nothing of it is said. `held` are those that come with the service, by canonical URL.

    Raises NotFound and UnknownTerminology, InvalidParameter where it is said twice, MalformedContent for a resource
    that is not of its type.
    """
    said = [name for name in ("url", sent) if name in asked]
    if len(said) + bool(call.id) > 1:
        text = f"say in one way which {kind} is meant: by id in the URL, by url, or by {sent}"
        raise InvalidParameter(text, expression=tuple(asked.place(name) for name in said))
    if call.id:
        return await by_id(call, held, kind)
    if sent in asked:
        size = len(asked.resource(sent))
        return Definition(await in_thread_if_large(size, lambda: sent_resource(asked, kind, sent)), size)
    if "url" not in asked:
        return None
    return await by_url(call, held, kind, asked.text("url"), asked.text(version) if version else "")


async def by_id(call: Call, held: Resources, kind: str) -> Definition:
    """The one with the id of the URL, stored or ours. Raises NotFound, Gone."""
    try:
        return await call.definitions.by_id(kind, call.id)
    except NotFound:
        ours = next((resource for resource in held.values() if resource.get("id") == call.id), None)
        if ours is None:
            raise
        return Definition(ours)


async def by_url(call: Call, held: Resources, kind: str, url: str, version: str = "") -> Definition:
    """The one with that canonical URL, with or without `|version`; what comes with the service goes before what clients
    have stored. Raises UnknownTerminology."""
    canonical, _, stated = url.partition("|")
    wanted = {one for one in (version, stated) if one}
    ours = held.get(canonical)
    if ours is not None and wanted <= {ours.get("version")}:
        return Definition(ours)
    found = await call.definitions.with_url(kind, canonical, version or stated) if len(wanted) < 2 else None
    if found is not None:
        return found
    if ours is not None:
        others = ", ".join(sorted(wanted - {ours.get("version")}))
        text = f"of {canonical[:200]} this server has version {ours.get('version')}, not {others[:80]}"
        raise UnknownTerminology(text)
    of_version = f" in version {', '.join(sorted(wanted))[:80]}" if wanted else ""
    raise UnknownTerminology(f"this server has no {kind} {canonical[:200]}{of_version}")


def sent_resource(asked: Parameters, kind: str, name: str) -> dict[str, Any]:
    """A resource that came with the request. Raises MalformedContent."""
    text = asked.resource(name)
    resource = parse(text)
    if resource.get("resourceType") != kind:
        raise MalformedContent(f"{name} has to be a {kind}", expression=(asked.place(name),))
    if wrong := findings(text):
        raise MalformedContent(f"{name} is not a valid {kind}", issues=wrong)
    return resource
