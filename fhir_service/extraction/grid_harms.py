"""What a table gives of a patient's harms: which, where, since when, and how the patient fared."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal

from fhir_service.extraction.document import Sentence
from fhir_service.extraction.grid_places import titled_harms
from fhir_service.extraction.harms import Harm, find_harms
from fhir_service.extraction.levels import level_facts, neighbours
from fhir_service.extraction.lexicon import lexicon
from fhir_service.extraction.narrative import general, of_others
from fhir_service.extraction.patient_grid import GridPatient
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.row_outcomes import ENDS
from fhir_service.extraction.timeline import DAYS, find_durations
from fhir_service.reports.case_report import (
    Coded,
    ComplicationFact,
    Polarity,
    ProcedureFact,
    Relation,
    RelativeTime,
    Truth,
)

_NUMBER = compiled(r"(?<![\w.,-])(?P<n>\d+(?:[.,]\d+)?)(?![\w.,]\d)")
_UNITS = {"min": "min", "hour": "h", "day": "d", "week": "wk", "month": "mo", "year": "a", "yr": "a"}
_UNIT = compiled(r"\b(?P<unit>min|hour|day|week|month|year|yr)", re.IGNORECASE)
_AT_ONCE = compiled(
    r"\b(?:immediate(?:ly)?|intra-?operative(?:ly)?|at\sonce|during\s(?:the\s|cement\s)?(?:procedure|injection|surgery|operation))\b",
    re.IGNORECASE,
)
_LASTING = compiled(r"\b(?:persist\w*|unchanged|ongoing|same|no\simprovement|not\simproved|permanent)\b", re.IGNORECASE)
_PARTLY = compiled(r"\b(?:residual|partial\w*|incomplete\w*|sequela\w*|mild|slight|minimal)\b", re.IGNORECASE)
_UNRELATED = compiled(r"\b(?:unrelated|other\scauses?|not\srelated|intercurrent)\b", re.IGNORECASE)


def time_of(both: Sentence, cell: Sentence) -> tuple[Decimal, str, tuple[int, int]] | None:
    """The one amount of time of a value; its unit may stand in the label."""
    found = find_durations(cell.text)
    if len(found) == 1 and found[0].value is not None and found[0].unit in DAYS:
        return found[0].value, str(found[0].unit), (found[0].start, found[0].end)
    numbers = list(_NUMBER.finditer(cell.text))
    unit = _UNIT.search(both.text)
    if found or len(numbers) != 1 or unit is None:
        return None
    value = Decimal(numbers[0]["n"].replace(",", "."))
    return value, _UNITS[unit["unit"].lower()], numbers[0].span("n")


def grid_complications(
    number: int, patient: GridPatient, index: ProcedureFact, prose: Sequence[Sentence]
) -> tuple[ComplicationFact, ...]:
    """The harms that the table gives; of an embolism whose kind it leaves open, what the text says of this patient."""
    treated = frozenset(level.code for level in index.level)
    harms: dict[str, Harm] = {}
    for _, cell in patient.of("complication") or ([] if patient.own else patient.of("symptom")):
        for harm in (*find_harms(cell), *_embolisms(cell, prose)):
            code = _settled(harm, treated)
            if code is not None:
                harms.setdefault(code, harm)
    for harm in titled_harms(patient):
        harms.setdefault(harm.code, harm)
    mixed = len({code.startswith("cement-leakage") for code in harms}) > 1
    facts: list[ComplicationFact] = []
    for code, harm in harms.items():
        span = harm.sentence.span(harm.start, harm.end)
        timed = not (mixed and code.startswith("cement-leakage"))  # the time is that of what was felt
        facts.append(
            ComplicationFact(
                id=f"{number}/complication-{len(facts) + 1}",
                kind=Coded(code=code, text=harm.words, span=(span,)),
                level=level_facts(harm.sentence, harm.levels, "grid_harms.complication-level"),
                onset=_onset(patient, index.id) if timed else None,
                suspect=(index.id,),
                cement_suspect=Truth(value=True, span=(span,)) if "cement" in code else None,
                span=(span,),
                rule="grid_harms.complication",
            )
        )
    return tuple(facts)


def _embolisms(cell: Sentence, prose: Sequence[Sentence]) -> Iterator[Harm]:
    if "embol" in cell.text.lower() and not any("embol" in harm.code for harm in find_harms(cell)):
        for sentence in prose:
            if not (general(sentence.text) or of_others(sentence.text)):
                yield from (harm for harm in find_harms(sentence) if harm.code.endswith("-embolism"))


def _settled(harm: Harm, treated: frozenset[str]) -> str | None:
    if harm.polarity is not Polarity.AFFIRMED or harm.code in ("other", "death", "finding"):
        return None
    if harm.code != "fracture":
        return harm.code
    beside = harm.levels and not harm.codes & treated and harm.codes & neighbours(treated, 1)
    return "adjacent-fracture" if beside else None


def _onset(patient: GridPatient, index: str) -> RelativeTime | None:
    for both, cell in patient.of("onset")[:1]:
        at_once = _AT_ONCE.search(cell.text)
        time = (Decimal(0), "h", at_once.span()) if at_once else time_of(both, cell)
        if time is not None:
            return RelativeTime(
                relation=Relation.AFTER,
                event=index,
                value=time[0],
                unit=time[1],
                span=(cell.span(*time[2]),),
                rule="grid_harms.onset",
            )
    return None


def grid_outcome(patient: GridPatient, *, operated: bool) -> Coded | None:
    """How the patient fared, in the table's words; none where they say no more than that nothing is felt."""
    for _, cell in patient.of("outcome")[:1]:
        text = cell.text
        lasting = _LASTING.search(text)
        partly = _PARTLY.search(text)
        hits = [hit for hit in lexicon("outcomes").find(text) if hit.code in ENDS]
        if _UNRELATED.search(text):
            return None
        if any(hit.code == "fatal" for hit in hits):
            hit = next(hit for hit in hits if hit.code == "fatal")
            return _end(cell, "fatal", (hit.start, hit.end))
        if lasting is not None:
            return _end(cell, "resolvedWithSequelae" if operated and not patient.own else "ongoing", lasting.span())
        if partly is not None and hits:
            return _end(cell, "resolvedWithSequelae", partly.span())
        if hits and text[hits[-1].start : hits[-1].end].lower() != "asymptomatic":
            return _end(cell, ENDS[hits[-1].code], (hits[-1].start, hits[-1].end))
    return None


def _end(cell: Sentence, code: str, at: tuple[int, int]) -> Coded:
    return Coded(code=code, text=cell.text[slice(*at)], span=(cell.span(*at),), rule="grid_harms.outcome")
