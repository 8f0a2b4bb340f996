"""What a folder of exports holds, kept as it grows, so that an export cut off can go on.

`exports.ndjson` has lines about one export after the other: that it is begun and where its status is told, when it is
complete which files it has, which of them are here, and how it ended. A line that was cut off counts for nothing.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from fhir_service.workflows.bulk_client.errors import OtherExport
from fhir_service.workflows.locked_file import lock

LEDGER = "exports.ndjson"
SINCE = "since-"
"""So begin folders of exports that have only what is newer."""


class Begun(msgspec.Struct, frozen=True, kw_only=True, tag="begun", tag_field="line"):
    """An export of `wanted` (a kick-off without its base) from `server`, into `folder` below this one."""

    server: str
    wanted: str
    status: str = ""
    folder: str = ""


class Complete(msgspec.Struct, frozen=True, kw_only=True, tag="complete", tag_field="line"):
    """Its files, each with the count that was told."""

    transaction_time: str
    files: tuple[tuple[str, int | None], ...]


class Tag(msgspec.Struct, frozen=True, kw_only=True, tag="tag", tag_field="line"):
    """A file comes; `etag` is what goes on has to have."""

    file: str
    etag: str


class Fetched(msgspec.Struct, frozen=True, kw_only=True, tag="file", tag_field="line"):
    """A file is here."""

    file: str
    count: int
    bytes: int


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag="ended", tag_field="line"):
    """All is here; or, with a reason, nothing more will come."""

    reason: str = ""


Line = Begun | Complete | Tag | Fetched | Ended


@dataclass(slots=True)
class Export:
    """One export, as far as it is."""

    begun: Begun
    complete: Complete | None = None
    tags: dict[str, str] = field(default_factory=dict)
    files: dict[str, Fetched] = field(default_factory=dict)
    ended: Ended | None = None


class Ledger:
    """The ledger of one folder, open for one run at a time."""

    def __init__(self, folder: Path) -> None:
        """Open it, or begin one. Raises OSError, BlockingIOError where another run has it open."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = folder
        self.exports: list[Export] = []
        self._file = (folder / LEDGER).open("ab")
        try:
            lock(self._file)
            self._read()
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        """Let another run have it."""
        self._file.close()

    @property
    def last_time(self) -> str:
        """The transactionTime of the last export that is here; empty where there is none."""
        done = [one.complete for one in self.exports if one.ended and not one.ended.reason and one.complete]
        return done[-1].transaction_time if done else ""

    @property
    def current(self) -> Export:
        """The export that is under way, or was last."""
        return self.exports[-1]

    @property
    def is_unfinished(self) -> bool:
        """Whether an export is under way."""
        return bool(self.exports) and self.current.ended is None

    def goes_on(self, asked: Begun) -> bool:
        """Whether the last export is to go on; else there is room for what is asked. Raises OtherExport."""
        if self.is_unfinished:
            then = self.current.begun
            if msgspec.structs.replace(then, status="") != asked:
                text = f"{self.folder} has an unfinished export of {then.wanted} from {then.server or 'the store'}"
                raise OtherExport(f"{text}; --anew gives it up")
            return True
        room = self.folder / asked.folder
        there = [one.name for one in room.iterdir()] if room.is_dir() else []
        if others := sorted(one for one in there if one != LEDGER and not one.startswith((SINCE, "."))):
            raise OtherExport(f"{room} holds {others[0]} already; name another folder, or --since last")
        return False

    def begin(self, begun: Begun) -> None:
        self._add(begun)
        self.path_of("").mkdir(mode=0o700, exist_ok=True)

    def completed(self, transaction_time: str, files: tuple[tuple[str, int | None], ...]) -> None:
        """Raises OtherExport where the server told of other files before."""
        complete = Complete(transaction_time=transaction_time, files=files)
        if self.current.complete not in (None, complete):
            raise OtherExport("the server tells of other files than before the export was interrupted; begin --anew")
        if self.current.complete is None:
            self._add(complete)

    def tag_of(self, file: str) -> str:
        return self.current.tags.get(file, "")

    def begun_file(self, file: str, etag: str) -> None:
        self._add(Tag(file=file, etag=etag))

    def fetched(self, file: str, count: int, size: int) -> None:
        self._add(Fetched(file=file, count=count, bytes=size))

    def has(self, file: str) -> bool:
        """Whether it is here as it came."""
        known = self.current.files.get(file)
        path = self.path_of(file)
        return known is not None and path.is_file() and path.stat().st_size == known.bytes

    def give_up(self, reason: str) -> None:
        """It ends, and what came of it is removed."""
        for file in {*self.current.files, *self.current.tags}:
            for path in (self.path_of(file), self.path_of(f"{file}.part")):
                path.unlink(missing_ok=True)
        for part in ("deleted", "error"):
            with suppress(OSError):  # it is not there, or a person has put something in
                self.path_of(part).rmdir()
        self.end(reason)

    @property
    def has_all(self) -> bool:
        """Whether everything that was told of is here."""
        complete = self.current.complete
        return complete is not None and all(self.has(name) for name, _ in complete.files)

    def end(self, reason: str = "") -> None:
        self._add(Ended(reason=reason))

    def path_of(self, file: str) -> Path:
        """Where a file of the export stands; names are ours."""
        return self.folder / self.current.begun.folder / file

    def _add(self, line: Line) -> None:
        self._count(line)
        self._file.write(msgspec.json.encode(line) + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def _count(self, line: Line) -> None:
        if isinstance(line, Begun):
            self.exports.append(Export(line))
        elif not self.exports:
            return
        elif isinstance(line, Complete):
            self.current.complete = line
        elif isinstance(line, Tag):
            self.current.tags[line.file] = line.etag
        elif isinstance(line, Fetched):
            self.current.files[line.file] = line
        else:
            self.current.ended = line

    def _read(self) -> None:
        decoder = msgspec.json.Decoder(Line)
        raw = (self.folder / LEDGER).read_bytes()
        for text in raw.splitlines():
            try:
                self._count(decoder.decode(text))
            except msgspec.MsgspecError:
                continue
        if raw and not raw.endswith(b"\n"):
            self._file.write(b"\n")
