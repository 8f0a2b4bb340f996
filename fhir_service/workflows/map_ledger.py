"""What a folder of Bundles holds and of what each was made: kept as it grows, so that a run cut off can go on.

`reports.ndjson` has a line for the run and one for each report. A line is written after its Bundle is in place; of
several about one report the last one counts, and a line that was cut off counts for nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from fhir_service.workflows.locked_file import lock

LEDGER = "reports.ndjson"


class Run(msgspec.Struct, frozen=True, kw_only=True, tag="run", tag_field="line"):
    """The instant that Provenance names, and whether every report was seen to."""

    recorded: str
    finished: bool = False


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="report", tag_field="line"):
    """One report: `content` is the SHA-256 of the file and its citation, `release` what read it, `size` the bytes of
    the Bundle; `error` says why there is none."""

    file: str
    content: str
    release: str
    bundle: str = ""
    size: int = 0
    source: str = ""
    patients: int = 0
    notes: tuple[str, ...] = ()
    error: str = ""


class Ledger:
    """The ledger of one folder, open for one run at a time."""

    def __init__(self, folder: Path) -> None:
        """Open it, or begin one. Raises OSError, BlockingIOError where another run has it open."""
        self.path = folder / LEDGER
        self.run: Run | None = None
        self.entries: dict[str, Entry] = {}
        self._file = self.path.open("ab")
        try:
            lock(self._file)
            self._read()
        except BaseException:
            self._file.close()
            raise

    def begin(self, run: Run) -> None:
        """A run begins, or goes on."""
        self._append(run)

    def add(self, entry: Entry) -> None:
        """A report is done; it counts from now on."""
        self.entries[entry.file] = entry
        self._append(entry)

    def close(self) -> None:
        """Let another run have it."""
        self._file.close()

    def finish(self, files: Iterable[str]) -> None:
        """Every report was seen to: a line each, in this order, and no line about a report that is gone."""
        lines: list[Run | Entry] = [self.entries[file] for file in files]
        if self.run is not None:
            lines.insert(0, msgspec.structs.replace(self.run, finished=True))
        part = self.path.with_name(f"{LEDGER}.part")
        part.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
        os.replace(part, self.path)

    def _append(self, line: Run | Entry) -> None:
        if isinstance(line, Run):
            self.run = line
        self._file.write(msgspec.json.encode(line) + b"\n")
        self._file.flush()

    def _read(self) -> None:
        decoder = msgspec.json.Decoder(Run | Entry)
        raw = self.path.read_bytes()
        for text in raw.splitlines():
            try:
                line = decoder.decode(text)
            except msgspec.MsgspecError:
                continue  # cut off in the middle, or of a release that wrote another form: read that report again
            if isinstance(line, Run):
                self.run = line
            else:
                self.entries[line.file] = line
        if raw and not raw.endswith(b"\n"):
            self._file.write(b"\n")
