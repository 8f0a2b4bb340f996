"""One file of an export into a folder: packed on the way, gone on with where it broke off, in place when it is whole.

What is there of a file stands under `….part`. It goes on behind that with a Range of the bytes as they are (RFC 9110
section 14), and only where the server sends the same file; what does not fit is fetched anew.
"""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import httpx

from fhir_service.workflows.bulk_client.answers import read_whole, refusal
from fhir_service.workflows.bulk_client.asking import BUSY, PASSING
from fhir_service.workflows.bulk_client.conversation import Conversation
from fhir_service.workflows.bulk_client.errors import BadFile, BrokenAnswer, CutOff
from fhir_service.workflows.bulk_client.ledger import Ledger
from fhir_service.workflows.bulk_client.lines import Lines, Unpacked
from fhir_service.workflows.bulk_client.manifest import ListedFile
from fhir_service.workflows.bulk_client.pace import Patience

_PIECE = 1024 * 1024
_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(?:\d{1,18}|\*)")
_SIZE = re.compile(r"bytes \*/(\d{1,18})")
_NDJSON = {"Accept": "application/fhir+ndjson"}


@dataclass(frozen=True, slots=True)
class Download:
    """Fetches files of one export. `tell` hears how many lines of a file are here."""

    server: Conversation
    ledger: Ledger
    tell: Callable[[str, int], None]

    async def fetch(self, file: ListedFile) -> None:
        """Raises BrokenAnswer, NotTrusted, Refused, OSError."""
        part = self.ledger.path_of(f"{file.name}.part")
        part.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        patience, before = Patience(self.server.pace), 0
        while True:
            try:
                count = await self._attempt(file, part)
                break
            except BadFile as fault:
                _forget(part)
                raise BadFile(f"{file.name}: {fault}") from None
            except (CutOff, httpx.TransportError) as fault:
                size = part.stat().st_size if part.exists() else 0
                if size > before:
                    patience, before = Patience(self.server.pace), size
                wait = patience.wait(fault.said, busy=True) if isinstance(fault, Busy) else patience.wait()
                if wait is None:
                    raise BrokenAnswer(f"{file.name}: {str(fault) or type(fault).__name__}") from fault
                await self.server.pace.sleep(wait)
        size = part.stat().st_size
        os.replace(part, self.ledger.path_of(file.name))
        self.ledger.fetched(file.name, count, size)

    async def _attempt(self, file: ListedFile, part: Path) -> int:
        """How many lines it has. Raises CutOff where it is not whole."""
        lines = Lines(file.type, file.count)
        have, tag = _checked(part, lines), self.ledger.tag_of(file.name)
        async with self.server.file(
            self.server.origins.followed(file.url, f"the URL of {file.name}"),
            _NDJSON | _asked(have, tag),
            with_token=file.with_token,
        ) as answer:
            if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and have:
                return self._ended(answer, have, part, lines)
            if answer.status_code not in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
                await self._refuse(file, answer)
            is_rest = answer.status_code == httpx.codes.PARTIAL_CONTENT
            if is_rest and not (have and _goes_on(answer, have, tag)):
                _forget(part)
                raise CutOff("the server goes on with another file")
            with part.open("ab" if is_rest else "wb") as out:
                if not is_rest:
                    lines = Lines(file.type, file.count)
                    self.ledger.begun_file(file.name, answer.headers.get("etag", ""))
                await self._write(file.name, answer, lines, out)
        lines.end()
        return lines.count

    async def _write(self, name: str, answer: httpx.Response, lines: Lines, out: BinaryIO) -> None:
        async for piece in _pieces(answer):
            lines.feed(piece)
            out.write(piece)
            out.flush()
            self.tell(name, lines.count)
        os.fsync(out.fileno())

    def _ended(self, answer: httpx.Response, have: int, part: Path, lines: Lines) -> int:
        """There is nothing behind what is here: it was all, or it is another file."""
        size = _SIZE.fullmatch(answer.headers.get("content-range", ""))
        if size is None or int(size[1]) != have:
            _forget(part)
            raise CutOff("the server has another file")
        try:
            lines.end()
        except CutOff as fault:
            raise BadFile(str(fault)) from None
        return lines.count

    async def _refuse(self, file: ListedFile, answer: httpx.Response) -> None:
        said = await read_whole(answer)
        fault = refusal(f"the question for {file.name}", said)
        if answer.status_code in BUSY:
            raise Busy(str(fault), answer.headers.get("retry-after"))
        if answer.status_code in PASSING or answer.status_code == httpx.codes.INTERNAL_SERVER_ERROR:
            raise CutOff(str(fault))
        raise fault


class Busy(CutOff):
    """The server has no time for the file now; `said` is its Retry-After."""

    def __init__(self, text: str, said: str | None) -> None:
        super().__init__(text)
        self.said = said


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)


def _checked(part: Path, lines: Lines) -> int:
    """How many bytes are here already, whose lines are good."""
    try:
        with part.open("rb") as held:
            while piece := held.read(_PIECE):
                lines.feed(piece)
            return held.tell()
    except FileNotFoundError:
        return 0
    except BadFile:  # the machine went down while it was written
        part.unlink()
        return 0


def _asked(have: int, tag: str) -> dict[str, str]:
    if not have:
        return {"Accept-Encoding": "gzip"}
    strong = {"If-Range": tag} if tag.startswith('"') else {}
    return {"Accept-Encoding": "identity", "Range": f"bytes={have}-", **strong}


def _goes_on(answer: httpx.Response, have: int, tag: str) -> bool:
    """Whether it is the rest of what is here. A gzipped file has a weak tag, the same but for its mark."""
    begins = _RANGE.fullmatch(answer.headers.get("content-range", ""))
    told = answer.headers.get("etag", "")
    is_same = not tag or not told or tag.removeprefix("W/") == told.removeprefix("W/")
    plain = answer.headers.get("content-encoding", "identity") == "identity"
    return begins is not None and int(begins[1]) == have and is_same and plain


async def _pieces(answer: httpx.Response) -> AsyncIterator[bytes]:
    """Unpacked. Raises CutOff, BadFile for a coding that was not asked for."""
    coding = answer.headers.get("content-encoding", "identity").strip().lower()
    if coding in ("", "identity"):
        async for piece in answer.aiter_raw():
            yield piece
        return
    if coding not in ("gzip", "x-gzip"):
        raise BadFile(f"it comes in a coding that was not asked for: {coding[:40]!r}")
    unpacked = Unpacked()
    async for packed in answer.aiter_raw():
        for piece in unpacked.feed(packed):
            yield piece
    for piece in unpacked.end():
        yield piece
