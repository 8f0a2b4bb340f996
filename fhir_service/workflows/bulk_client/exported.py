"""What came of an export, and who hears of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from fhir_service.workflows.bulk_client.ledger import Ledger


class Watcher(Protocol):
    """Hears how far it is."""

    def waits(self, progress: str, done: int = 0, parts: int | None = None) -> None:
        """The export is made; `progress` is the server's own word, `done` of its parts are done where that is known."""

    def fetches(self, files: int, resources: int | None) -> None:
        """So many files come, and so many resources if all of them were counted."""

    def came(self, file: str, resources: int) -> None:
        """So many of one file are here."""


@dataclass(frozen=True, slots=True)
class Export:
    """What is here. `counts` are resources by type, `issues` by severity what the server told of the export."""

    folder: Path
    transaction_time: str
    counts: Counter[str]
    deleted: int
    issues: Counter[str]


class _Issue(msgspec.Struct):
    severity: str = "error"


class _Beside(msgspec.Struct):
    """A line beside the output: an OperationOutcome, or a Bundle of what was deleted."""

    issue: list[_Issue] = []
    entry: list[msgspec.Raw] = []


def exported(ledger: Ledger) -> Export:
    """What the export that was last has brought."""
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
