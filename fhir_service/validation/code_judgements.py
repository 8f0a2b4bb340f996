"""What is wrong with one code by itself: whether its system has it, its form, what it is called, if it is in use."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from functools import cached_property
from typing import NamedTuple

from fhir_service.fhir.canonicals import versioned
from fhir_service.search.units import UCUM, is_listed
from fhir_service.terminology.code_systems import CodeSystem, Concept
from fhir_service.terminology.terminologies import Terminologies
from fhir_service.validation.check_digits import form_fault
from fhir_service.validation.ucum import is_unit
from fhir_service.validation.wording import listed, quoted

_FEW = 12
_MOST_TO_COMPARE = 2000
_MOST_COMPARISONS = 50
_MOST_UNITS = 30
"""That are worked out, those that HL7 lists as common aside; each takes up to some hundredths of a second."""
_LONG_WORD = 4
_STEM = 5
_SHOWN = 200
_HL7_VALUE_SETS = "http://hl7.org/fhir/ValueSet/"

UNKNOWN, DISPLAY, INACTIVE = "code.unknown", "code.display", "code.inactive"
UNIT, SYSTEM, NOT_CHECKED = "code.unit", "code.system", "code.not-checked"


class Written(NamedTuple):
    """A code as it stands in a resource; what is not there is empty."""

    system: str
    code: str
    version: str = ""
    display: str = ""


class Judgement(NamedTuple):
    """`below` is the element of the coding that it is about; `once` what it is said of only once in a resource."""

    rule: str
    severity: str
    issue_code: str
    text: str
    below: str = "code"
    once: str = ""


class CodeJudge:
    """Judges the codes of one resource; a code that comes again is not looked at again."""

    def __init__(self, terminology: Terminologies) -> None:
        self._terminology = terminology
        self._judged: dict[tuple[Written, bool], tuple[Judgement, ...]] = {}
        self._comparisons = 0
        self._units = 0

    def judgements(self, written: Written, *, english: bool = True) -> tuple[Judgement, ...]:
        """Everything that is to be said of a code; its display is only looked at where it is `english`."""
        key = (written, english)
        if key not in self._judged:
            self._judged[key] = tuple(self._found(written, english=english))
        return self._judged[key]

    def _found(self, written: Written, *, english: bool) -> Iterator[Judgement]:
        if not written.system:
            text = f"the code {quoted(written.code)} has no system, so that nothing says what it means; add the system"
            yield _not_checked(text, once="-")
        elif written.system == UCUM:
            yield from self._unit(written.code)
        elif fault := form_fault(written.system, written.code):
            yield Judgement(fault.rule, "error", "code-invalid", f"{quoted(written.code)} {fault.text}")
        else:
            yield from self._by_system(written, english=english)

    def _unit(self, code: str) -> Iterator[Judgement]:
        self._units += not is_listed(code)
        if self._units > _MOST_UNITS:
            text = f"there are more than {_MOST_UNITS} units that are not common; the others were not checked"
            yield _not_checked(text, once=UCUM)
        elif not is_unit(code):
            text = f"{quoted(code)} is no unit of UCUM, whose codes are case-sensitive (mL, mg/dL, {{score}}); mend it"
            yield Judgement(UNIT, "error", "code-invalid", text)

    def _by_system(self, written: Written, *, english: bool) -> Iterator[Judgement]:
        url = written.system
        system = self._system(written)
        if system is None:
            yield self._unknown_system(url)
            return
        concept = system.concept(written.code)
        if concept is not None:
            yield from _of_concept(concept, system, written, english=english)
        elif not system.complete:
            text = f"{_named(url)} is not held whole here: whether {quoted(written.code)} is one of it was not checked"
            yield _not_checked(text, once=url)
        elif written.version and written.version != system.version:
            text = f"{_named(url)} is held in version {system.version}, not {quoted(written.version)}: "
            yield _not_checked(f"{text}the code {quoted(written.code)} was not checked", once=url)
        else:
            text = f"{quoted(written.code)} is no code of {_named(url)}{self._instead(written.code, system)}"
            yield Judgement(UNKNOWN, "error", "code-invalid", text)

    def _system(self, written: Written) -> CodeSystem | None:
        systems = self._terminology.code_systems
        return systems.get(versioned(written.system, written.version)) or systems.get(written.system)

    def _unknown_system(self, url: str) -> Judgement:
        if url.startswith(_HL7_VALUE_SETS) or url in self._terminology.value_set_resources:
            text = f"{_named(url)} is a value set, and the system of a code is a code system; write that one"
            return Judgement(SYSTEM, "error", "code-invalid", text, "system")
        near = self._alike.get(_bare(url))
        hint = f"; did you mean {near}?" if near else ""
        text = f"the code system {_named(url)} is not known here; its codes were not checked{hint}"
        return _not_checked(text, below="system", once=url)

    @cached_property
    def _alike(self) -> dict[str, str]:
        return {_bare(url): url for url in self._terminology.code_systems.urls}

    def _instead(self, code: str, system: CodeSystem) -> str:
        usable = {entry.code: entry.display or "" for entry in system.concepts.values() if not entry.inactive}
        if len(usable) <= _FEW:
            return f"; its codes are {listed(list(usable))}"
        self._comparisons += 1
        if len(usable) > _MOST_TO_COMPARE or self._comparisons > _MOST_COMPARISONS or len(code) > _SHOWN:
            return "; look it up there"
        by_word = {word.casefold(): entry for entry, word in reversed(usable.items()) if word}
        by_word |= {entry.casefold(): entry for entry in usable}
        near = dict.fromkeys(by_word[word] for word in get_close_matches(code.casefold(), by_word, n=3, cutoff=0.6))
        shown = [f"{entry} ({usable[entry]})" if usable[entry] else entry for entry in near]
        return f"; did you mean {' or '.join(shown)}?" if shown else "; look it up there"


def _of_concept(concept: Concept, system: CodeSystem, written: Written, *, english: bool) -> Iterator[Judgement]:
    if concept.inactive:
        text = f"{quoted(written.code)} of {_named(system.url)} is no longer in use; take the code that replaces it"
        yield Judgement(INACTIVE, "warning", "business-rule", text)
    if not (english and written.display and concept.words):
        return
    if written.version and written.version != system.version and system.version:
        return
    if _is_called(written.display, concept, lenient=not system.complete):
        return
    right = " or ".join(f"'{word[:_SHOWN]}'" for word in dict.fromkeys(concept.words[:3]))
    text = f"{quoted(written.code)} of {_named(system.url)} is called {right}, not {quoted(written.display)}; "
    yield Judgement(DISPLAY, "warning", "invalid", f"{text}mend the display, or the code if that is wrong", "display")


def _is_called(display: str, concept: Concept, *, lenient: bool) -> bool:
    """Of a system that is not held whole not every name is known: there one that shares a word may be another."""
    wanted = _plain(display)
    if any(_plain(word) == wanted for word in concept.words):
        return True
    return lenient and any(not _stems(display).isdisjoint(_stems(word)) for word in concept.words)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _stems(text: str) -> frozenset[str]:
    words = "".join(letter if letter.isalnum() else " " for letter in text.casefold()).split()
    return frozenset(word[:_STEM] for word in words if len(word) >= _LONG_WORD)


def _bare(url: str) -> str:
    return url.casefold().partition("://")[2].removeprefix("www.").rstrip("/")


def _named(url: str) -> str:
    return url[:_SHOWN]


def _not_checked(text: str, *, below: str = "code", once: str = "") -> Judgement:
    return Judgement(NOT_CHECKED, "information", "not-supported", text, below, once)
