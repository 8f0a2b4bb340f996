"""What the command `validate` shows: each finding on a line or each outcome as JSON, and at the end what it comes to.

What is found goes to stdout, what is counted to stderr.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from fhir_service.fhir.errors import Issue
from fhir_service.fhir.outcomes import outcome_of_line
from fhir_service.workflows.validate_files import Judged

LEVELS = {"error": 0, "fatal": 0, "warning": 1, "information": 2}
MOST_SHOWN = 100
"""Findings of one resource that are printed as text; JSON has all."""
_MOST_RULES = 30
_FILE_RULES = frozenset({"file.unread", "service.fault"})


@dataclass
class Tally:
    """What a run found so far."""

    resources: int = 0
    unread: int = 0
    """Files that were named and are not there, and resources that we failed at: nothing was validated."""
    files: set[str] = field(default_factory=set)
    severities: Counter[str] = field(default_factory=Counter)
    rules: Counter[tuple[str, str]] = field(default_factory=Counter)

    def take(self, judged: Judged) -> None:
        unread = any(issue.rule in _FILE_RULES for issue in judged.issues)
        self.unread += unread
        self.resources += bool(judged.line) and not unread
        self.files.add(judged.file)
        for issue in judged.issues:
            severity = "error" if issue.severity == "fatal" else issue.severity
            self.severities[severity] += 1
            self.rules[severity, issue.rule or issue.code] += 1

    def exit_code(self, fail_on: str) -> int:
        """0 nothing of that severity, 1 something, 2 not all could be validated."""
        if self.unread:
            return 2
        return int(any(LEVELS[severity] <= LEVELS[fail_on] for severity, count in self.severities.items() if count))

    def lines(self) -> list[str]:
        """The summary: resources and findings, then how often each rule was broken, the most frequent first."""
        counts = ", ".join(counted(self.severities[one], one) for one in ("error", "warning"))
        notes = f", {self.severities['information']:,} notes" if self.severities["information"] else ""
        total = f"{counted(self.resources, 'resource')} in {counted(len(self.files), 'file')}: {counts}{notes}"
        unread = f"; {self.unread:,} could not be validated" if self.unread else ""
        shown = self.rules.most_common(_MOST_RULES)
        rules = [f"  {count:>9,}  {severity:<11}  {rule}" for (severity, rule), count in shown]
        if len(self.rules) > len(shown):
            rules.append(f"  … and {len(self.rules) - len(shown):,} more rules")
        return [f"{total}{unread}", *rules]


def show(
    results: Iterable[Judged], tally: Tally, *, as_json: bool, level: str, quiet: bool, progress: Progress
) -> None:
    """Print each as it comes, and count it. `level` is the least severe that is printed; `quiet` prints none."""
    out = sys.stdout.buffer
    for judged in results:
        tally.take(judged)
        progress.update(progress.task_ids[0], advance=judged.size, description=f"{tally.resources:,} resources")
        if quiet:
            continue
        kept = [issue for issue in judged.issues if LEVELS[issue.severity] <= LEVELS[level]]
        if as_json:
            out.write(outcome_of_line(kept, judged.file, judged.line) + b"\n")
        elif kept:
            out.write(_text(judged, kept).encode("utf-8", "backslashreplace"))
            out.flush()
    out.flush()


def progress_of(console: Console, total: int | None, doing: str = "Validating") -> Progress:
    """How far a run is, on a terminal only."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    progress.add_task(doing, total=total)
    return progress


def _text(judged: Judged, issues: list[Issue]) -> str:
    """`file:line: expression: severity rule: text`, one line each."""
    place = f"{judged.file}:{judged.line}" if judged.line else judged.file
    lines = [
        ": ".join(
            filter(
                None, (place, " ".join(issue.expression), f"{issue.severity} {issue.rule or issue.code}", issue.text)
            )
        )
        for issue in issues[:MOST_SHOWN]
    ]
    if len(issues) > MOST_SHOWN:
        lines.append(f"{place}: … and {len(issues) - MOST_SHOWN:,} more")
    return "".join(f"{' '.join(line.split())}\n" for line in lines)


def counted(number: int, name: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number:,} {name}{'' if number == 1 else 's'}"
