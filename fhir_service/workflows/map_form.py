"""A form that somebody filled in, to the FHIR transaction it makes; nothing is stored.

The response is the source document: its text stands in the DocumentReference, and no fact has a span. What is refused
is told of the item that it is about.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from fhir_service import __version__
from fhir_service.definitions.catalogue import Kind, catalogue
from fhir_service.fhir.errors import Issue, UnprocessableContent
from fhir_service.mapping.fact_references import reference_faults
from fhir_service.mapping.form_report import FormFacts, form_facts, item_path, with_form
from fhir_service.mapping.map_report import MappedCaseReport, map_case_report_traced
from fhir_service.reports.reading import reading_of
from fhir_service.reports.report import Report, Source
from fhir_service.reports.source import IDENTIFIERS, normal_identifier, with_normal_identifiers
from fhir_service.terminology.terminologies import terminologies
from fhir_service.validation.answers import answer_issues
from fhir_service.validation.ucum import is_unit
from fhir_service.validation.walk import MOST_FINDINGS
from fhir_service.workflows.accept_resource import check_resource
from fhir_service.workflows.map_report import MappedReport
from fhir_service.workflows.mapped_findings import mapped_findings

FORM = "/Questionnaire/case-report"
CONTENT_TYPE = "application/fhir+json"
DONE = ("completed", "amended")
_ROOT = "QuestionnaireResponse"


@dataclass(frozen=True, slots=True)
class MappedForm:
    """The response as a report, what its answers state, and what that makes."""

    report: Report
    facts: FormFacts
    mapped: MappedReport


def map_form(text: bytes, *, recorded: str, base: str) -> MappedForm:
    """Check and map one QuestionnaireResponse. `recorded` is the instant that Provenance names.

    Raises MalformedContent where the text is no valid QuestionnaireResponse; UnprocessableContent, with every issue at
    its item, where it is of another form, not completed, its answers do not fit, or make no valid FHIR.
    """
    response = check_resource(text, _ROOT)
    _refuse(_identity_issues(response, base), "this is no form that can be mapped")
    form = catalogue(base).artifact(Kind.QUESTIONNAIRE, base + FORM)
    _refuse(answer_issues(response, form, terminologies(base).codes_in), "the answers do not fit the form")
    facts = form_facts(response, base)
    _refuse(_fact_issues(facts), "the answers do not fit together")
    report = Report(text=text.decode(), source=_source(facts.source, response), content_type=CONTENT_TYPE)
    made = map_case_report_traced(facts.case_report, report, recorded=recorded, base=base)
    _refuse(_bundle_issues(made, facts), "what the form makes is not valid FHIR")
    reading = reading_of(facts.case_report, report, __version__)
    return MappedForm(report, facts, MappedReport(with_form(made.bundle, response, base), reading, ()))


def _refuse(issues: list[Issue], text: str) -> None:
    if issues:
        raise UnprocessableContent(text, issues=issues)


def _identity_issues(response: Mapping[str, Any], base: str) -> list[Issue]:
    issues = []
    given, form = response.get("questionnaire", ""), catalogue(base).artifact(Kind.QUESTIONNAIRE, base + FORM)
    if given.partition("|")[0] != form["url"]:
        text = f"the response answers {given or 'no form that it names'}; the one that can be mapped is {form['url']}"
        issues.append(Issue("error", "not-supported", text, (f"{_ROOT}.questionnaire",), "form.questionnaire"))
    if response.get("status") not in DONE:
        text = f"the form is {response.get('status')}; it is mapped when it is {' or '.join(DONE)}"
        issues.append(Issue("error", "business-rule", text, (f"{_ROOT}.status",), "form.status"))
    return issues


def _fact_issues(facts: FormFacts) -> list[Issue]:
    issues = [
        Issue("error", "value", fault.text, (item_path(fault.path, facts),), "form.reference")
        for fault in reference_faults(facts.content)[:MOST_FINDINGS]
    ]
    for path, unit in _units(facts.content, "CaseReport"):
        if not is_unit(unit):
            text = f"'{unit}' is no unit of UCUM; the unit as printed stands in unitText"
            issues.append(Issue("error", "code-invalid", text, (item_path(path, facts),), "form.unit"))
    for name in IDENTIFIERS:
        value = getattr(facts.source, name)
        if value is not None and normal_identifier(name, value) is None:
            at = item_path(f"CaseReport.source.{name}", facts)
            issues.append(Issue("error", "value", f"'{value}' is no {name.upper()}", (at,), "form.source"))
    return issues


def _units(content: Any, path: str) -> Iterator[tuple[str, str]]:
    """Every unit that was answered, with its path."""
    items = content.items() if isinstance(content, Mapping) else ()
    for name, value in items:
        if name == "unit":
            yield f"{path}.{name}", value
        for index, item in enumerate(value if isinstance(value, list) else [value]):
            yield from _units(item, f"{path}.{name}[{index}]" if isinstance(value, list) else f"{path}.{name}")


def _source(stated: Source, response: Mapping[str, Any]) -> Source:
    """The publication as the form names it; without any, the identifier of the response is the name of the source."""
    source = with_normal_identifiers(stated)
    identifier = response.get("identifier", {})
    if source.key is not None or "value" not in identifier:
        return source
    name = "|".join(identifier[part] for part in ("system", "value") if part in identifier)
    return msgspec.structs.replace(source, name=name)


def _bundle_issues(made: MappedCaseReport, facts: FormFacts) -> list[Issue]:
    """What is wrong with the resources, told of the items that they come from."""
    return [
        replace(issue, expression=tuple(item_path(place, facts) for place in issue.expression))
        for issue in mapped_findings(made, facts.case_report)
    ]
