"""What a document has in it: its Composition and what that leads to, Provenance of those, style sheets, nothing else
(R4 documents.html#content)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from fhir_service.fhir.errors import Issue
from fhir_service.fhir.references import references_in
from fhir_service.validation.bundle_links import Entries

STRAY = "bundle.stray"
_BESIDE = frozenset({"Provenance", "Binary"})
"""What may be there though its Composition leads to none of it."""
_MOST_ALIKE = 10


def document_issues(bundle: dict[str, Any], path: str) -> Iterator[Issue]:
    """Entries of a document that its Composition does not lead to: an error where nothing connects them, a warning
    where they refer to what it leads to, which R5 allows."""
    entries: Sequence[dict[str, Any]] = bundle.get("entry", ())
    known = Entries(entries)
    leads = [_leads(entry, known) for entry in entries]
    forward = _reached(leads)
    both = leads if len(forward) == len(entries) else _both_ways(leads)
    near = _reached(both)
    for index, entry in enumerate(entries):
        kind = entry.get("resource", {}).get("resourceType")
        if index in forward or kind is None or kind in _BESIDE:
            continue
        text = f"the Composition does not lead to this {kind}, and a document has nothing else in it; refer to it"
        severity = "warning" if index in near else "error"
        yield Issue(severity, "invariant", f"{text}, or leave it out", (f"{path}.entry[{index}]",), STRAY)


def _leads(entry: dict[str, Any], known: Entries) -> set[int]:
    """Where the references of an entry lead; of many of one name to the first few, which is a fault of its own."""
    found: set[int] = set()
    for reference in references_in(entry.get("resource")):
        found.update(known.led_to(reference, entry.get("fullUrl", ""))[:_MOST_ALIKE])
    return found


def _both_ways(leads: Sequence[set[int]]) -> Sequence[set[int]]:
    both = [set(targets) for targets in leads]
    for source, targets in enumerate(leads):
        for target in targets:
            both[target].add(source)
    return both


def _reached(leads: Sequence[set[int]]) -> set[int]:
    """The entries that can be come to from the first."""
    if not leads:
        return set()
    reached, waiting = {0}, [0]
    while waiting:
        fresh = leads[waiting.pop()] - reached
        reached |= fresh
        waiting += fresh
    return reached
