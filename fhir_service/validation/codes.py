"""The fourth layer: do the codes of a resource exist, are they called what it says, are they of the bound value sets?

What cannot be checked, because nobody here holds its code system, is told as information, once a system.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fhir_service.fhir.errors import Issue
from fhir_service.terminology.errors import BrokenDefinition, NotExpandable, UnknownTerminology
from fhir_service.terminology.terminologies import Terminologies
from fhir_service.terminology.value_sets import Members
from fhir_service.validation.code_judgements import NOT_CHECKED, CodeJudge, Written
from fhir_service.validation.placed_values import Placed, placed_values
from fhir_service.validation.wording import listed, perhaps, quoted

MOST_FINDINGS = 1000
BINDING = "code.binding"
_EXTENSIBLE = "extensible"
_FEW = 20
_MOST_COMPARISONS = 50
"""Of a code with all of a value set, to name the nearest; each takes some milliseconds."""


def code_findings(resource: Mapping[str, Any], terminology: Terminologies) -> list[Issue]:
    """Everything about the codes of a resource that is right in its structure, nested resources included.

    To check units of UCUM that HL7 does not list as common takes a second once. At most MOST_FINDINGS are listed.
    """
    looked = _Look(terminology)
    for coded in placed_values(resource):
        looked.at(coded)
        if len(looked.issues) >= MOST_FINDINGS:
            text = f"only the first {MOST_FINDINGS:,} findings about codes are listed; mend these and send it again"
            looked.issues.append(Issue("information", "incomplete", text, rule="code.more"))
            break
    return looked.issues


class _Look:
    def __init__(self, terminology: Terminologies) -> None:
        self.issues: list[Issue] = []
        self._judge = CodeJudge(terminology)
        self._terminology = terminology
        self._said: set[str] = set()
        self._comparisons = 0
        self._members: dict[str, Members | None] = {}

    def at(self, coded: Placed) -> None:
        if coded.kind in ("Coding", "Quantity"):
            self._code(coded)
        binding = coded.element.binding
        if binding is not None and binding.strength == _EXTENSIBLE and coded.kind != "Reference":
            self._binding(coded, binding.value_set)

    def _code(self, coded: Placed) -> None:
        written = _written(coded.value)
        if not written.code or (coded.kind == "Quantity" and not written.system):
            return
        english = not coded.language or coded.language.casefold().startswith("en")
        for found in self._judge.judgements(written, english=english):
            if found.once:
                if found.once in self._said:
                    continue
                self._said.add(found.once)
            below = found.below if found.below in coded.value else "code"
            where = f"{coded.place.expression}.{below}"
            self.issues.append(Issue(found.severity, found.issue_code, found.text, (where,), found.rule))

    def _binding(self, coded: Placed, value_set: str) -> None:
        held = self._held(value_set)
        written = list(_codes_of(coded))
        if not written:
            return
        if held is None:
            if value_set not in self._said:
                self._said.add(value_set)
                text = f"the codes of the value set {value_set} cannot be listed here; {coded.name} was not checked"
                self.issues.append(Issue("information", "not-supported", text, (coded.place.expression,), NOT_CHECKED))
            return
        if any(_is_member(one, held, bare=coded.kind == "code") for one in written):
            return
        what = listed([quoted(one.code) for one in written])
        text = f"{what} is not in the value set {value_set}, which {coded.name} takes its codes from where one fits"
        self.issues.append(
            Issue(
                "warning", "code-invalid", text + self._hint(written[0].code, held), (coded.place.expression,), BINDING
            )
        )

    def _hint(self, code: str, members: Members) -> str:
        codes = [code for _, code in members]
        if len(codes) <= _FEW:
            return f"; it has {listed(codes)}"
        self._comparisons += 1
        return (perhaps(code, codes) if self._comparisons <= _MOST_COMPARISONS else "") or "; look there first"

    def _held(self, value_set: str) -> Members | None:
        if value_set not in self._members:
            try:
                self._members[value_set] = self._terminology.value_sets.members(value_set)
            except (UnknownTerminology, NotExpandable, BrokenDefinition):
                self._members[value_set] = None
        return self._members[value_set]


def _written(coding: Mapping[str, Any]) -> Written:
    return Written(
        coding.get("system", ""), coding.get("code", ""), coding.get("version", ""), coding.get("display", "")
    )


def _codes_of(coded: Placed) -> Iterator[Written]:
    if coded.kind == "code":
        yield Written("", coded.value)
        return
    codings = coded.value.get("coding", ()) if coded.kind == "CodeableConcept" else (coded.value,)
    yield from (_written(coding) for coding in codings if coding is not None and "code" in coding)


def _is_member(written: Written, members: Members, *, bare: bool) -> bool:
    if bare:
        return any(code == written.code for _, code in members)
    return (written.system, written.code) in members
