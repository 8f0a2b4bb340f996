"""An export of another server, from the kick-off to the last file, through any number of interruptions."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

import httpx
import msgspec

from fhir_service.workflows.bulk_client.client_key import ClientKey
from fhir_service.workflows.bulk_client.conversation import Conversation
from fhir_service.workflows.bulk_client.download import Download
from fhir_service.workflows.bulk_client.errors import Lost, NotExported
from fhir_service.workflows.bulk_client.ledger import Begun, Ledger
from fhir_service.workflows.bulk_client.manifest import ListedFile, listed_files
from fhir_service.workflows.bulk_client.origins import Origins, origin, read_url
from fhir_service.workflows.bulk_client.pace import Pace
from fhir_service.workflows.bulk_client.polling import completed, drop, kick_off
from fhir_service.workflows.bulk_client.tokens import Tokens
from fhir_service.workflows.bulk_client.wanted import Wanted

_SECONDS = 60.0
"""Without a byte; then the connection is given up."""


class Watcher(Protocol):
    """Hears how far it is."""

    def waits(self, progress: str) -> None:
        """The server is at work; `progress` is its own word."""

    def fetches(self, files: int, resources: int | None) -> None:
        """So many files come, and so many resources if all of them were counted."""

    def came(self, file: str, resources: int) -> None:
        """So many of one file are here."""


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


@dataclass(frozen=True, slots=True)
class Export:
    """What is here. `counts` are resources by type, `issues` by severity what the server told of the export."""

    folder: Path
    transaction_time: str
    counts: Counter[str]
    deleted: int
    issues: Counter[str]


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
        if not _all_here(ledger):
            await _fetch(talk, status, ledger, watcher, parallel)
        await _drop(talk, status)
        ledger.end()
    return _export(ledger)


async def _fetch(talk: Conversation, status: str, ledger: Ledger, watcher: Watcher, parallel: int) -> None:
    try:
        pages = await completed(talk, status, watcher.waits)
    except Lost as fault:
        ledger.give_up(str(fault))
        raise
    files = listed_files(pages)
    ledger.completed(pages[0].transaction_time, tuple((one.name, one.count) for one in files))
    missing = [one for one in files if not ledger.has(one.name)]
    counts = [one.count for one in missing]
    watcher.fetches(len(missing), None if None in counts else sum(one or 0 for one in counts))
    download = Download(talk, ledger, watcher.came)
    await _each(download, missing, parallel)


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


def _all_here(ledger: Ledger) -> bool:
    complete = ledger.current.complete
    return complete is not None and all(ledger.has(name) for name, _ in complete.files)


@asynccontextmanager
async def _client(parallel: int) -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=parallel + 1)
    async with httpx.AsyncClient(verify=authorities(), timeout=_SECONDS, limits=limits, follow_redirects=False) as http:
        yield http


@cache
def authorities() -> ssl.SSLContext:
    """Those that this machine trusts, its owner's included; TLS 1.2 at least."""
    return ssl.create_default_context()


class _Issue(msgspec.Struct):
    severity: str = "error"


class _Beside(msgspec.Struct):
    """A line beside the output: an OperationOutcome, or a Bundle of what was deleted."""

    issue: list[_Issue] = []
    entry: list[msgspec.Raw] = []


def _export(ledger: Ledger) -> Export:
    counts: Counter[str] = Counter()
    issues: Counter[str] = Counter()
    deleted = 0
    for file in ledger.current.files.values():
        part, _, name = file.file.rpartition("/")
        if not part:
            counts[name.partition(".")[0]] += file.count
            continue
        with ledger.path_of(file.file).open("rb") as lines:
            for line in lines:
                told = msgspec.json.decode(line, type=_Beside)
                issues.update(one.severity for one in told.issue)
                deleted += len(told.entry)
    complete = ledger.current.complete
    time = complete.transaction_time if complete is not None else ""
    return Export(ledger.path_of(""), time, counts, deleted, issues)
