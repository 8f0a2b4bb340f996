"""The writes of a transaction before anything is looked up: which can be made ready, and which wait for the commit."""

from __future__ import annotations

from dataclasses import dataclass, field

from fhir_service.fhir.references import is_conditional
from fhir_service.storage.repository import Change, Create, Update
from fhir_service.workflows.link_bundle import Linker, references_of
from fhir_service.workflows.plan_bundle import PlannedEntry


@dataclass(slots=True)
class ReadyEntries:
    """The changes of those that depend on nothing, `open` are the others; `references` are the searches in references,
    with an entry that has each."""

    changes: dict[int, Change] = field(default_factory=dict)
    open: list[int] = field(default_factory=list)
    references: dict[str, int] = field(default_factory=dict)

    @staticmethod
    def of(writes: dict[int, PlannedEntry]) -> ReadyEntries:
        """What is known of these entries by their index."""
        ready = ReadyEntries()
        undecided = {entry.full_url for entry in writes.values() if entry.condition and entry.full_url}
        targets = {
            entry.full_url: entry.target
            for entry in writes.values()
            if entry.full_url and not entry.condition and entry.text
        }
        linker = Linker(targets, open=undecided)
        for index, entry in writes.items():
            for reference in filter(is_conditional, references_of(entry)):
                ready.references.setdefault(reference, index)
            if entry.method == "DELETE":
                continue
            linker.met_open = False
            linked = linker.linked(entry)
            if linker.met_open or entry.method == "PATCH" or (entry.condition and entry.method == "PUT"):
                ready.open.append(index)
            else:
                ready.changes[index] = change_of(linked)
        return ready


def change_of(entry: PlannedEntry) -> Create | Update:
    """What a POST or PUT asks of the store."""
    if entry.method == "PUT":
        return Update(
            entry.type, entry.id, entry.text, entry.if_match, if_none_match=entry.if_none_match, value=entry.resource
        )
    return Create(entry.type, entry.text, entry.id, is_new=True, value=entry.resource)
