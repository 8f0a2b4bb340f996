"""Whether what facts say of each other holds together: ids named once, references that lead to a fact of that kind.

Extraction gives ids itself; a form has those that a person wrote.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from fhir_service.definitions.catalogue import Kind, catalogue

_REFERS_TO = "/StructureDefinition/refers-to"
_ANY = "*"


@cache
def kinds() -> Mapping[str, str]:
    """Which kind of fact an element refers to, by its name; `*` where any may be meant. The logical model says it."""
    return {
        element["path"].rpartition(".")[2]: extension["valueString"]
        for model in catalogue().artifacts(Kind.LOGICAL_MODEL).values()
        for element in model["differential"]["element"]
        for extension in element.get("extension", ())
        if extension["url"].endswith(_REFERS_TO)
    }


_NAMES = {"procedure": "an operation", "condition": "a condition", "case": "a patient"}


class Fault(NamedTuple):
    """What is wrong with one element; `path` as in a trace (`CaseReport.case[0].complication[1].suspect[0]`)."""

    path: str
    text: str


class _Said(NamedTuple):
    path: str
    name: str
    value: str
    holder: str
    """Name of the list that the fact stands in."""
    case: str
    """Path of the case it stands in, empty outside of one."""


def reference_faults(content: Mapping[str, Any]) -> list[Fault]:
    """Ids that stand twice, and references to no fact, to one of another kind or of another patient.

    `content` is logical-model JSON.
    """
    said = list(_said(content, "CaseReport", "", ""))
    facts: dict[str, _Said] = {}
    faults = []
    for entry in said:
        if entry.name == "id" and entry.value in facts:
            faults.append(Fault(entry.path, f"'{entry.value}' names another fact already"))
        elif entry.name == "id":
            facts[entry.value] = entry
    for entry in said:
        if entry.name in kinds() and (text := _wrong(entry, facts.get(entry.value))):
            faults.append(Fault(entry.path, text))
    return faults


def _wrong(entry: _Said, fact: _Said | None) -> str:
    wanted = kinds()[entry.name]
    if fact is None:
        return f"there is no fact '{entry.value}'"
    if wanted not in (_ANY, fact.holder):
        return f"'{entry.value}' is not {_NAMES[wanted]}"
    if entry.case and fact.case != entry.case:
        return f"'{entry.value}' is of another patient"
    return ""


def _said(node: Any, path: str, holder: str, case: str) -> Iterator[_Said]:
    """Every id and every reference, with where it stands."""
    for name, value in node.items():
        here = f"{path}.{name}"
        items = [(f"{here}[{n}]", item) for n, item in enumerate(value)] if isinstance(value, list) else [(here, value)]
        for at, item in items:
            if isinstance(item, Mapping):
                yield from _said(item, at, name, at if name == "case" else case)
            elif name == "id" or name in kinds():
                yield _Said(at, name, str(item), holder, case)
