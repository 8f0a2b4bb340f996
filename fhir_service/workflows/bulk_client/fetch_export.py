"""An export of another server, from the kick-off to the last file, through any number of interruptions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import httpx
import msgspec

from fhir_service.workflows.bulk_client.client_key import ClientKey
from fhir_service.workflows.bulk_client.conversation import Conversation
from fhir_service.workflows.bulk_client.download import Download
from fhir_service.workflows.bulk_client.errors import Lost, NotExported, Refused
from fhir_service.workflows.bulk_client.exported import Export, Watcher, exported
from fhir_service.workflows.bulk_client.ledger import Begun, Ledger
from fhir_service.workflows.bulk_client.manifest import ListedFile, listed_files
from fhir_service.workflows.bulk_client.origins import Origins, origin, read_url
from fhir_service.workflows.bulk_client.pace import Pace
from fhir_service.workflows.bulk_client.polling import completed, drop, kick_off
from fhir_service.workflows.bulk_client.tokens import Tokens
from fhir_service.workflows.bulk_client.wanted import Wanted
from fhir_service.workflows.trusted_authorities import authorities

_SECONDS = 60.0
"""Without a byte; then the connection is given up."""
_RUN_OUT = frozenset({400, 401, 403, 404, 410})
"""What servers answer to a link that is good no longer."""


@dataclass(frozen=True, slots=True)
class Server:
    """Which server, and who asks. Without a key it is asked without a token. `trusted` are further origins that may
    have the token; `scope` is empty for what is usual."""

    base: str
    client_id: str = ""
    key: ClientKey | None = None
    scope: str = ""
    trusted: tuple[str, ...] = ()

    def conversation(self, http: httpx.AsyncClient, pace: Pace) -> Conversation:
        """Raises NotTrusted for what is no URL."""
        base = read_url(self.base.rstrip("/"), "--server")
        others = frozenset(origin(read_url(one, "--trust")) for one in self.trusted)
        origins = Origins(base, others)
        tokens = Tokens(self.client_id, self.key, origins, self.scope) if self.key is not None else None
        return Conversation(http, origins, pace, tokens)


async def fetch_export(
    server: Server,
    wanted: Wanted,
    ledger: Ledger,
    watcher: Watcher,
    pace: Pace,
    *,
    parallel: int = 4,
    anew: bool = False,
) -> Export:
    """Go on with the export that the ledger has, or begin one, until all its files are here; with `anew` an unfinished
    one is given up. Raises NotExported, OSError."""
    async with _client(parallel) as http:
        talk = server.conversation(http, pace)
        asked = Begun(server=str(talk.origins.base), wanted=wanted.text, folder=wanted.folder)
        if anew and ledger.is_unfinished:
            await _drop(talk, ledger.current.begun.status)
            ledger.give_up("it was begun anew")
        if not ledger.goes_on(asked):
            status = await kick_off(talk, wanted)
            ledger.begin(msgspec.structs.replace(asked, status=status))
        status = ledger.current.begun.status
        if not ledger.has_all:
            await _fetch(talk, status, ledger, watcher, parallel)
        await _drop(talk, status)
        ledger.end()
    return exported(ledger)


async def _fetch(talk: Conversation, status: str, ledger: Ledger, watcher: Watcher, parallel: int) -> None:
    """Where links have run out, the manifest has new ones; as long as files come it is asked for again."""
    while True:
        missing = await _missing(talk, status, ledger, watcher)
        counts = [one.count for one in missing]
        watcher.fetches(len(missing), None if None in counts else sum(one or 0 for one in counts))
        before = len(ledger.current.files)
        try:
            await _each(Download(talk, ledger, watcher.came), missing, parallel)
        except Refused as fault:
            if fault.status not in _RUN_OUT or len(ledger.current.files) == before:
                raise
        else:
            return


async def _missing(talk: Conversation, status: str, ledger: Ledger, watcher: Watcher) -> list[ListedFile]:
    """The files that are not here yet."""
    try:
        pages = await completed(talk, status, watcher.waits)
    except Lost as fault:
        ledger.give_up(str(fault))
        raise
    files = listed_files(pages)
    ledger.completed(pages[0].transaction_time, tuple((one.name, one.count) for one in files))
    return [one for one in files if not ledger.has(one.name)]


async def _drop(talk: Conversation, status: str) -> None:
    """Whether the server likes it or not: what it keeps expires by itself."""
    with suppress(NotExported):
        await drop(talk, status)


async def _each(download: Download, files: list[ListedFile], parallel: int) -> None:
    """So many at once; the first failure ends the others where they are."""
    left = iter(files)

    async def work() -> None:
        for file in left:
            await download.fetch(file)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(parallel, len(files))):
                group.create_task(work())
    except ExceptionGroup as faults:
        raise faults.exceptions[0] from None


@asynccontextmanager
async def _client(parallel: int) -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=parallel + 1)
    async with httpx.AsyncClient(verify=authorities(), timeout=_SECONDS, limits=limits, follow_redirects=False) as http:
        yield http
