"""Links inside a transaction become links inside the store: who is who, who points where (R4 http.html#trules)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fhir_service.fhir.json_text import encode
from fhir_service.fhir.new_id import new_id
from fhir_service.fhir.references import is_conditional, references_in, restful_url
from fhir_service.workflows.plan_bundle import BundlePlan, PlannedEntry
from fhir_service.workflows.rewrite_links import with_links

_HISTORY = "/_history/"
_URNS = ("urn:uuid:", "urn:oid:")
_WORDS = (b"urn:", b"?", b"\\u")
"""One of them is in the text of whatever has a link that may not stay; an escape may stand for a letter of another."""
_CLOSED = "Bundle"
"""The links in a Bundle that is itself an entry lead to its own entries (R4 bundle.html#references)."""


@dataclass(slots=True)
class Linker:
    """What links lead to: `targets` by fullUrl, `references` by the search that stands in a reference. Where `open`
    fullUrls lead to is not known yet; `met_open` tells that a link leads there, or to a search without a target."""

    targets: Mapping[str, str]
    references: Mapping[str, str] = field(default_factory=dict)
    open: Collection[str] = ()
    met_open: bool = False
    _roots: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        urls = map(restful_url, (*self.targets, *self.open))
        self._roots = frozenset(url.root for url in urls if url and url.root)

    def linked(self, entry: PlannedEntry) -> PlannedEntry:
        """The entry with its links as they are in the store; its bytes stay where there is nothing to change."""
        if entry.type == _CLOSED:
            return entry
        root = self._root(entry)
        if not root and not any(word in entry.text for word in (*_WORDS, b"\\/", *self._root_words())):
            return entry  # most resources hold nothing that could be such a link
        resource = self.value(entry.resource, root)
        return replace(entry, text=encode(resource), resource=resource) if resource != entry.resource else entry

    def value(self, resource: dict[str, Any], root: str = "") -> dict[str, Any]:
        """The same for the value of a resource. `root` is the base that its relative links are resolved on."""
        return with_links(resource, lambda link, is_reference: self._link(link, is_reference, root))

    def _root(self, entry: PlannedEntry) -> str:
        """The base on which the relative references of an entry are resolved, where others of the Bundle share it."""
        own = restful_url(entry.full_url)
        return own.root if own is not None and own.root in self._roots else ""

    def _root_words(self) -> Collection[bytes]:
        return [root.encode() for root in self._roots]

    def _link(self, link: str, is_reference: bool, root: str) -> str:
        if is_reference and is_conditional(link):
            self.met_open = self.met_open or link not in self.references
            return self.references.get(link, link)
        address, history, version = link.partition(_HISTORY)
        for name in (address, f"{root}/{address}") if root else (address,):
            if name in self.open:
                self.met_open = True
            elif name in self.targets:
                return f"{self.targets[name]}{history}{version}"
        return link


def name_created(plan: BundlePlan) -> None:
    """Give an id to what a transaction creates, so that links can lead to it."""
    for index, entry in plan.entries.items():
        if entry.method == "POST":
            plan.entries[index] = replace(entry, id=new_id())


def refuse_dead_ends(plan: BundlePlan, types: Collection[str], *, searches: bool) -> None:
    """Refuse the entries that refer to a `urn:` no entry of a transaction has, or by a search: in a type that is not
    served, or anywhere (`searches` false)."""
    known = {entry.full_url for entry in plan.entries.values() if entry.text and plan.type == "transaction"}
    for index, entry in list(plan.entries.items()):
        for reference in references_of(entry):
            if reference.startswith(_URNS) and reference.partition(_HISTORY)[0] not in known:
                text = f"the reference '{reference[:120]}' is the fullUrl of no entry"
                plan.refuse(index, "value", text, "resource")
            elif is_conditional(reference) and not searches:
                text = f"the reference '{reference[:120]}' is a search, which only a transaction resolves"
                plan.refuse(index, "not-supported", text, "resource")
            elif is_conditional(reference) and reference.partition("?")[0] not in types:
                text = f"the reference '{reference[:120]}' is a search in a type that this server does not have"
                plan.refuse(index, "not-supported", text, "resource")


def references_of(entry: PlannedEntry) -> list[str]:
    """References that may not stay as they are: to a `urn:`, or by a search."""
    if entry.type == _CLOSED or not any(word in entry.text for word in _WORDS):
        return []
    found = references_in(entry.resource)
    return [reference for reference in found if reference.startswith(_URNS) or is_conditional(reference)]


def refuse_doubles(plan: BundlePlan, targets: Mapping[int, str]) -> None:
    """Refuse the entries whose resource (`targets`, by entry) or fullUrl is that of another one."""
    first_at: dict[str, int] = {}
    for index, entry in list(plan.entries.items()):
        if entry.is_read:
            continue
        for name, element in ((targets.get(index, ""), "request.url"), (entry.full_url, "fullUrl")):
            first = first_at.setdefault(f"{element} {name}", index)
            if name and first != index:
                text = f"'{name[:120]}' is that of entry {first} too; an identity may stand in a transaction once"
                plan.refuse(index, "duplicate", text, element)
