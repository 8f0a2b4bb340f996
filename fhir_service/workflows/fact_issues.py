"""What is found about the facts of a submission, and how much of what a registry asks for they state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fhir_service.fhir.errors import Issue
from fhir_service.validation.case_reports import Section, case_report_findings, completeness

ROOT = "CaseReport"
_FEW = 20
"""Missing elements that one section names."""
_BESIDE_THE_FACTS = ("source", "extractor")


def only_facts(content: Mapping[str, Any]) -> dict[str, Any]:
    """A CaseReport without its document and who read it."""
    return {name: value for name, value in content.items() if name not in _BESIDE_THE_FACTS}


def fact_issues(facts: Any, base: str) -> list[Issue]:
    """Findings about logical-model JSON, then its completeness by section; expressions begin with `CaseReport`."""
    found = [
        replace(issue, expression=tuple(map(_rooted, issue.expression))) for issue in case_report_findings(facts, base)
    ]
    return found + completeness_issues(facts, base) if isinstance(facts, Mapping) else found


def completeness_issues(facts: Mapping[str, Any], base: str) -> list[Issue]:
    """What is missing, and apart from that what is declared unknown, section by section: information, no fault."""
    return section_issues(completeness(facts, base))


def section_issues(sections: Iterable[Section]) -> list[Issue]:
    """The same of sections that are counted already; their paths are below the model."""
    return [issue for section in sections for issue in _of_section(section)]


def _of_section(section: Section) -> list[Issue]:
    asked = section.stated + section.declared_unknown + section.missing
    found = []
    if section.missing:
        named = _named(section.missing_elements)
        text = f"{section.name}: {section.stated} of {asked} stated, {section.missing} missing: {named}"
        places = tuple(map(_rooted, section.missing_elements[:_FEW]))
        found.append(Issue("information", "informational", text, places, "submission.missing"))
    if section.declared_unknown:
        named = _named(section.unknown_elements)
        text = f"{section.name}: {section.declared_unknown} of {asked} declared unknown: {named}"
        places = tuple(map(_rooted, section.unknown_elements[:_FEW]))
        found.append(Issue("information", "informational", text, places, "submission.declared-unknown"))
    return found


def _named(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - _FEW} more" if len(paths) > _FEW else ""
    return f"{', '.join(paths[:_FEW])}{more}"


def _rooted(path: str) -> str:
    return path if path == ROOT or path.startswith(f"{ROOT}.") else f"{ROOT}.{path}"
