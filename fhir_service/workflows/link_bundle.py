"""Links inside a transaction become links inside the store (R4 http.html#trules): who is who, who points where."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import replace

from fhir_service.fhir.json_text import encode
from fhir_service.fhir.references import is_conditional, references_in, resolve_references, restful_url
from fhir_service.workflows.plan_bundle import BundlePlan, PlannedEntry


def link_bundle(plan: BundlePlan) -> None:
    """Give an id to what a transaction creates, and make every link to a fullUrl of it a link to `Type/id`.

    An entry is refused where its resource or fullUrl is that of another one, and where it refers to a `urn:` that no
    entry has, or by a search. A resource without such links keeps its bytes.
    """
    for index, entry in plan.entries.items():
        if entry.method == "POST":
            plan.entries[index] = replace(entry, id=str(uuid.uuid4()))
    _refuse_doubles(plan)
    written = [entry for entry in plan.entries.values() if entry.text and entry.full_url]
    _rewrite(plan, {entry.full_url: entry.target for entry in written})


def refuse_links(plan: BundlePlan) -> None:
    """In a batch no entry may refer to another: refuse those that refer to a `urn:`, or by a search."""
    _rewrite(plan, {})


def _refuse_doubles(plan: BundlePlan) -> None:
    first_at: dict[str, int] = {}
    for index, entry in list(plan.entries.items()):
        if entry.is_read:
            continue
        for name, element in ((entry.target, "request.url"), (entry.full_url, "fullUrl")):
            first = first_at.setdefault(f"{element} {name}", index)
            if name and first != index:
                text = f"'{name[:120]}' is that of entry {first} too; an identity may stand in a transaction once"
                plan.refuse(index, "duplicate", text, element)


def _rewrite(plan: BundlePlan, targets: Mapping[str, str]) -> None:
    roots = {url.root.encode() for url in map(restful_url, targets) if url and url.root}
    for index, entry in list(plan.entries.items()):
        if not any(word in entry.text for word in (b"urn:", b"?", b"\\", *roots)) and not _root(entry, roots):
            continue  # most resources hold nothing that could be such a link
        resource = resolve_references(entry.resource, targets, _root(entry, roots))
        if resource != entry.resource:
            plan.entries[index] = replace(entry, text=encode(resource), resource=resource)
        for reference in references_in(resource):
            if reference.startswith(("urn:uuid:", "urn:oid:")):
                plan.refuse(index, "value", f"the reference '{reference[:120]}' is the fullUrl of no entry", "resource")
            elif is_conditional(reference):
                text = f"the reference '{reference[:120]}' is a search; conditional references are not supported"
                plan.refuse(index, "not-supported", text, "resource")


def _root(entry: PlannedEntry, roots: Collection[bytes]) -> str:
    """The base on which the relative references of an entry are resolved, where others of the Bundle share it."""
    own = restful_url(entry.full_url)
    return own.root if own is not None and own.root.encode() in roots else ""
