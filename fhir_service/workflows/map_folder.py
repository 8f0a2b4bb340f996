"""A folder of reports to a folder of Bundles, by many workers; what is done already is not done again."""

from __future__ import annotations

import errno
import hashlib
import os
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

import msgspec

from fhir_service.reports.decoding import UnreadableReportError
from fhir_service.workflows.map_ledger import Entry, Ledger, Run
from fhir_service.workflows.map_shard import MappedFile, MapRun, ReportFile, map_shard, release
from fhir_service.workflows.read_report_file import citation_beside, file_bytes
from fhir_service.workflows.run_shards import OtherRelease, Shard, Workers, run_shards

__all__ = ["FolderRun", "Folders", "OtherRelease", "map_folder"]

_FEWEST_FILES, _MOST_FILES, _MOST_BYTES = 4, 16, 256 * 1024
"""Of one shard: small enough that little is lost by Ctrl-C, large enough that handing it over costs little."""
_SHARDS_EACH = 4
"""For each worker at least, so that none is idle at the end."""


@dataclass(frozen=True)
class Folders:
    """`files` lie below `reports`; the Bundle of `a/b.txt` becomes `bundles/a/b.txt.json`."""

    reports: Path
    bundles: Path
    files: tuple[Path, ...]

    def name(self, file: Path) -> str:
        """Of a file below `reports`; bytes that are no UTF-8 are written out."""
        return os.fsencode(file.relative_to(self.reports).as_posix()).decode("utf-8", "backslashreplace")

    def bundle(self, name: str) -> Path:
        return self.bundles / f"{name}.json"


@dataclass
class FolderRun:
    """What a run comes to, as it goes on: an entry for every report that was seen to, and the names of those that were
    mapped now. `gone` are reports that are no longer there while their Bundles still are."""

    entries: dict[str, Entry] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)
    gone: list[str] = field(default_factory=list)

    @property
    def failed(self) -> dict[str, str]:
        """Why there is no Bundle, by name."""
        return {name: entry.error for name, entry in sorted(self.entries.items()) if entry.error}

    @property
    def mapped(self) -> int:
        return sum(not self.entries[name].error for name in self.made)

    @property
    def unchanged(self) -> int:
        return sum(not entry.error for name, entry in self.entries.items() if name not in self.made)

    @property
    def patients(self) -> int:
        return sum(entry.patients for entry in self.entries.values())

    @property
    def notes(self) -> Counter[str]:
        """How many reports have each note."""
        return Counter(note for entry in self.entries.values() for note in entry.notes)


def map_folder(
    folders: Folders,
    run: MapRun,
    workers: Workers | None,
    into: FolderRun,
    *,
    max_bytes: int,
    tell: Callable[[], None],
    go_on: bool = False,
) -> None:
    """Map every report that has no Bundle of its present text by this release; `tell` is called after each.

    `go_on` keeps the instant of a run that was cut off. `workers` None works in this process. A report that fails is
    noted and stops no other. Raises OSError where Bundles cannot be written, BlockingIOError where another run writes
    there, OtherRelease.
    """
    folders.bundles.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(folders.bundles)
    try:
        if go_on and ledger.run is not None and not ledger.run.finished:
            run = msgspec.structs.replace(run, recorded=ledger.run.recorded)
        ledger.begin(Run(recorded=run.recorded))
        _Mapping(folders, ledger, run, into, max_bytes=max_bytes, tell=tell).work(workers)
    finally:
        ledger.close()


