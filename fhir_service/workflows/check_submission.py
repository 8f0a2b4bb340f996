"""A report that somebody submits, in any of its forms, to what it would make and everything that is found about it.

Nothing is stored and nothing looked up here. What is found is told where it stands in what was sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec

from fhir_service import __version__
from fhir_service.fhir.errors import FhirError, Issue, MalformedContent
from fhir_service.fhir.json_text import encode, parse
from fhir_service.mapping.fact_references import reference_faults
from fhir_service.mapping.map_report import map_case_report_traced
from fhir_service.reports.case_report import CaseReport, from_json
from fhir_service.reports.decoding import UnreadableReportError, decode_report
from fhir_service.reports.reading import reading_of
from fhir_service.reports.report import Report, Source
from fhir_service.reports.source import InvalidSourceError, named_source
from fhir_service.validation.json_text import read_json
from fhir_service.validation.walk import MOST_FINDINGS
from fhir_service.workflows.map_form import map_form
from fhir_service.workflows.map_report import MappedReport, map_report
from fhir_service.workflows.mapped_findings import ROOT, mapped_findings
from fhir_service.workflows.submitted_document import stated_document

FORM = "QuestionnaireResponse"
_FAILED = ("error", "fatal")
_AT = re.compile(r" - at `\$(.*)`$")
_BESIDE_THE_FACTS = ("source", "extractor")


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
        return any(issue.severity in _FAILED for issue in self.issues)


def check_case_report(sent: bytes, *, recorded: str, base: str) -> CheckedSubmission:
    """A CaseReport in the JSON of the logical model. `recorded` is the instant that Provenance would name."""
    try:
        content = read_json(sent)
        facts, report, issues = _stated(content, sent)
    except MalformedContent as error:
        return _unreadable(sent, ROOT, error.issues)
    except msgspec.ValidationError as error:
        return _unreadable(sent, ROOT, [_shape_issue(str(error))], unreadable=False)
    if any(issue.severity in _FAILED for issue in issues):
        return CheckedSubmission(report.source_key, ROOT, tuple(issues))
    made = map_case_report_traced(facts, report, recorded=recorded, base=base)
    issues += mapped_findings(made, facts)
    mapped = MappedReport(made.bundle, reading_of(facts, report, __version__), ())
    return CheckedSubmission(report.source_key, ROOT, tuple(issues), report, mapped)


def check_form(sent: bytes, *, recorded: str, base: str) -> CheckedSubmission:
    """A QuestionnaireResponse that answers the case-report form."""
    try:
        form = map_form(sent, recorded=recorded, base=base)
    except FhirError as error:
        return _unreadable(sent, FORM, error.issues, unreadable=isinstance(error, MalformedContent))
    issues = _identity_warnings(form.report, FORM)
    issues += _emptiness(form.mapped.reading.case_report, FORM, "its answers state neither a case nor a figure")
    return CheckedSubmission(form.report.source_key, FORM, tuple(issues), form.report, form.mapped)


def check_text(sent: bytes, source_name: str, *, recorded: str, base: str) -> CheckedSubmission:
    """The text of a report. `source_name` is its DOI, PMID, URL or name, empty where it has none."""
    try:
        source = named_source(source_name) if source_name else Source()
        report = Report(text=decode_report(sent), source=source)
    except (UnreadableReportError, InvalidSourceError) as error:
        return _unreadable(sent, ROOT, [Issue("error", "structure", str(error), (ROOT,), "submission.unreadable")])
    mapped = map_report(report, recorded=recorded, base=base)
    facts = mapped.reading.case_report
    issues = _identity_warnings(report, ROOT) + _contradictions(facts)
    issues += _emptiness(facts, ROOT, " ".join(mapped.notes) or "nothing that the service understands was read in it")
    return CheckedSubmission(report.source_key, ROOT, tuple(issues), report, mapped)


def _stated(content: Any, sent: bytes) -> tuple[CaseReport, Report, list[Issue]]:
    """Raises msgspec.ValidationError where it has not the shape of the logical model."""
    if not isinstance(content, Mapping):
        raise msgspec.ValidationError("Expected `object`")
    report, issues = stated_document(content, sent.decode())
    stated = {name: value for name, value in content.items() if name not in _BESIDE_THE_FACTS}
    facts = from_json(encode(stated))
    issues += [
        Issue("error", "structure", f"the logical model has no element '{path}'", (path,), "submission.unknown-element")
        for path in _lost(stated, parse(encode(facts)), ROOT)
    ]
    issues += [
        Issue("error", "value", fault.text, (fault.path,), "submission.reference")
        for fault in reference_faults(stated)[:MOST_FINDINGS]
    ]
    issues += _emptiness(facts, ROOT, "it states neither a case nor a figure about a group")
    return facts, report, issues + _identity_warnings(report, ROOT) + _contradictions(facts)


def _lost(sent: Any, kept: Any, path: str) -> list[str]:
    """Paths of what was sent and has no place in the logical model."""
    if isinstance(sent, list):
        pairs = zip(sent, kept if isinstance(kept, list) else [], strict=False)
        return [lost for n, (one, same) in enumerate(pairs) for lost in _lost(one, same, f"{path}[{n}]")]
    if not isinstance(sent, Mapping) or not isinstance(kept, Mapping):
        return []
    found = [f"{path}.{name}" for name in sent if name not in kept and sent[name] not in ([], "affirmed")]
    return found + [lost for name in kept if name in sent for lost in _lost(sent[name], kept[name], f"{path}.{name}")]


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
