"""The case that the labelled values of a table make of a patient of the report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

import msgspec

from fhir_service.extraction import context
from fhir_service.extraction.binding import bind
from fhir_service.extraction.condition_facts import condition
from fhir_service.extraction.document import Sentence
from fhir_service.extraction.harms import Harm, find_harms
from fhir_service.extraction.levels import find_levels, level_facts, neighbours
from fhir_service.extraction.lexicon import Hit, lexicon
from fhir_service.extraction.narrative import general, of_others
from fhir_service.extraction.patient_grid import GridPatient
from fhir_service.extraction.patient_rows import SEXES
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.timeline import DAYS, find_durations
from fhir_service.reports.case_report import (
    Age,
    Coded,
    ComplicationFact,
    ConditionFact,
    Level,
    ObservationFact,
    Polarity,
    ProcedureFact,
    Relation,
    RelativeTime,
    Truth,
)

_NUMBER = compiled(r"(?<![\w.,-])(?P<n>\d+(?:[.,]\d+)?)(?![\w.,]\d)")
_SEX = compiled(r"(?<![\w/])(?P<sex>female|male|woman|man|[fm])(?![\w])", 2)
_IN_ML = compiled(r"\b(?:ml|c\.?c\.?)\b|\bcm3\b", 2)
_PER_LEVEL = compiled(r"\bper\b|\beach\b|\blevel\b|\bvertebra", 2)
_UNITS = {"min": "min", "hour": "h", "day": "d", "week": "wk", "month": "mo", "year": "a", "yr": "a"}
_UNIT = compiled(r"\b(?P<unit>min|hour|day|week|month|year|yr)", 2)
_AT_ONCE = compiled(
    r"\b(?:immediate(?:ly)?|intra-?operative(?:ly)?|at\sonce|during\s(?:the\s|cement\s)?(?:procedure|injection|surgery|operation))\b",
    2,
)
_LASTING = compiled(r"\b(?:persist\w*|unchanged|ongoing|same|no\simprovement|not\simproved|permanent)\b", 2)
_PARTLY = compiled(r"\b(?:residual|partial\w*|incomplete\w*|sequela\w*|mild|slight|minimal)\b", 2)
_UNRELATED = compiled(r"\b(?:unrelated|other\scauses?|not\srelated|intercurrent)\b", 2)
_ENDS = {
    "recovered": "resolved",
    "fatal": "fatal",
    "improved": "recovering",
    "remaining": "resolvedWithSequelae",
    "unchanged": "ongoing",
}


def grid_age(number: int, patient: GridPatient) -> Age | None:
    """The age in years."""
    if patient.age is None:
        return None
    sentence, at = patient.age
    value = Decimal(sentence.text[slice(*at)])
    return Age(id=f"{number}/age", value=value, unit="a", span=(sentence.span(*at),), rule="grid_cases.age")


def grid_sex(patient: GridPatient) -> Coded | None:
    """The sex, in a column of its own or beside the age."""
    for _, value in (*patient.of("sex"), *patient.of("age")):
        match = _SEX.search(value.text)
        if match is not None:
            span = (value.span(*match.span("sex")),)
            return Coded(code=SEXES[match["sex"].lower()], text=match["sex"], span=span, rule="grid_cases.sex")
    return None


def grid_procedures(number: int, patient: GridPatient, titles: Sequence[Sentence]) -> tuple[ProcedureFact, ...]:
    """The augmentation of the table, else of its title or the report's, and what was done for the harm."""
    index = next(_index(number, patient, titles), None)
    if index is None:
        return ()
    facts = [index]
    for _, cell in patient.of("treatment"):
        named = None if patient.of("procedure") else _augmentation(cell)
        for hit in lexicon("procedures").find(cell.text):
            done = context.polarity(cell, hit.start, hit.end) is Polarity.AFFIRMED
            if done and hit.term["group"] in ("operation", "augmentation") and hit != named:
                levels = level_facts(cell, bind(cell.text).of(hit.start, hit.end), "grid_cases.revision-level")
                facts.append(_operation(number, cell, hit, ("revision", len(facts)), levels))
    return tuple(facts)


def _index(number: int, patient: GridPatient, titles: Sequence[Sentence]) -> Iterator[ProcedureFact]:
    cells = [value for code in ("procedure", "treatment") for _, value in patient.of(code)]
    levels = _levels(patient)
    for words in (*cells, *((patient.title,) if patient.title else ()), *titles):
        hit = _augmentation(words)
        if hit is not None:
            yield _operation(number, words, hit, ("index", 1), levels)


def _augmentation(words: Sentence) -> Hit | None:
    found = (hit for hit in lexicon("procedures").find(words.text) if hit.term["group"] == "augmentation")
    return next(found, None)


def _operation(
    number: int, words: Sentence, hit: Hit, role: tuple[str, int], levels: tuple[Level, ...]
) -> ProcedureFact:
    span = (words.span(hit.start, hit.end),)
    code = "other" if hit.code == "augmentation" else hit.code
    return ProcedureFact(
        id=f"{number}/{role[0]}-{role[1]}",
        role=role[0],
        kind=Coded(code=code, text=words.text[hit.start : hit.end], span=span),
        level=levels,
        span=span,
        rule=f"grid_cases.{role[0]}",
    )


