"""Whether what facts say of each other holds together: ids named once, references that lead to a fact of that kind.

Which kinds an element may refer to is said in the logical model by the extension `refers-to`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from fhir_service.fhir.errors import Issue
from fhir_service.validation import wording
from fhir_service.validation.case_report_model import ModelElement
from fhir_service.validation.case_report_structure import Place, below, items_of, nearest

ANY = "*"
_MOST_COMPARED = 500
"""Ids among which the nearest is looked for."""
_ID = "id"


class _Said(NamedTuple):
    element: ModelElement
    value: str
    path: str
    holder: str
    """Name of the element whose id it is."""
    case: str
    """Path of the case it stands in, empty outside of one."""


def reference_issues(report: Mapping[str, Any], model: ModelElement) -> Iterator[Issue]:
    """Ids that stand twice, and references to no fact, to one of another kind or of another patient."""
    said = list(_said(Place(model, report, ""), ""))
    facts: dict[str, _Said] = {}
    for entry in said:
        if entry.element.name != _ID:
            continue
        if entry.value in facts:
            other = facts[entry.value].path.removesuffix("." + _ID)
            text = f"the id {wording.quoted(entry.value)} is that of {other} already; give each fact an id of its own"
            yield Issue("error", "duplicate", text, (entry.path,), "case-report.duplicate-id")
        else:
            facts[entry.value] = entry
    for entry in said:
        if entry.element.refers_to and (text := _wrong(entry, facts)):
            yield Issue("error", "value", text, (entry.path,), "case-report.reference")


def _wrong(entry: _Said, facts: Mapping[str, _Said]) -> str:
    wanted, fact, shown = entry.element.refers_to, facts.get(entry.value), wording.quoted(entry.value)
    kinds = wording.listed([kind for kind in wanted if kind != ANY] or ["fact"])
    if fact is None:
        return f"there is no fact with the id {shown}; {_near(entry.value, facts, wanted, kinds)}"
    if ANY not in wanted and fact.holder not in wanted:
        return f"{shown} is a {fact.holder}; {entry.element.name} names the id of a {kinds}"
    if entry.case and fact.case != entry.case:
        return f"{shown} is a fact of another patient; name one of the same case"
    return ""


def _near(value: str, facts: Mapping[str, _Said], wanted: tuple[str, ...], kinds: str) -> str:
    some = islice(facts.items(), _MOST_COMPARED)
    of_kind = {one: said.path for one, said in some if ANY in wanted or said.holder in wanted}
    near = nearest(value, of_kind) or list(of_kind)[:3]
    return f"ids of a {kinds} that are there: {wording.listed(near)}" if near else f"name the id of a {kinds}"


def _said(place: Place, case: str) -> Iterator[_Said]:
    """Every id and every reference, with where it stands."""
    element, value, path = place
    for name, part in value.items():
        child = element.children.get(name)
        for inner in items_of(child, part, below(path, name)) if child is not None else ():
            if inner.element.children:
                if isinstance(inner.value, Mapping):
                    yield from _said(inner, inner.path if inner.element.path == "case" else case)
            elif isinstance(inner.value, str) and (name == _ID or inner.element.refers_to):
                yield _Said(inner.element, inner.value, inner.path, element.name, case)
