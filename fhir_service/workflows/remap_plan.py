"""What mapping a loaded report anew would change: its stored resources against those that the maps make now. Pure.

A resource in another version than the report left it in is a client's work: it is kept, and so is its Provenance, which
tells of what is stored and not of what the maps would make.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fhir_service.fhir.differences import Difference, differences
from fhir_service.fhir.json_text import encode, parse
from fhir_service.storage.changes import ReportState
from fhir_service.storage.repository import Change, Delete, Key, Stored, Update
from fhir_service.workflows.load_report import VOLATILE

Resources = Mapping[Key, Mapping[str, Any]]
_PROVENANCE = "Provenance"


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """One resource that is made, made otherwise, or made no longer; `differences` are those of an update. `by_hand`: a
    client has changed, deleted or made it since. `present` is the version that it has now, None where there is none."""

    action: Literal["created", "updated", "deleted"]
    key: Key
    differences: tuple[Difference, ...] = ()
    by_hand: bool = False
    present: int | None = None


@dataclass(frozen=True, slots=True)
class RemapPlan:
    """`changes` are to be written, `kept` would be but for a client's work, `made` is what the report makes then."""

    changes: tuple[ResourceChange, ...]
    kept: tuple[ResourceChange, ...]
    made: tuple[Key, ...]

    def written(self, resources: Resources) -> list[Change]:
        """The changes for the store; each is refused where somebody else has been there meanwhile."""
        return [_written(change, resources) for change in self.changes]


def remap_plan(
    state: ReportState, stored: Mapping[Key, Stored], resources: Resources, *, overwrite: bool = False
) -> RemapPlan:
    """`stored` are the newest versions of all that the report made and of `resources`, which it makes now."""
    keys = dict.fromkeys([*resources, *state.made])
    found = [_change(key, state, stored.get(key), resources.get(key)) for key in keys]
    changes = [change for change in found if change is not None]
    kept = [change for change in changes if change.by_hand and not overwrite]
    left = {change.key for change in kept}
    left |= {change.key for change in changes if _tells_of(change.key, left, stored, resources)}
    deleted = {change.key for change in changes if change.action == "deleted"} - left
    return RemapPlan(
        changes=tuple(change for change in changes if change.key not in left),
        kept=tuple(kept),
        made=tuple(key for key in keys if key not in deleted and (key in state.made or key not in left)),
    )


def maps_named(stored: Collection[Stored]) -> set[str]:
    """The maps, canonical|version, that the Provenances among them name."""
    provenances = [parse(one.text) for one in stored if one.type == _PROVENANCE and one.text]
    whats = [entity.get("what", {}) for provenance in provenances for entity in provenance.get("entity", ())]
    return {what.get("identifier", {}).get("value", "") for what in whats if what.get("type") == "StructureMap"}


def _change(
    key: Key, state: ReportState, stored: Stored | None, resource: Mapping[str, Any] | None
) -> ResourceChange | None:
    is_there = stored is not None and not stored.deleted
    by_hand = not _left_by(state, key, stored)
    if stored is None or not is_there:
        return None if resource is None else ResourceChange("created", key, by_hand=by_hand)
    if resource is None:
        return ResourceChange("deleted", key, by_hand=by_hand, present=stored.version)
    left_out = VOLATILE.get(key[0], frozenset()) | {"meta"}
    before, after = _without(parse(stored.text), left_out), _without(resource, left_out)
    if encode(before) == encode(after):
        return None
    found = tuple(differences(before, parse(encode(after))))
    return ResourceChange("updated", key, found, by_hand, stored.version) if found else None


def _left_by(state: ReportState, key: Key, stored: Stored | None) -> bool:
    """Whether nobody has touched it since the report was mapped. What an earlier release loaded has no version in the
    books: of that only the first is certainly the report's."""
    if key not in state.made:
        return stored is None or stored.deleted
    return stored is not None and not stored.deleted and stored.version == (state.made[key] or 1)


def _tells_of(key: Key, kept: Collection[Key], stored: Mapping[Key, Stored], resources: Resources) -> bool:
    """Whether it is the Provenance of something kept."""
    if key[0] != _PROVENANCE:
        return False
    versions = [resources.get(key, {}), parse(stored[key].text) if key in stored and stored[key].text else {}]
    named = {target.get("reference", "") for version in versions for target in version.get("target", ())}
    return any("/".join(one) in named for one in kept)


def _written(change: ResourceChange, resources: Resources) -> Change:
    if change.action == "deleted":
        return Delete(*change.key, if_match=change.present)
    text = encode(resources[change.key])
    if change.action == "created":
        return Update(*change.key, text, if_none_match="*")
    return Update(*change.key, text, if_match=change.present)


def _without(resource: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in resource.items() if name not in names}
