"""The one order of commits: no place twice, none later than the clock, and time never runs back along it.

Exports and `_since` divide what is stored by place and time (docs/decisions/storage.md).
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from fhir_service.fhir.json_text import instant
from fhir_service.storage.checks.disagreement import Disagreement, Kind
from fhir_service.storage.checks.walks import Seen, Walk
from fhir_service.storage.dialects import Dialect
from fhir_service.storage.sessions import Session

_WALK = Walk("resource_version", ("place", "type", "id", "version", "partition_key"), "t.last_updated", has_text=False)
_CLOCK = "SELECT place, last_updated FROM commit_clock WHERE id = 1"
_ACCESSES = "SELECT max(place) FROM audit_event"


async def disagreements_of_order(session: Session, dialect: Dialect, seen: Seen) -> AsyncIterator[Disagreement]:
    """What is wrong with the order of commits."""
    last_place, last_moment, last_name = 0, 0, ""
    async for page in _WALK.pages(session, dialect, (0, "", "", 0, ""), seen):
        for place, kind, resource_id, version, _, moment in page:
            name = f"{kind}/{resource_id}/_history/{version}"
            if place == last_place:
                yield Disagreement(Kind.ORDER, name, f"it has the place {place} of {last_name}")
            if moment < last_moment:
                yield Disagreement(
                    Kind.ORDER,
                    name,
                    f"it is of {instant(moment)}, and {last_name}, before it, of {instant(last_moment)}",
                )
            last_place, last_moment, last_name = place, max(moment, last_moment), name
    clock = await session.fetch(_CLOCK)  # after the walk: it only goes on
    if not clock:
        yield Disagreement(Kind.ORDER, "commit_clock", "there is no clock")
        return
    ((place, moment),) = clock
    ((accesses,),) = await session.fetch(_ACCESSES)
    if max(last_place, accesses or 0) > place:
        yield Disagreement(
            Kind.ORDER, "commit_clock", f"its place {place} is behind {max(last_place, accesses or 0)}, which is stored"
        )
    if last_moment > moment:
        yield Disagreement(Kind.ORDER, "commit_clock", f"its time {instant(moment)} is behind {instant(last_moment)}")
