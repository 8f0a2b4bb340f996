"""Is this a case report, in logical-model JSON, that can be accepted? Its structure, its codes, and whether what it
states can be so.

Extraction writes such JSON, registries submit it, and the form is mapped to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from fhir_service.definitions.catalogue import DEFAULT_BASE
from fhir_service.fhir.errors import Issue
from fhir_service.validation.case_report_completeness import Section, completeness, section_of
from fhir_service.validation.case_report_facts import affirmed
from fhir_service.validation.case_report_model import ROOT, case_report_model
from fhir_service.validation.case_report_references import reference_issues
from fhir_service.validation.case_report_rules import program
from fhir_service.validation.case_report_structure import RESOURCE_TYPE, structure_issues

__all__ = ["MODEL", "Section", "case_report_findings", "completeness", "is_case_report", "section_of"]

MODEL = "/StructureDefinition/case-report"
"""Below the base: the canonical URL of the logical model."""
MOST_FINDINGS = 1000
_OWN = frozenset({"case", "groupStatement", "contradiction"})


def case_report_findings(case_report: Any, base: str = DEFAULT_BASE) -> list[Issue]:
    """Everything that is wrong with a case report: errors, and warnings of what is hardly so.

    `case_report` is logical-model JSON as `read_json` gives it. The expression of an issue is the path in it
    (`case[0].complication[1].onset.unit`; `CaseReport` for the whole), the rule a stable key (`case-report.…`), the
    text what was found, what is allowed and how to mend it. At most MOST_FINDINGS are listed.
    """
    found = list(islice(_findings(case_report, base), MOST_FINDINGS + 1))
    if len(found) > MOST_FINDINGS:
        text = f"only the first {MOST_FINDINGS:,} findings are listed; mend these and send it again"
        found[MOST_FINDINGS:] = [Issue("information", "incomplete", text, (ROOT,), "case-report.more")]
    return found


def is_case_report(value: Any) -> bool:
    """Whether JSON is meant as a case report: no resource, but with one of its lists."""
    if not isinstance(value, Mapping):
        return False
    return value.get(RESOURCE_TYPE) == ROOT or (RESOURCE_TYPE not in value and not _OWN.isdisjoint(value))


def _findings(case_report: Any, base: str) -> Iterator[Issue]:
    model = case_report_model(base)
    unfit: set[str] = set()
    for issue in structure_issues(case_report, model, base):
        unfit.update(issue.expression)
        yield issue
    if isinstance(case_report, Mapping):
        yield from reference_issues(case_report, model)
        consequences = unfit | {path.rpartition(".")[0] for path in unfit}
        for issue in program(base).issues(affirmed(case_report, model, unfit)):
            if consequences.isdisjoint(issue.expression):
                yield issue
