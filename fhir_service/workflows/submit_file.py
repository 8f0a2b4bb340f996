"""Many submissions in one file, one a line (NDJSON): each is checked and stored for itself, and has an outcome of its
own (HL7's guide CREDS 1.0.0, $registryUpload).

A line is a Bundle (CREDSSubmission), a CaseReport in the JSON of the logical model, or a QuestionnaireResponse.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import NamedTuple

from fhir_service.fhir.access import Access
from fhir_service.fhir.errors import FhirError, Issue, MalformedContent
from fhir_service.fhir.json_text import encode
from fhir_service.fhir.submission_outcomes import submission_outcome
from fhir_service.storage.repository import Repository
from fhir_service.validation.case_reports import is_case_report
from fhir_service.validation.json_text import read_json
from fhir_service.workflows.check_conformance import Conformance
from fhir_service.workflows.check_submission import FORM, CheckedSubmission, check_case_report, check_form
from fhir_service.workflows.map_report import now
from fhir_service.workflows.submission_bundle import CheckedBundle, check_bundle_text
from fhir_service.workflows.submit_bundle import submit_bundle, submitted
from fhir_service.workflows.submit_report import submit_report
from fhir_service.workflows.work_queue import WorkQueue

MOST_LINES = 20_000
_AT_ONCE = 32
"""Lines that are checked in one turn."""
_BUNDLE = "Bundle"
_UNREADABLE = "submission.unreadable"
_MOST_NAMED = 20


class Line(NamedTuple):
    """A line that is not blank; `number` counts all of them from 1."""

    number: int
    text: bytes


@dataclass(frozen=True, slots=True)
class FileOfSubmissions:
    """Where the lines of a file go. `conformance_of` finds what some texts are held against, with the definitions that
    they name."""

    content: bytes
    repository: Repository
    conformance_of: Callable[..., Awaitable[Conformance]]
    base: str
    access: Access
    validate_only: bool = False
    withhold: bool = False
    """Whether the words of the reports stay out of the store."""


_Checked = CheckedBundle | CheckedSubmission


def lines_of(content: bytes) -> Iterator[Line]:
    """One after the other, so that they are never all there twice."""
    start, number = 0, 0
    while start < len(content):
        end = content.find(b"\n", start)
        end = len(content) if end < 0 else end
        number += 1
        if text := content[start:end].strip():
            yield Line(number, text)
        start = end + 1


def survey(content: bytes) -> tuple[int, list[Issue]]:
    """How many submissions there are, and which lines are no JSON object: is it well formed at all?"""
    count, bad = 0, []
    for line in lines_of(content):
        count += 1
        if count > MOST_LINES:
            break
        try:
            fits = isinstance(read_json(line.text), dict)
        except MalformedContent:
            fits = False
        if not fits:
            bad.append(line.number)
    if not bad:
        return count, []
    named = ", ".join(map(str, bad[:_MOST_NAMED]))
    more = f" and {len(bad) - _MOST_NAMED} more" if len(bad) > _MOST_NAMED else ""
    text = f"{len(bad)} of {count} lines are no JSON object: {named}{more}; their outcomes say why"
    return count, [Issue("warning", "structure", text, (), _UNREADABLE)]


async def outcomes_of(file: FileOfSubmissions, queue: WorkQueue, after: int = 0) -> AsyncGenerator[bytes]:
    """A CREDSOperationOutcome for each line behind the first `after`, in their order. A line that is refused changes
    nothing, and holds up none of the others."""
    lines = islice(lines_of(file.content), after, None)
    while some := list(islice(lines, _AT_ONCE)):
        async with queue.patient_turn():
            conformance = await file.conformance_of(*(line.text for line in some))
            checked = await asyncio.to_thread(_all_checked, some, file.base, conformance)
        for together in _independent(checked):
            for outcome in await asyncio.gather(*(_outcome(one, line, file) for one, line in together)):
                yield outcome


def _all_checked(lines: Sequence[Line], base: str, conformance: Conformance) -> list[tuple[_Checked, Line]]:
    return [(_checked(line, base, conformance), line) for line in lines]


def _checked(line: Line, base: str, conformance: Conformance) -> _Checked:
    """Whatever it is; where nobody can tell it is held against the profile of the guide."""
    try:
        value = read_json(line.text)
    except MalformedContent as error:
        return CheckedBundle(f"line {line.number}", "", error.issues, unreadable=True)
    kind = value.get("resourceType") if isinstance(value, dict) else None
    if kind == FORM:
        return check_form(line.text, recorded=now(), base=base)
    if kind is None and (is_case_report(value) or (isinstance(value, dict) and "source" in value)):
        return check_case_report(line.text, recorded=now(), base=base)
    if kind != _BUNDLE:
        return CheckedBundle(f"line {line.number}", "", (_no_submission(kind),))
    return check_bundle_text(line.text, conformance)


def _no_submission(kind: object) -> Issue:
    what = f"the line is a {kind[:80]}" if isinstance(kind, str) else "the line has no resourceType"
    text = f"{what}; a line is a Bundle (CREDSSubmission), a CaseReport or a {FORM}"
    return Issue("error", "structure", text, ("resourceType",), "submission.structure")


def _independent(checked: Sequence[tuple[_Checked, Line]]) -> Iterator[list[tuple[_Checked, Line]]]:
    """Neighbours that can be stored at the same time: Bundles of different identities. Of the same one, the last line
    counts; a report is compared with those before it."""
    together: list[tuple[_Checked, Line]] = []
    keys: set[str] = set()
    for one, line in checked:
        key = one.key if isinstance(one, CheckedBundle) else ""
        if together and (not isinstance(one, CheckedBundle) or (key and key in keys)):
            yield together
            together, keys = [], set()
        together.append((one, line))
        keys.add(key)
        if not isinstance(one, CheckedBundle):
            yield together
            together, keys = [], set()
    if together:
        yield together


async def _outcome(checked: _Checked, line: Line, file: FileOfSubmissions) -> bytes:
    root = checked.root
    try:
        issues: Iterable[Issue] = await _stored(checked, line, file)
    except FhirError as error:
        issues = (*checked.issues, *(replace(issue, expression=(root,)) for issue in error.issues))
    return encode(submission_outcome(checked.id, issues, base=file.base, root=root))


async def _stored(checked: _Checked, line: Line, file: FileOfSubmissions) -> Iterable[Issue]:
    """Everything to be said of one. Raises FhirError where the store refuses it."""
    if isinstance(checked, CheckedSubmission):
        done = await submit_report(
            file.repository, checked, file.access, validate_only=file.validate_only, withhold=file.withhold
        )
        return done.issues
    if file.validate_only:
        return (await submitted(file.repository, checked, None, file.access)).issues
    return (await submit_bundle(file.repository, checked, line.text, file.access)).issues