def _levels(patient: GridPatient) -> tuple[Level, ...]:
    for code in ("level", "procedure", "fracture"):
        for _, cell in patient.of(code):
            levels = level_facts(cell, find_levels(cell.text), "grid_cases.index-level")
            if levels:
                return levels
    return ()


def grid_conditions(patient: GridPatient, index: ProcedureFact) -> Iterator[ConditionFact]:
    """The diseases of the patient; and the fracture, where the label names it and the value its level alone."""
    for _, cell in patient.of("comorbidity"):
        for hit in lexicon("diseases").find(cell.text):
            if context.polarity(cell, hit.start, hit.end) is Polarity.AFFIRMED:
                words = cell.text[hit.start : hit.end]
                yield condition(cell, (hit.start, hit.end), role="comorbidity", words=words, rule="in-table")
    for both, cell in patient.of("fracture")[:1]:
        heads = [hit for hit in lexicon("indications").find(both.text) if hit.term["group"] != "elsewhere"]
        levels = level_facts(cell, find_levels(cell.text), "grid_cases.indication-level")
        if heads and (levels or index.level):
            words = both.text[heads[0].start : heads[0].end].lower()
            at = (heads[0].start, heads[0].end)
            fact = condition(both, at, role="indication", words=words, rule="fracture-column")
            yield msgspec.structs.replace(fact, level=levels or index.level)


def grid_observations(number: int, patient: GridPatient, index: ProcedureFact) -> Iterator[ObservationFact]:
    """The cement volume, and how long the patient was followed."""
    for both, cell in patient.of("volume")[:1]:
        found = _NUMBER.findall(cell.text)
        match = _NUMBER.search(cell.text)
        if match is not None and len(found) == 1 and _IN_ML.search(both.text) and not _per_level(both.text, index):
            yield ObservationFact(
                id=f"{number}/cement-volume-1",
                kind=Coded(code="cement-volume", text=cell.text[:]),
                value=Decimal(match["n"].replace(",", ".")),
                unit="mL",
                part_of=index.id,
                span=(cell.span(*match.span("n")),),
                rule="grid_cases.volume",
            )
    for both, cell in patient.of("follow-up")[:1]:
        time = _time(both, cell)
        if time is not None and time[0] > 0:
            yield ObservationFact(
                id=f"{number}/follow-up-duration",
                kind=Coded(code="follow-up-duration", text=cell.text[:]),
                value=time[0],
                unit=time[1],
                span=(cell.span(*time[2]),),
                rule="grid_cases.follow-up",
            )


def _per_level(text: str, index: ProcedureFact) -> bool:
    return len(index.level) > 1 and _PER_LEVEL.search(text) is not None


def _time(both: Sentence, cell: Sentence) -> tuple[Decimal, str, tuple[int, int]] | None:
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
    for _, cell in patient.of("complication"):
        for harm in (*find_harms(cell), *_embolisms(cell, prose)):
            code = _settled(harm, treated)
            if code is not None:
                harms.setdefault(code, harm)
    mixed = len({code.startswith("cement-leakage") for code in harms}) > 1
    facts: list[ComplicationFact] = []
    for code, harm in harms.items():
        span = harm.sentence.span(harm.start, harm.end)
        timed = not (mixed and code.startswith("cement-leakage"))  # the time is that of what was felt
        facts.append(
            ComplicationFact(
                id=f"{number}/complication-{len(facts) + 1}",
                kind=Coded(code=code, text=harm.words, span=(span,)),
                level=level_facts(harm.sentence, harm.levels, "grid_cases.complication-level"),
                onset=_onset(patient, index.id) if timed else None,
                suspect=(index.id,),
                cement_suspect=Truth(value=True, span=(span,)) if "cement" in code else None,
                span=(span,),
                rule="grid_cases.complication",
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
        time = (Decimal(0), "h", at_once.span()) if at_once else _time(both, cell)
        if time is not None:
            return RelativeTime(
                relation=Relation.AFTER,
                event=index,
                value=time[0],
                unit=time[1],
                span=(cell.span(*time[2]),),
                rule="grid_cases.onset",
            )
    return None


def grid_outcome(patient: GridPatient) -> Coded | None:
    """How the patient fared, in the table's words; none where they say no more than that nothing is felt."""
    for _, cell in patient.of("outcome")[:1]:
        text = cell.text
        lasting = _LASTING.search(text)
        partly = _PARTLY.search(text)
        hits = [hit for hit in lexicon("outcomes").find(text) if hit.code in _ENDS]
        if _UNRELATED.search(text):
            return None
        if any(hit.code == "fatal" for hit in hits):
            hit = next(hit for hit in hits if hit.code == "fatal")
            return _end(cell, "fatal", (hit.start, hit.end))
        if lasting is not None:
            return _end(cell, "ongoing", lasting.span())
        if partly is not None and hits:
            return _end(cell, "resolvedWithSequelae", partly.span())
        if hits and text[hits[-1].start : hits[-1].end].lower() != "asymptomatic":
            return _end(cell, _ENDS[hits[-1].code], (hits[-1].start, hits[-1].end))
    return None


def _end(cell: Sentence, code: str, at: tuple[int, int]) -> Coded:
    return Coded(code=code, text=cell.text[slice(*at)], span=(cell.span(*at),), rule="grid_cases.outcome")
