"""A report that somebody submits, in any of its forms, to what it would make and everything that is found about it.

Nothing is stored and nothing looked up here. What is found is told where it stands in what was sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import msgspec

from fhir_service.fhir.errors import FhirError, Issue, MalformedContent
from fhir_service.fhir.json_text import encode, parse
from fhir_service.mapping.form_report import item_path
from fhir_service.mapping.map_report import map_case_report_traced
from fhir_service.reports.case_report import CaseReport, from_json
from fhir_service.reports.decoding import UnreadableReportError, decode_report
from fhir_service.reports.reading import reading_of
from fhir_service.reports.report import Report, Source
from fhir_service.reports.source import InvalidSourceError, named_source
from fhir_service.validation.json_text import read_json
from fhir_service.workflows.fact_issues import fact_issues, only_facts
from fhir_service.workflows.map_form import map_form
from fhir_service.workflows.map_report import MappedReport, map_report
from fhir_service.workflows.mapped_findings import ROOT, mapped_findings
from fhir_service.workflows.review import REVIEW_BELOW
from fhir_service.workflows.submitted_document import stated_document, stated_extractor

FORM = "QuestionnaireResponse"
_FAILED = ("error", "fatal")
_AT = re.compile(r" - at `\$(.*)`$")
"""Where msgspec says that it met the fault: the only shapes it looks at are those of `source` and `extractor`."""


@dataclass(frozen=True, slots=True)
class CheckedSubmission:
    """`id` is the name of the source, else the SHA-256 of what was sent; `root` what expressions begin with. Where it
    is refused there is no report; `unreadable` where it could not even be read."""

    id: str
    root: str
    issues: tuple[Issue, ...]
    report: Report | None = None
    mapped: MappedReport | None = None
    unreadable: bool = False

    @property
    def is_refused(self) -> bool:
        return _fails(self.issues)


def check_case_report(sent: bytes, *, recorded: str, base: str) -> CheckedSubmission:
    """A CaseReport in the JSON of the logical model. `recorded` is the instant that Provenance would name."""
    try:
        content = read_json(sent)
    except MalformedContent as error:
        return _unreadable(sent, ROOT, error.issues)
    issues = fact_issues(content, base)
    if not isinstance(content, Mapping):
        return _unreadable(sent, ROOT, issues, unreadable=False)
    facts = only_facts(content)
    try:
        report, told = stated_document(content, sent.decode())
        issues += told
        if _fails(issues):
            return CheckedSubmission(report.source_key, ROOT, tuple(issues))
        name, version = stated_extractor(content)
        stated = from_json(encode(facts))
    except msgspec.ValidationError as error:
        return _unreadable(
            sent, ROOT, issues if _fails(issues) else [*issues, _shape_issue(str(error))], unreadable=False
        )
    issues += _emptiness(stated, ROOT, "it states neither a case nor a figure about a group")
    issues += _identity_warnings(report, ROOT) + _contradictions(stated)
    made = map_case_report_traced(stated, report, recorded=recorded, base=base, extractor=version, extractor_name=name)
    issues += mapped_findings(made, stated)
    mapped = MappedReport(made.bundle, reading_of(stated, report, version, name), ())
    return CheckedSubmission(report.source_key, ROOT, tuple(issues), report, mapped)


def check_form(sent: bytes, *, recorded: str, base: str) -> CheckedSubmission:
    """A QuestionnaireResponse that answers the case-report form."""
    try:
        form = map_form(sent, recorded=recorded, base=base)
    except FhirError as error:
        return _unreadable(sent, FORM, error.issues, unreadable=isinstance(error, MalformedContent))
    issues = _identity_warnings(form.report, FORM)
    issues += [
        replace(issue, expression=tuple(dict.fromkeys(item_path(at, form.facts) for at in issue.expression)))
        for issue in fact_issues(only_facts(form.facts.content), base)
    ]
    issues += _emptiness(form.mapped.reading.case_report, FORM, "its answers state neither a case nor a figure")
    return CheckedSubmission(form.report.source_key, FORM, tuple(issues), form.report, form.mapped)


def check_text(
    sent: bytes, source_name: str, *, recorded: str, base: str, review_below: float = REVIEW_BELOW
) -> CheckedSubmission:
    """The text of a report. `source_name` is its DOI, PMID, URL or name, empty where it has none. Facts of a confidence
    below `review_below` are not mapped."""
    try:
        source = named_source(source_name) if source_name else Source()
        report = Report(text=decode_report(sent), source=source)
    except (UnreadableReportError, InvalidSourceError) as error:
        return _unreadable(sent, ROOT, [Issue("error", "structure", str(error), (ROOT,), "submission.unreadable")])
    mapped = map_report(report, recorded=recorded, base=base, review_below=review_below)
    facts = mapped.reading.case_report
    issues = fact_issues(parse(bytes(mapped.reading.facts)), base)
    issues += _identity_warnings(report, ROOT) + _contradictions(facts)
    issues += [
        Issue("information", "informational", note, (ROOT,), "submission.for-review") for note in mapped.for_review
    ]
    issues += _emptiness(facts, ROOT, " ".join(mapped.notes) or "nothing that the service understands was read in it")
    return CheckedSubmission(report.source_key, ROOT, tuple(issues), report, mapped)


def _fails(issues: Iterable[Issue]) -> bool:
    return any(issue.severity in _FAILED for issue in issues)


def _emptiness(facts: CaseReport, root: str, why: str) -> list[Issue]:
    if facts.case or facts.group_statement:
        return []
    return [Issue("error", "business-rule", why, (root,), "submission.nothing-stated")]


def _identity_warnings(report: Report, root: str) -> list[Issue]:
    if report.source.key is not None:
        return []
    text = (
        "the report names neither DOI, PMID and URL nor a name of its own: sent once more with a correction, it would "
        "be another report"
    )
    return [Issue("warning", "business-rule", text, (root,), "submission.no-identifier")]


def _contradictions(facts: CaseReport) -> list[Issue]:
    return [
        Issue("warning", "business-rule", one.detail, (f"{ROOT}.contradiction[{number}]",), "report.contradiction")
        for number, one in enumerate(facts.contradiction)
    ]


def _shape_issue(text: str) -> Issue:
    found = _AT.search(text)
    place = f"{ROOT}{found[1]}" if found else ROOT
    return Issue("error", "structure", _AT.sub("", text), (place,), "submission.structure")


def _unreadable(sent: bytes, root: str, issues: Any, *, unreadable: bool = True) -> CheckedSubmission:
    return CheckedSubmission(sha256(sent).hexdigest(), root, tuple(issues), unreadable=unreadable)