class _Mapping:
    def __init__(
        self,
        folders: Folders,
        ledger: Ledger,
        run: MapRun,
        into: FolderRun,
        *,
        max_bytes: int,
        tell: Callable[[], None],
    ) -> None:
        self.folders = folders
        self.ledger = ledger
        self.run = run
        self.max_bytes = max_bytes
        self.into = into
        self.tell = tell
        model = f" {run.reader.model} at {run.reader.url}" if run.reader else ""
        self.release = f"{release()} {run.base} {run.review_below:g}{model}"
        self.contents: dict[str, str] = {}
        """Of what workers have in hand: the SHA-256 by name."""

    def work(self, workers: Workers | None) -> None:
        results = self._results(workers)
        try:
            for mapped in results:
                self._write(mapped)
        finally:
            results.close()
        self._finish()

    def _results(self, workers: Workers | None) -> Generator[MappedFile, None, None]:
        """Workers are started only where there is more than one shard for them."""
        at_once = len(self.folders.files) // (_SHARDS_EACH * workers.count) if workers else 0
        shards = self._shards(min(max(at_once, _FEWEST_FILES), _MOST_FILES))
        begun = list(islice(shards, 2))
        if workers is not None and len(begun) > 1:
            yield from run_shards(chain(begun, shards), self.run, workers, release())
        else:
            for shard in chain(begun, shards):
                yield from map_shard(shard, self.run).files

    def _shards(self, most: int) -> Iterator[Shard]:
        shard: list[ReportFile] = []
        size = 0
        for path in self.folders.files:
            file = self._unless_done(path)
            if file is None:
                continue
            shard.append(file)
            size += len(file.content)
            if len(shard) >= most or size >= _MOST_BYTES:
                yield shard
                shard, size = [], 0
        if shard:
            yield shard

    def _unless_done(self, path: Path) -> ReportFile | None:
        name = self.folders.name(path)
        try:
            file = ReportFile(name, file_bytes(path, self.max_bytes), citation_beside(path))
        except UnreadableReportError as error:
            self.contents[name] = ""
            self._write(MappedFile(name, error=str(error)))
            return None
        content = hashlib.sha256(file.content + b"\x00" + (file.citation or b"")).hexdigest()
        entry = self.ledger.entries.get(name)
        if entry is not None and (entry.content, entry.release) == (content, self.release) and self._is_there(entry):
            self._done(entry)
            return None
        self.contents[name] = content
        return file

    def _is_there(self, entry: Entry) -> bool:
        if not entry.bundle:
            return False
        try:
            return (self.folders.bundles / entry.bundle).stat().st_size == entry.size
        except OSError:
            return False

    def _write(self, mapped: MappedFile) -> None:
        """The Bundle first and then its line. A Bundle of an earlier text goes where there is none of this one."""
        path = self.folders.bundle(mapped.name)
        error = mapped.error or _written(path, mapped.bundle)
        if error:
            _removed(path)
        entry = Entry(
            file=mapped.name,
            content=self.contents.pop(mapped.name),
            release=self.release,
            bundle="" if error else path.relative_to(self.folders.bundles).as_posix(),
            size=0 if error else len(mapped.bundle),
            source=mapped.source_key,
            patients=0 if error else mapped.patients,
            notes=() if error else mapped.notes,
            error=error,
        )
        self.ledger.add(entry)
        self.into.made.add(entry.file)
        self._done(entry)

    def _done(self, entry: Entry) -> None:
        self.into.entries[entry.file] = entry
        self.tell()

    def _finish(self) -> None:
        names = [self.folders.name(path) for path in self.folders.files]
        self._refuse_doubles(names)
        self.into.gone = sorted(self.ledger.entries.keys() - set(names))
        self.ledger.finish(names)

    def _refuse_doubles(self, names: Iterable[str]) -> None:
        """Two Bundles of one source would tell of the same patients twice: the first file has it."""
        seen: dict[str, str] = {}
        for name in names:
            entry = self.ledger.entries[name]
            if entry.error or (first := seen.setdefault(entry.source, name)) == name:
                continue
            _removed(self.folders.bundle(name))
            error = f"its source '{entry.source}' is that of {first}"
            refused = msgspec.structs.replace(entry, bundle="", size=0, patients=0, notes=(), error=error)
            self.ledger.entries[name] = self.into.entries[name] = refused


def _written(path: Path, content: bytes) -> str:
    """Write a file that is there whole or not at all. What is wrong with its name; raises OSError for all else."""
    part = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        os.replace(part, path)
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        return "its name is too long for that of a Bundle"
    return ""


def _removed(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
