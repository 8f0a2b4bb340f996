"""The patients of a Group that lists its members, for an export of them."""

from __future__ import annotations

import re
from typing import Any

from fhir_service.fhir.errors import UnprocessableContent

_PATIENT = re.compile(r"(?:.*/)?Patient/([A-Za-z0-9\-.]{1,64})(?:/_history/.*)?")


def patients_of(group: dict[str, Any]) -> tuple[str, ...]:
    """Ids of the patients that belong to a Group (plain values) now.

    Raises UnprocessableContent for one that lists nobody: a cohort that a report speaks of describes patients and
    names none, and what it describes is not the patients of this store.
    """
    if group.get("modifierExtension"):
        raise _refused("its modifierExtension may change who belongs to it", "modifierExtension")
    if group.get("actual") is not True:
        raise _refused("it describes patients (actual is false) and lists none", "actual")
    if group.get("type") != "person":
        raise _refused("its members are no patients", "type")
    members = [one for one in group.get("member", ()) if not one.get("inactive")]
    found = [_PATIENT.fullmatch(str(one.get("entity", {}).get("reference", ""))) for one in members]
    if not all(found):
        raise _refused("it has members that are not given as a reference to a Patient", "member.entity")
    if not members:
        raise _refused("it lists no members", "member")
    return tuple(sorted({match[1] for match in found if match is not None}))


def _refused(reason: str, place: str) -> UnprocessableContent:
    return UnprocessableContent(f"this Group cannot be exported: {reason}", expression=(f"Group.{place}",))
