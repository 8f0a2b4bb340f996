"""Every version of every resource: its text is that resource, and the versions follow one another without a gap."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple

from fhir_service.fhir.errors import MalformedContent
from fhir_service.fhir.json_text import instant, parse
from fhir_service.storage.changes import Key
from fhir_service.storage.checks.disagreement import Disagreement, Kind
from fhir_service.storage.checks.walks import Seen, Walk
from fhir_service.storage.dialects import Dialect
from fhir_service.storage.sessions import Row, Session

_WALK = Walk(
    "resource_version",
    ("type", "id", "version", "partition_key"),
    "t.place, t.last_updated, t.action, t.text, EXISTS (SELECT 1 FROM resource_current c WHERE c.type = t.type "
    "AND c.id = t.id)",
)
_FIRST = frozenset({"created", "created-by-update"})
_NEXT = {"created": {"updated", "deleted"}, "created-by-update": {"updated", "deleted"}}
_NEXT |= {"updated": {"updated", "deleted"}, "deleted": set(_FIRST)}


class _Version(NamedTuple):
    key: Key
    number: int
    place: int
    last_updated: int
    action: str


async def disagreements_of_versions(session: Session, dialect: Dialect, seen: Seen) -> AsyncIterator[Disagreement]:
    """What is wrong with versions, in the order of their resources."""
    last: _Version | None = None
    async for page in _WALK.pages(session, dialect, ("", "", 0, ""), seen):
        for row in page:
            kind, resource_id, number, _, place, last_updated, action, text, has_current = row
            version = _Version((kind, resource_id), number, place, last_updated, action)
            before = last if last is not None and last.key == version.key else None
            name = f"{kind}/{resource_id}"
            if before is None and not has_current:
                yield Disagreement(Kind.VERSIONS, name, "there are versions and no current row")
            for wrong in _out_of_line(before, version):
                yield Disagreement(Kind.VERSIONS, f"{name}/_history/{number}", wrong)
            if problem := wrong_text(row[:3], last_updated, text, deleted=action == "deleted"):
                yield Disagreement(Kind.TEXT, f"{name}/_history/{number}", problem)
            last = version


def wrong_text(named: Row, last_updated: int, text: str, *, deleted: bool) -> str:
    """What is wrong with a text that should be the resource of that type, id and version; empty if nothing is."""
    kind, resource_id, version = named
    if deleted or not text:
        return "" if deleted and not text else "a deletion has a text" if deleted else "there is no text"
    try:
        resource = parse(text.encode())
    except MalformedContent as error:
        return str(error)
    meta = resource.get("meta")
    meta = meta if isinstance(meta, dict) else {}
    says = (resource.get("resourceType"), resource.get("id"), meta.get("versionId"), meta.get("lastUpdated"))
    wanted = (kind, resource_id, str(version), instant(last_updated))
    names = ("resourceType", "id", "meta.versionId", "meta.lastUpdated")
    odd = [
        f"{name} is {said}, not {want}" for name, said, want in zip(names, says, wanted, strict=True) if said != want
    ]
    return "; ".join(odd)


def _out_of_line(before: _Version | None, version: _Version) -> Iterator[str]:
    if before is None:
        if version.number != 1:
            yield f"the versions begin with {version.number}"
        elif version.action not in _FIRST:
            yield f"the first version is '{version.action}'"
        return
    if version.number != before.number + 1:
        yield f"the version before it is {before.number}"
    elif version.action not in _NEXT.get(before.action, ()):
        yield f"it is '{version.action}' after '{before.action}'"
    if version.place <= before.place:
        yield f"its place {version.place} in the order of commits is not behind {before.place} of the version before it"
    if version.last_updated < before.last_updated:
        yield f"it is older than the version before it, {instant(before.last_updated)}"
