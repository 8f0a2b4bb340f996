"""The fifth layer: where references lead. What can be seen in a resource or Bundle itself, and what a store has to say.

That a reference leads nowhere within its Bundle or among contained resources is for `bundles` and the invariants.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from fhir_service.fhir.errors import Issue
from fhir_service.fhir.references import RestfulUrl, restful_url
from fhir_service.validation import wording
from fhir_service.validation.bundle_links import Entries
from fhir_service.validation.placed_values import Place, Placed, placed_values

TARGET_TYPE, STATED_TYPE, MISSING = "reference.target-type", "reference.type", "reference.missing"
_TYPE_NAME = re.compile(r"(?:http://hl7\.org/fhir/StructureDefinition/)?([A-Za-z]+)")
_ANY = ("Resource",)
_SHOWN = 120

Key = tuple[str, str]


class StoreReference(NamedTuple):
    """A reference to a resource of the store, `type/id`, and where it stands."""

    type: str
    id: str
    expression: str


class _Link(NamedTuple):
    """A reference; `target` is where it leads within what was sent, None where that is elsewhere."""

    placed: Placed
    text: str
    target: Mapping[str, Any] | None


def reference_findings(resource: Mapping[str, Any]) -> list[Issue]:
    """References of a resource that is right in its structure to what may not stand there: a contained resource or an
    entry of another type, or of another one than the reference says."""
    return [issue for link in _links(resource) for issue in _type_issues(link)]


def store_references(resource: Mapping[str, Any], base: str = "") -> list[StoreReference]:
    """The references that only a store can follow: relative ones, and absolute ones below `base`, that lead to nothing
    in the resource or Bundle itself. Those to other servers are left alone."""
    sent = {(entry.type, entry.id) for entry in _sent(resource)}
    found = []
    for link in _links(resource):
        url = restful_url(link.text) if link.target is None else None
        if url is not None and (not url.root or url.root == base) and (url.type, url.id) not in sent:
            found.append(StoreReference(url.type, url.id, f"{link.placed.place.expression}.reference"))
    return found


def _sent(resource: Mapping[str, Any]) -> Iterator[RestfulUrl]:
    """What the entries of a Bundle are, or are to be written as."""
    for entry in resource.get("entry", ()) if resource.get("resourceType") == "Bundle" else ():
        own = entry.get("resource", {})
        for name in (f"{own.get('resourceType', '')}/{own.get('id', '')}", entry.get("request", {}).get("url", "")):
            if (url := restful_url(name)) is not None:
                yield url


def missing_targets(references: Sequence[StoreReference], there: Collection[Key], severity: str) -> list[Issue]:
    """What to say of those of which the store has nothing; `there` are the resources that it has."""
    issues = []
    for one in references:
        if (one.type, one.id) not in there:
            text = f"this server has no {one.type}/{one.id}; store it first, send both in one transaction, or mend it"
            issues.append(Issue(severity, "not-found", text, (one.expression,), MISSING))
    return issues


def _type_issues(link: _Link) -> Iterator[Issue]:
    where = link.placed.place.expression
    allowed = link.placed.element.targets.get("Reference", ())
    url = restful_url(link.text)
    if link.target is not None:
        led_to = link.target["resourceType"]
        if allowed and allowed != _ANY and led_to not in allowed and not (url and not url.root):
            text = wording.wrong_target(led_to, allowed)
            yield Issue("error", "value", text, (f"{where}.reference",), TARGET_TYPE)
    else:
        led_to = url.type if url is not None and not url.root else ""
    stated = _TYPE_NAME.fullmatch(link.placed.value.get("type", ""))
    if led_to and stated and stated[1] != led_to:
        text = f"the reference '{link.text[:_SHOWN]}' is to a {led_to}, its type says {stated[1][:_SHOWN]}; mend one"
        yield Issue("error", "value", text, (f"{where}.type",), STATED_TYPE)


def _links(resource: Mapping[str, Any]) -> Iterator[_Link]:
    """The references of a resource, or of all entries of a Bundle."""
    if resource.get("resourceType") != "Bundle":
        yield from _links_of(resource, None, None, "")
        return
    entries = resource.get("entry", ())
    known = _Known(entries)
    for index, entry in enumerate(entries):
        if "resource" in entry:
            place = Place(Place(Place(None, "Bundle"), "entry", index), "resource")
            yield from _links_of(entry["resource"], place, known, entry.get("fullUrl", ""))


class _Known:
    """The entries of a Bundle as targets."""

    def __init__(self, entries: Sequence[Mapping[str, Any]]) -> None:
        self._entries = entries
        self._by = Entries([entry if "resource" in entry else {} for entry in entries])

    def target(self, text: str, full_url: str) -> Mapping[str, Any] | None:
        found = self._by.led_to(text, full_url)
        return self._entries[found[0]].get("resource") if found else None


def _links_of(resource: Mapping[str, Any], place: Place | None, known: _Known | None, full_url: str) -> Iterator[_Link]:
    contained: dict[int, dict[str, Any]] = {}
    for placed in placed_values(resource, place):
        text = placed.value.get("reference") if placed.kind == "Reference" else None
        if not isinstance(text, str):
            continue
        holder = placed.resource
        if text.startswith("#") and id(holder) not in contained:
            contained[id(holder)] = {f"#{one.get('id')}": one for one in reversed(holder.get("contained", ()))}
        if text.startswith("#"):
            target = holder if text == "#" else contained[id(holder)].get(text)
        else:
            target = known.target(text, full_url) if known is not None else None
        yield _Link(placed, text, target)
