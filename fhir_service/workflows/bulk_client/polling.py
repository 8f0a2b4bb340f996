"""An export from its kick-off to its manifest: begun, asked for as often as the server likes, dropped."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from fhir_service.workflows.bulk_client.answers import plain, refusal
from fhir_service.workflows.bulk_client.asking import PASSING
from fhir_service.workflows.bulk_client.conversation import Conversation
from fhir_service.workflows.bulk_client.errors import BrokenAnswer, Lost, StillRunning
from fhir_service.workflows.bulk_client.manifest import Manifest, read_manifest
from fhir_service.workflows.bulk_client.wanted import Wanted

Tell = Callable[[str], None]
_BEGIN = {"Accept": "application/fhir+json", "Prefer": "respond-async"}
_PARAMETERS = {"Content-Type": "application/fhir+json"}
_JSON = {"Accept": "application/json"}
_LONGEST_PROGRESS = 100
_MOST_PAGES = 10_000


async def kick_off(server: Conversation, wanted: Wanted) -> str:
    """The status URL. Raises as `Conversation.ask` does."""
    base, body = server.origins.base, wanted.body
    if body:
        url = base.copy_with(raw_path=_below(base, wanted.path))
        said = await server.ask("POST", url, _BEGIN | _PARAMETERS, body, once=True)
    else:
        url = base.copy_with(raw_path=_below(base, wanted.text))
        said = await server.ask("GET", url, _BEGIN, once=True)
    if said.status != httpx.codes.ACCEPTED:
        raise refusal("the export", said)
    location = said.headers.get("content-location", "")
    return str(server.origins.own(location, "the status URL of the export"))


async def completed(server: Conversation, status_url: str, tell: Tell) -> list[Manifest]:
    """The manifest with all its pages, when the export is complete. Raises StillRunning too."""
    first = await _first_page(server, status_url, tell)
    pages, seen = [first], {status_url}
    while url := pages[-1].next:
        if url in seen or len(pages) == _MOST_PAGES:
            raise BrokenAnswer("the manifest goes on without end")
        seen.add(url)
        page = await _first_page(server, url, tell)
        if page.transaction_time != first.transaction_time:
            raise BrokenAnswer("transactionTime is not the same on every page of the manifest")
        pages.append(page)
    return pages


async def drop(server: Conversation, status_url: str) -> bool:
    """Let the server forget the export and its files; whether it does."""
    said = await server.ask("DELETE", server.origins.own(status_url, "the status URL"), _BEGIN)
    return httpx.codes.is_success(said.status) or said.status in (httpx.codes.NOT_FOUND, httpx.codes.GONE)


async def _first_page(server: Conversation, address: str, tell: Tell) -> Manifest:
    url = server.origins.own(address, "the status URL")
    end = server.pace.clock() + server.pace.in_all
    attempt = 0
    while True:
        said = await server.ask("GET", url, _JSON)
        if said.status == httpx.codes.OK:
            return read_manifest(said)
        if said.status != httpx.codes.ACCEPTED:
            fault = refusal("the question how far the export is", said)
            raise Lost(str(fault), said.status) if _is_lost(said.status) else fault
        tell(plain(said.headers.get("x-progress", ""), _LONGEST_PROGRESS))
        wait = server.pace.wait(said.headers.get("retry-after"), attempt)
        if server.pace.clock() + wait > end:
            raise StillRunning("the export is not complete yet; the same command asks again")
        await server.pace.sleep(wait)
        attempt += 1


def _is_lost(status: int) -> bool:
    return status in (httpx.codes.NOT_FOUND, httpx.codes.GONE) or (status >= 500 and status not in PASSING)


def _below(base: httpx.URL, text: str) -> bytes:
    return base.raw_path.rstrip(b"/") + b"/" + text.encode("ascii")
