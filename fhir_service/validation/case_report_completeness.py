"""How much of what a registry asks for a case report states: counted by section, for each patient together.

The logical model says what is asked: elements with mustSupport of every fact that is affirmed, and core facts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

import msgspec

from fhir_service.definitions.catalogue import DEFAULT_BASE
from fhir_service.fhir.errors import Issue
from fhir_service.fhir.fhirpath import compile_expression
from fhir_service.fhir.nodes import ContentFault
from fhir_service.validation.case_report_model import CoreFact, ModelElement, case_report_model
from fhir_service.validation.case_report_structure import Place, below, items_of

_CASE = "case"
_AFFIRMED, _UNKNOWN = "affirmed", "unknown"
_OF_THE_PATIENT, _OF_THE_REPORT = "patient", "report"


class Section(msgspec.Struct, frozen=True):
    """Of the core elements of one section: how many are stated (denied ones too), declared unknown, and missing.

    `missing_elements` and `unknown_elements` are paths in the report (`case[0].complication[1].onset`), core facts by
    their name.
    """

    name: str
    stated: int = 0
    declared_unknown: int = 0
    missing: int = 0
    missing_elements: tuple[str, ...] = ()
    unknown_elements: tuple[str, ...] = ()


class _Asked(NamedTuple):
    """One element that is asked for; `verdict` is stated, unknown or missing."""

    section: str
    path: str
    verdict: str


def completeness(case_report: Mapping[str, Any], base: str = DEFAULT_BASE) -> list[Section]:
    """Every section of the model in its order, also where nothing of it is there. A report without a case has counts of
    zero. The structure of the report need not be right; what is not readable counts as missing."""
    model = case_report_model(base)
    asked: dict[str, list[_Asked]] = {name: [] for name in sections(base)}
    for one in _asked(Place(model, case_report, "")):
        asked[one.section].append(one)
    return [_section(name, found) for name, found in asked.items()]


def section_of(issue: Issue) -> str:
    """The section that a finding is about: the first step below the case, or of the report."""
    expression = issue.expression[0] if issue.expression else ""
    first, _, rest = expression.partition(".")
    if first.partition("[")[0] != _CASE:
        return _OF_THE_REPORT
    return rest.partition(".")[0].partition("[")[0] or _OF_THE_PATIENT


@cache
def sections(base: str = DEFAULT_BASE) -> tuple[str, ...]:
    """Their names in the order of the model."""
    return tuple(dict.fromkeys(_sections(case_report_model(base))))


def _sections(element: ModelElement) -> Iterator[str]:
    if element.must_support:
        yield _section_of(element)
    for child in element.children.values():
        yield from _sections(child)
    yield from (fact.section for fact in element.core_facts)


def _section_of(element: ModelElement) -> str:
    return element.section or element.path.split(".")[1]


def _section(name: str, asked: list[_Asked]) -> Section:
    missing = tuple(one.path for one in asked if one.verdict == "missing")
    unknown = tuple(one.path for one in asked if one.verdict == _UNKNOWN)
    return Section(name, len(asked) - len(missing) - len(unknown), len(unknown), len(missing), missing, unknown)


def _asked(place: Place) -> Iterator[_Asked]:
    element, value, path = place
    for fact in element.core_facts:
        if not fact.applies or _gives(fact.applies, value):
            yield _Asked(fact.section, below(path, fact.name), _verdict_of(fact, value))
    for name, child in element.children.items():
        places = items_of(child, value[name], below(path, name)) if name in value else []
        if child.must_support:
            yield _Asked(_section_of(child), below(path, name), _verdict([inner.value for inner in places]))
        for inner in places:
            if isinstance(inner.value, Mapping) and inner.value.get("polarity", _AFFIRMED) == _AFFIRMED:
                yield from _asked(inner)


def _verdict(values: list[Any]) -> str:
    stated = [value for value in values if value not in (None, "", {}, [])]
    if not stated:
        return "missing"
    if all(isinstance(value, Mapping) and value.get("polarity") == _UNKNOWN for value in stated):
        return _UNKNOWN
    return "stated"


def _verdict_of(fact: CoreFact, value: Mapping[str, Any]) -> str:
    if _gives(fact.stated, value):
        return "stated"
    return _UNKNOWN if fact.unknown and _gives(fact.unknown, value) else "missing"


def _gives(expression: str, value: Any) -> bool:
    try:
        return bool(compile_expression(expression)(value))
    except ContentFault:
        return False
