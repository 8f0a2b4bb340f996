"""Is a code right: known to its system, a member of a value set, called what it is called (R4 $validate-code).

What cannot be checked, because the code system is not held whole, is never said to be right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from fhir_service.fhir.canonicals import versioned
from fhir_service.terminology.code_systems import CodeSystem, CodeSystems
from fhir_service.terminology.errors import held_in_part
from fhir_service.terminology.value_sets import Member, Members


@dataclass(frozen=True, slots=True)
class Coding:
    """A code as a client gives it; what is not given is empty."""

    system: str
    code: str
    display: str = ""
    version: str = ""

    def __str__(self) -> str:
        return f"'{self.code[:80]}' of {self.system[:200] or 'no code system'}"


@dataclass(frozen=True, slots=True)
class Judgement:
    """`display` is what the code is called here, where it is known; `message` says why not, or what to mind."""

    result: bool
    message: str = ""
    display: str = ""


Judge = Callable[[Coding], Judgement]


def judged_by_system(code_systems: CodeSystems, coding: Coding, *, abstract: bool = False) -> Judgement:
    """Whether the code is one of its system."""
    system = _system(code_systems, coding)
    if system is None:
        return Judgement(False, f"{coding} cannot be checked: this server has no such code system")
    if wrong := _wrong_version(system, coding):
        return wrong
    concept = system.concept(coding.code)
    if concept is None:
        return _unknown(system, coding)
    member = Member(system.url, concept.code, concept.display, abstract=concept.abstract, inactive=concept.inactive)
    return _judged(replace(member, designations=concept.designations), coding, abstract)


def judged_by_value_set(
    code_systems: CodeSystems, members: Members, name: str, coding: Coding, *, abstract: bool = False
) -> Judgement:
    """Whether the code is one of `members`, the codes of the value set that `name` names."""
    system = _system(code_systems, coding)
    if system is not None and (wrong := _wrong_version(system, coding)):
        return wrong
    concept = system.concept(coding.code) if system else None
    member = members.get((coding.system, concept.code if concept else coding.code))
    if member is not None:
        return _judged(member, coding, abstract)
    if system is not None and system.complete and concept is None:
        return _unknown(system, coding)
    return Judgement(False, f"the code {coding} is not in {name}")


def first_right(codings: Iterable[Coding], judge: Judge) -> Judgement:
    """A CodeableConcept is right where one of its codings is; else all that is wrong is told."""
    judgements = [judge(coding) for coding in codings]
    if right := next((one for one in judgements if one.result), None):
        return right
    shown = next((one.display for one in judgements if one.display), "")
    return Judgement(False, "; ".join(one.message for one in judgements) or "there is no coding to check", shown)


def _system(code_systems: CodeSystems, coding: Coding) -> CodeSystem | None:
    """The system in the version that is stated; where there is none of that, another one."""
    return code_systems.get(versioned(coding.system, coding.version)) or code_systems.get(coding.system)


def _wrong_version(system: CodeSystem, coding: Coding) -> Judgement | None:
    if not coding.version or coding.version == system.version:
        return None
    held = f"version {system.version}" if system.version else "none"
    return Judgement(
        False, f"{coding} cannot be checked in version {coding.version[:80]}; of its system this server has {held}"
    )


def _unknown(system: CodeSystem, coding: Coding) -> Judgement:
    if system.complete:
        return Judgement(False, f"the code {coding} does not exist")
    return Judgement(False, f"{coding} cannot be checked: {held_in_part(system.url)}")


def _judged(member: Member, coding: Coding, abstract: bool) -> Judgement:
    display = member.display or ""
    if member.abstract and not abstract:
        return Judgement(False, f"the code {coding} is abstract: it only groups others", display)
    if coding.display and member.words and _plain(coding.display) not in {_plain(word) for word in member.words}:
        return Judgement(False, f"the display '{coding.display[:200]}' is not what {coding} is called", display)
    if coding.display and not member.words:
        return Judgement(True, f"the display cannot be checked: this server has none for {coding}")
    return Judgement(True, f"the code {coding} is no longer in use" if member.inactive else "", display)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
