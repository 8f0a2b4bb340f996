"""What the command `remap` shows: each report that changes, element by element, for people and as JSON.

What is shown goes to stdout, what is counted and what failed to stderr.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from fhir_service.fhir.differences import ABSENT, Difference
from fhir_service.fhir.json_text import encode
from fhir_service.storage.repository import Repository
from fhir_service.workflows.remap_plan import ResourceChange
from fhir_service.workflows.remap_report import RemappedReport, Remapping
from fhir_service.workflows.remap_reports import NotRemapped, remap_reports

_LONGEST = 160
"""Characters of a value that are shown; JSON has all of it."""
_SIGNS = {"created": ("+", "green"), "updated": ("~", "yellow"), "deleted": ("-", "red")}


async def remap_and_show(
    repository: Repository, source_keys: Sequence[str], remapping: Remapping, *, as_json: bool
) -> bool:
    """Map the reports anew and show each as it is done. Whether any could not be."""
    console = Console(soft_wrap=True, highlight=False, markup=False)
    errors = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    counts = Counter[str]()
    async for report in remap_reports(repository, source_keys, remapping):
        counts.update(_counted(report))
        if report is None or (isinstance(report, RemappedReport) and not (report.changes_something or report.kept)):
            continue
        if as_json:
            sys.stdout.buffer.write(json_line(report, remapping))
            sys.stdout.buffer.flush()
        elif isinstance(report, NotRemapped):
            errors.print(f"{report.source_key} cannot be mapped anew: {report.reason}")
        else:
            show(console, report, remapping)
    errors.print(_summary(counts, remapping))
    return counts["failed"] > 0


def show(console: Console, report: RemappedReport, remapping: Remapping) -> None:
    """One report, its resources with what differs in each. Styles show in a terminal only."""
    console.print(Text(report.source_key, "bold"))
    for url, was, now in _versions(report, remapping):
        console.print(f"  {url} {was} → {now}")
    for change in report.changes:
        _show_change(console, change)
    if report.provenances:
        console.print(f"  ~ {report.provenances} Provenance")
    for change in report.kept:
        console.print(Text(f"  ! {'/'.join(change.key)} was changed by hand and is kept; it would be {change.action}:"))
        _show_differences(console, change.differences)


def _versions(report: RemappedReport, remapping: Remapping) -> list[tuple[str, str, str]]:
    """Each map that made it in another version: URL, that version, the present one."""
    present = dict(canonical.split("|") for canonical in remapping.present if "|" in canonical)
    named = [canonical.partition("|") for canonical in report.maps]
    return [(url, was or "without a version", present.get(url, "no more")) for url, _, was in named]


def json_line(report: RemappedReport | NotRemapped, remapping: Remapping) -> bytes:
    """The same as one line of JSON; of a difference `old` or `new` is left out where nothing is there."""
    if isinstance(report, NotRemapped):
        return encode({"source": report.source_key, "error": report.reason}) + b"\n"
    told = {
        "source": report.source_key,
        "maps": [{"url": url, "was": was, "now": now} for url, was, now in _versions(report, remapping)],
        "readBy": report.read_by,
        "applied": remapping.apply,
        **{action: _resources(report.changes, action) for action in _SIGNS},
        "provenance": report.provenances,
        "kept": [{"action": change.action} | _resource(change) for change in report.kept],
    }
    return encode(told) + b"\n"


def _counted(report: RemappedReport | NotRemapped | None) -> dict[str, int]:
    if isinstance(report, NotRemapped):
        return {"failed": 1}
    if report is None:
        return {"as they are": 1}
    actions = Counter[str](change.action for change in report.changes)
    return {"changed" if report.changes_something else "as they are": 1, **actions, "kept": len(report.kept)}


def _summary(counts: Counter[str], remapping: Remapping) -> str:
    if not counts["changed"] and not counts["failed"]:
        kept = f"; {counts['kept']} resources changed by hand are kept" if counts["kept"] else ""
        return f"Nothing to do: {counts['as they are']} reports are as the present maps make them{kept}."
    resources = ", ".join(f"{counts[action]} {action}" for action in _SIGNS)
    failed = f"; {counts['failed']} could not be" if counts["failed"] else ""
    done = "mapped anew" if remapping.apply else "would be mapped anew (nothing is stored without --apply)"
    kept = f", {counts['kept']} kept as somebody changed them" if counts["kept"] else ""
    return f"{counts['changed']} reports {done}: {resources}{kept}; {counts['as they are']} as they were{failed}."


def _show_change(console: Console, change: ResourceChange) -> None:
    sign, style = _SIGNS[change.action]
    by_hand = " (changed by hand)" if change.by_hand else ""
    console.print(Text(f"  {sign} {'/'.join(change.key)}{by_hand}", style))
    _show_differences(console, change.differences)


def _show_differences(console: Console, found: Iterable[Difference]) -> None:
    for path, old, new in found:
        console.print(Text.assemble(f"      {path}: ", (_value(old), "red"), " → ", (_value(new), "green")))


def _value(value: Any) -> str:
    if value is ABSENT:
        return "nothing"
    text = encode(value).decode()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text)} characters)"


def _resources(changes: Iterable[ResourceChange], action: str) -> list[dict[str, Any]]:
    return [_resource(change) for change in changes if change.action == action]


def _resource(change: ResourceChange) -> dict[str, Any]:
    told: dict[str, Any] = {"resource": "/".join(change.key)}
    if change.by_hand:
        told["changedByHand"] = True
    if change.differences:
        told["differences"] = [_difference(one) for one in change.differences]
    return told


def _difference(one: Difference) -> dict[str, Any]:
    found = {"path": one.path, "old": one.old, "new": one.new}
    return {name: value for name, value in found.items() if value is not ABSENT}
