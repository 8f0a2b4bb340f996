"""What the entries of a Bundle say about each other: their URLs, their versions, where their references lead.

R4 bundle.html, documents.html and search.html, beyond the invariants of Bundle.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

from fhir_service.fhir.errors import Issue
from fhir_service.fhir.references import references_in, restful_url
from fhir_service.validation.bundle_links import Entries
from fhir_service.validation.documents import document_issues
from fhir_service.validation.resource_walk import objects

Entry = dict[str, Any]

DOUBLE, DEAD_END = "bdl-7", "bundle.reference"
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:.+", re.DOTALL)
_URN = re.compile(r"urn:(uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|oid:[0-2](\.(0|[1-9][0-9]*))+)", re.IGNORECASE)
_URNS = ("urn:uuid:", "urn:oid:")
_PAGES = frozenset({"first", "previous", "prev", "next", "last"})
_CLOSED = frozenset({"document", "message", "transaction", "batch"})
"""Types in which a `urn:` has to lead somewhere. A collection or a page of a search may be a part of something."""
_IN_THE_DOCUMENT = frozenset(
    {"resourceType", "subject", "encounter", "author", "attester", "custodian", "event", "section"}
)
"""Elements of a Composition that refer to what a document has in it (R4 documents.html#content)."""
_ASK, _BRING = frozenset({"transaction", "batch"}), frozenset({"POST", "PUT"})
_HOLD_RESOURCES = frozenset({"Bundle", "Parameters"})
_SHOWN = 120
MOST_FINDINGS = 1000


class _Fault(NamedTuple):
    """A fault of one entry, at one of its elements."""

    rule: str
    element: str
    text: str
    severity: str = "error"


def bundle_findings(resource: dict[str, Any]) -> list[Issue]:
    """Everything about a Bundle, and about those inside it, that the entries say only together; the structure is right.
    Without a Bundle there is nothing to find. At most MOST_FINDINGS are listed."""
    if resource.get("resourceType") not in _HOLD_RESOURCES:
        return []
    every = (issue for bundle, path in _bundles(resource) for issue in _findings(bundle, path))
    found = list(islice(every, MOST_FINDINGS + 1))
    if len(found) > MOST_FINDINGS:
        text = f"only the first {MOST_FINDINGS:,} findings about entries are listed; mend these and send it again"
        found[MOST_FINDINGS:] = [Issue("information", "incomplete", text, rule="bundle.more")]
    return found


def _bundles(resource: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    waiting: list[tuple[Any, str]] = [(resource, str(resource.get("resourceType")))]
    while waiting:
        current, path = waiting.pop()
        if current.get("resourceType") == "Bundle":
            yield current, path
            inner = [
                (entry.get("resource"), f"{path}.entry[{at}]") for at, entry in enumerate(current.get("entry", ()))
            ]
        else:
            inner = [(part.get("resource"), at) for part, at in _parameters(current, path)]
        waiting += [
            (found, f"{at}.resource")
            for found, at in reversed(inner)
            if found is not None and found["resourceType"] in _HOLD_RESOURCES
        ]


def _parameters(holder: dict[str, Any], path: str) -> Iterator[tuple[dict[str, Any], str]]:
    waiting = deque((part, f"{path}.parameter[{at}]") for at, part in enumerate(holder.get("parameter", ())))
    while waiting:
        part, place = waiting.popleft()
        yield part, place
        waiting += [(inner, f"{place}.part[{at}]") for at, inner in enumerate(part.get("part", ()))]


def _findings(bundle: dict[str, Any], path: str) -> Iterator[Issue]:
    entries = bundle.get("entry", [])
    for index, entry in enumerate(entries):
        for fault in (_full_url_fault(entry), _search_fault(bundle, entry), _request_fault(bundle, entry)):
            if fault:
                place = f"{path}.entry[{index}].{fault.element}"
                yield _issue(fault.rule, place, fault.text, severity=fault.severity)
    yield from _doubles(bundle, path)
    yield from _references(bundle, path)
    if bundle.get("type") == "document":
        yield from document_issues(bundle, path)
    yield from _pages(bundle, path)


def _full_url_fault(entry: Entry) -> _Fault | None:
    url = entry.get("fullUrl")
    if not isinstance(url, str):
        return None
    resource, own, shown = entry.get("resource", {}), restful_url(url), url[:_SHOWN]
    if not _ABSOLUTE.fullmatch(url):
        text = f"the fullUrl '{shown}' is relative; write the absolute URL, or urn:uuid: and a UUID"
        return _Fault("bundle.full-url", "fullUrl", text)
    if own and own.type != resource.get("resourceType", own.type):
        text = f"the fullUrl is that of a {own.type}, the resource a {resource['resourceType']}; mend one of them"
        return _Fault("bundle.full-url", "fullUrl", text)
    if own and own.id != resource.get("id", own.id):
        text = (
            f"the fullUrl says the id is {own.id}, the resource says {str(resource['id'])[:_SHOWN]}; mend one of them"
        )
        return _Fault("bundle.full-url", "fullUrl", text)
    if url.startswith(_URNS) and not _URN.fullmatch(url):
        text = f"the fullUrl '{shown}' is no UUID or OID; others may not accept it"
        return _Fault("bundle.urn", "fullUrl", text, "warning")
    return None


def _search_fault(bundle: dict[str, Any], entry: Entry) -> _Fault | None:
    if bundle.get("type") != "searchset" or "resource" not in entry:
        return None
    resource, mode = entry["resource"], entry.get("search", {}).get("mode")
    if mode == "outcome" and resource["resourceType"] != "OperationOutcome":
        text = f"search.mode is outcome, the resource a {resource['resourceType']}; an outcome is an OperationOutcome"
        return _Fault("bundle.search-mode", "search.mode", text)
    if resource["resourceType"] != "OperationOutcome" and "id" not in resource:
        return _Fault("bundle.search-id", "resource", "what a search found has an id; add it")
    return None


def _request_fault(bundle: dict[str, Any], entry: Entry) -> _Fault | None:
    method = entry.get("request", {}).get("method")
    if bundle.get("type") in _ASK and method in _BRING and "resource" not in entry:
        return _Fault(
            "bundle.request", "request.method", f"a {method} needs the resource that is to be written; add it"
        )
    return None


def _doubles(bundle: dict[str, Any], path: str) -> Iterator[Issue]:
    """bdl-7, said of the second one; and one version of one resource given twice in a history."""
    first_at: dict[tuple[str, str], int] = {}
    is_history = bundle.get("type") == "history"
    for index, entry in enumerate(bundle.get("entry", [])):
        url, version = entry.get("fullUrl"), entry.get("resource", {}).get("meta", {}).get("versionId", "")
        if not isinstance(url, str) or (is_history and not version):
            continue
        first = first_at.setdefault((url, version), index)
        if first != index:
            text = f"entry {first} has the fullUrl '{url[:_SHOWN]}' too, and the same meta.versionId; keep one of them"
            yield _issue("bundle.version" if is_history else DOUBLE, f"{path}.entry[{index}].fullUrl", text)


def _references(bundle: dict[str, Any], path: str) -> Iterator[Issue]:
    entries = bundle.get("entry", [])
    known = Entries(entries)
    is_document = bundle.get("type") == "document"
    severity = "error" if bundle.get("type") in _CLOSED else "warning"
    for index, entry in enumerate(entries):
        if "resource" not in entry or entry["resource"]["resourceType"] in _HOLD_RESOURCES:
            continue
        resource, full_url, place = entry["resource"], entry.get("fullUrl", ""), f"{path}.entry[{index}].resource"

        def fault_of(reference: str, full_url: str = full_url) -> str:
            return _reference_fault(known.led_to(reference, full_url), reference, is_document)

        def absence_of(reference: str, full_url: str = full_url) -> str:
            return _absence(known.led_to(reference, full_url), reference)

        yield from _at_their_places(resource, place, fault_of, severity)
        if is_document and index == 0:
            part = {name: value for name, value in resource.items() if name in _IN_THE_DOCUMENT}
            yield from _at_their_places(part, place, absence_of, severity)


def _reference_fault(found: Sequence[int], reference: str, is_document: bool) -> str:
    """What is wrong with a reference that leads to these entries."""
    shown = reference[:_SHOWN]
    if is_document and len(found) > 1:
        return f"the reference '{shown}' means {len(found)} entries; say the version, or keep one of them"
    if not found and reference.startswith(_URNS):
        return f"the reference '{shown}' is the fullUrl of no entry; add the entry, or mend the reference"
    return ""


def _absence(found: Sequence[int], reference: str) -> str:
    if found or not restful_url(reference):
        return ""
    return f"the document has no entry for '{reference[:_SHOWN]}'; what its Composition is made of is in the document"


def _at_their_places(
    resource: dict[str, Any], path: str, fault_of: Callable[[str], str], severity: str
) -> Iterator[Issue]:
    if not any(fault_of(reference) for reference in references_in(resource)):
        return
    for holder, element, place in objects(resource, path):
        reference = element.get("reference") if holder == "Reference" else None
        if isinstance(reference, str) and (text := fault_of(reference)):
            yield _issue(DEAD_END, f"{place}.reference", text, severity=severity)


def _pages(bundle: dict[str, Any], path: str) -> Iterator[Issue]:
    if bundle.get("type") in ("searchset", "history"):
        return
    for index, link in enumerate(bundle.get("link", [])):
        if link.get("relation") in _PAGES:
            text = f"the link '{link['relation']}' leads through pages, which only a searchset and a history have"
            yield _issue("bundle.link", f"{path}.link[{index}].relation", text, severity="warning")


def _issue(rule: str, where: str, text: str, *, severity: str = "error") -> Issue:
    return Issue(severity, "invariant", text, (where,), rule)
