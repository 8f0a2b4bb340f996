"""Adverse events, of a file or of the store, in the form of clinical research. A view: nothing is stored."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from fhir_service.fhir.access import Access
from fhir_service.fhir.errors import Gone, MalformedContent, NotFound, TooLarge
from fhir_service.fhir.json_text import parse
from fhir_service.fhir.references import restful_url
from fhir_service.mapping.research_events import misses, research_events
from fhir_service.search.query import Cursor, Query, TypeSearch
from fhir_service.storage.repository import Repository, Stored
from fhir_service.validation.json_text import read_json
from fhir_service.validation.structure import findings

EVENT, DOCUMENT = "AdverseEvent", "DocumentReference"
_AT_ONCE = 100
_QUICK = 8
"""Resources that hold up nobody; more are projected in a thread."""


class ProjectedPage(NamedTuple):
    """The projection of one page of events, and the cursor of the next; None on the last."""

    bundle: dict[str, Any]
    next: str | None


class Counted:
    """How many events were projected, and how often others miss a rule."""

    def __init__(self) -> None:
        self.projected = 0
        self.missed: Counter[str] = Counter()

    def add(self, bundle: Mapping[str, Any]) -> None:
        issues = misses(bundle)
        self.projected += len(bundle.get("entry", ())) - bool(issues)
        self.missed.update(issue["details"]["coding"][0]["code"] for issue in issues)

    def text(self) -> str:
        """One sentence for a person."""
        rules = ", ".join(f"{rule} {count}" for rule, count in sorted(self.missed.items()))
        events = f"{self.projected} adverse {'event' if self.projected == 1 else 'events'} projected"
        return f"{events}; rules that others miss: {rules}." if rules else f"{events}."


def project_file(path: Path, *, max_bytes: int, base: str) -> dict[str, Any]:
    """The projection of what a file holds. Raises NotFound where it cannot be opened, TooLarge, MalformedContent."""
    try:
        with path.open("rb") as file:
            text = file.read(max_bytes + 1)
    except OSError as error:
        raise NotFound(f"it cannot be opened ({error.strerror})") from None
    if len(text) > max_bytes:
        raise TooLarge(f"it is larger than {max_bytes:,} bytes")
    return project_content(text, base=base)


def project_content(text: bytes, *, base: str) -> dict[str, Any]:
    """The projection of the events of a Bundle, or of one AdverseEvent. `base` is that of our own canonical URLs.

    Raises MalformedContent with everything that is wrong with it, or where it is another resource.
    """
    resource = read_json(text)
    if wrong := [issue for issue in findings(resource) if issue.severity in ("error", "fatal")]:
        raise MalformedContent("the resource is not valid", issues=wrong)
    kind = resource["resourceType"]
    if kind not in ("Bundle", EVENT):
        raise MalformedContent(
            f"there are adverse events in a Bundle or an {EVENT}, not in a {kind}", expression=(kind,)
        )
    return research_events(resource if kind == "Bundle" else _collection([{"resource": resource}]), base)


async def project_stored(
    repository: Repository, event_id: str, access: Access, *, address: str, base: str
) -> dict[str, Any]:
    """The projection of one stored event, whose `fullUrl` begins with `address`. Raises NotFound, Gone."""
    event = await repository.read(EVENT, event_id, access)
    return await _projected(repository, [event], access, address, base)


async def project_found(
    repository: Repository, query: Query, access: Access, *, address: str, base: str
) -> ProjectedPage:
    """The projection of one page of events that a search finds."""
    page = await repository.search(query, access)
    return ProjectedPage(await _projected(repository, page.matches, access, address, base), page.next)


async def project_all(
    repository: Repository, access: Access, *, address: str, base: str
) -> AsyncIterator[dict[str, Any]]:
    """The projections of all events of the store, a Bundle for each hundred."""
    query = Query((TypeSearch(EVENT),), count=_AT_ONCE)
    while True:
        page = await project_found(repository, query, access, address=address, base=base)
        yield page.bundle
        if page.next is None:
            return
        query = replace(query, after=Cursor.read(page.next, query.sort))


async def _projected(
    repository: Repository, events: Sequence[Stored], access: Access, address: str, base: str
) -> dict[str, Any]:
    texts = [(f"{address}/{EVENT}/{stored.id}", stored.text) for stored in events]
    documents = [found async for found in _documents(repository, events, access)]
    texts += [(f"{address}/{DOCUMENT}/{stored.id}", stored.text) for stored in documents]

    def work() -> dict[str, Any]:
        return research_events(_collection([{"fullUrl": url, "resource": parse(text)} for url, text in texts]), base)

    return await asyncio.to_thread(work) if len(texts) > _QUICK else work()


async def _documents(repository: Repository, events: Sequence[Stored], access: Access) -> AsyncIterator[Stored]:
    """The documents that the events name, each once: one may have been entered in error."""
    named = {
        url.id: None
        for event in events
        for reference in parse(event.text).get("referenceDocument", ())
        if (url := restful_url(str(reference.get("reference")))) and url.type == DOCUMENT
    }
    for document_id in named:
        try:
            yield await repository.read(DOCUMENT, document_id, access)
        except (NotFound, Gone):
            continue


def _collection(entries: list[dict[str, Any]]) -> Mapping[str, Any]:
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}
