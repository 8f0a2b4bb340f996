"""Measurements of one patient: value, unit, side, site, time, printed normal range, and H, L or N by that range only.

Which number belongs to which name is `analytes`; here a reading becomes an ObservationFact.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import msgspec

from fhir_service.extraction.analytes import Reading, Reference, readings, with_value
from fhir_service.extraction.document import Document, Passage, Section, Sentence
from fhir_service.extraction.lexicon import Hit, lexicon
from fhir_service.extraction.muscle_table import table_pairs
from fhir_service.extraction.quantities import Quantity
from fhir_service.extraction.timepoints import Operations, Timepoint, relative_time, timepoints
from fhir_service.reports.case_report import Coded, ObservationFact, ProcedureFact, RelativeTime
from fhir_service.reports.span import SourceSpan

_PAIR_OF_SIDES = re.compile(
    r"\(?\b(?P<first>right|left|R|L|rt|lt)\s?/\s?(?P<second>right|left|R|L|rt|lt)\b\)?", re.IGNORECASE
)
_PART_END = re.compile(r"\s(?:and|but|while|whereas)\s|[,;.(]\s?(?!right|left|\d)|\sto\s(?=\d)")
_GRADE_WORD = re.compile(r"\bgrade\s$", re.IGNORECASE)
_LONGEST_SPAN = 70
_SITED = frozenset({"t-score"})


def read(
    document: Document, sentences: Sequence[Sentence], case_number: int, procedures: Sequence[ProcedureFact]
) -> tuple[ObservationFact, ...]:
    """The measurements that a patient's sentences state, each once, with every place that states it."""
    operations = Operations(procedures, sentences)
    found: list[tuple[Section, ObservationFact]] = []
    for sentence in sentences:
        if sentence.section in (Section.REFERENCES, Section.TITLE):
            continue
        if sentence.section is Section.TABLE:
            facts = table_pairs(document, sentence, operations)
        else:
            facts = _of_sentence(sentence, operations)
        found += [(sentence.section, fact) for fact in facts]
    return _numbered(_with_known_ranges(_merged(found)), case_number)


def read_part(label: str, cell: Passage, start: int, end: int) -> tuple[ObservationFact, ...]:
    """The measurements of one patient's part (`start` to `end`) of a table row, named by the row's label."""
    text = f"{label} {cell.text[start:end]}"
    shift = start - len(label) - 1
    facts = []
    found = readings(text)
    for reading in found:
        if reading.quantity.start + shift >= start:
            span = (cell.span(reading.quantity.start + shift, reading.quantity.end + shift),)
            facts += [msgspec.structs.replace(fact, span=span) for fact in _facts(text, reading, found)]
    return tuple(facts)


def _spans(sentence: Sentence, reading: Reading) -> tuple[SourceSpan, ...]:
    """Name and number in one span, or in two where much else stands between."""
    name, quantity = reading.name, reading.quantity
    if reading.end - reading.start <= _LONGEST_SPAN:
        return (sentence.span(reading.start, reading.end),)
    end = max(quantity.end, reading.reference.end if reading.reference else 0)
    grade = _GRADE_WORD.search(sentence.text, 0, quantity.start)
    start = grade.start() if grade else quantity.start
    return (sentence.span(start, end), sentence.span(name.start, name.end))


def _of_sentence(sentence: Sentence, operations: Operations) -> list[ObservationFact]:
    found = readings(sentence.text)
    if not found:
        return []
    points = _Times(sentence, found, operations)
    facts: list[ObservationFact] = []
    for reading in found:
        span = _spans(sentence, reading)
        time = points.of(reading)
        facts += [msgspec.structs.replace(f, span=span, time=time) for f in _facts(sentence.text, reading, found)]
    return facts


def _facts(text: str, reading: Reading, found: Sequence[Reading]) -> list[ObservationFact]:
    quantity = reading.quantity
    form = reading.name.term["form"]
    if form == "pair" and quantity.second is not None:
        return [
            _fact(text, reading, with_value(quantity, quantity.value), code="systolic"),
            _fact(text, reading, with_value(quantity, quantity.second), code="diastolic"),
        ]
    if form == "grade" and quantity.second is not None:
        sides = _PAIR_OF_SIDES.search(text)
        if sides:
            return [
                _fact(text, reading, with_value(quantity, value), side=_side_word(sides[name]))
                for name, value in (("first", quantity.value), ("second", quantity.second))
            ]
        if quantity.second != 5:
            return []
    side = _side(text, reading, found) if form in ("grade", "scale") else None
    return [_fact(text, reading, with_value(quantity, quantity.value) if form else quantity, side=side)]


def _fact(
    text: str, reading: Reading, quantity: Quantity, *, code: str | None = None, side: str | None = None
) -> ObservationFact:
    term = reading.name.term
    unit = quantity.unit
    reference = reading.reference
    site = _site(text, reading) if reading.name.code in _SITED else None
    return ObservationFact(
        id="",
        kind=Coded(code=code or reading.name.code, text=_name(text, reading.name)),
        value=quantity.value if quantity.high is None else None,
        low=quantity.value if quantity.high is not None else None,
        high=quantity.high,
        comparator=quantity.comparator,
        unit=unit.code if unit is not None else term["unit"],
        unit_text=unit.text if unit is not None else None,
        side=Coded(code=side) if side else None,
        site=Coded(text=site) if site else None,
        reference_low=reference.low if reference else None,
        reference_high=reference.high if reference else None,
        interpretation=_interpretation(quantity, reference),
        rule=f"measurements.{term['form'] or 'value'}",
    )


def _name(text: str, name: Hit) -> str:
    return re.sub(r"\s?[(,]\s?", " ", text[name.start : name.end]).strip()


def _interpretation(quantity: Quantity, reference: Reference | None) -> Coded | None:
    """H, L or N against the printed range; nothing for a value that is only a bound."""
    if reference is None or quantity.comparator is not None or quantity.high is not None:
        return None
    return _compared(quantity.value, reference.low, reference.high)


def _compared(value: Decimal, low: Decimal | None, high: Decimal | None) -> Coded | None:
    if low is not None and value < low:
        return Coded(code="L")
    if high is not None and value > high:
        return Coded(code="H")
    return Coded(code="N")


# sides and sites ------------------------------------------------------------------------------------------------------


def _side_word(word: str) -> str:
    return "right" if word[0].lower() == "r" else "left"


def _side(text: str, reading: Reading, found: Sequence[Reading]) -> str | None:
    """The side said behind the number in its part of the sentence, else before it."""
    before, after = _neighbourhood(text, reading, found)
    following = _sides(text[after[0] : after[1]])
    if following:
        return following[0]
    preceding = _sides(text[before[0] : before[1]])
    return preceding[-1] if preceding else None


def _sides(part: str) -> list[str]:
    return [hit.code for hit in lexicon("sites").find(part) if hit.term["kind"] == "side"]


def _neighbourhood(text: str, reading: Reading, found: Sequence[Reading]) -> tuple[tuple[int, int], tuple[int, int]]:
    """(start, end) of the words before a number and behind it that speak of it and not of its neighbours."""
    numbers = sorted(r.quantity.start for r in found)
    place = numbers.index(reading.quantity.start)
    ends = {r.quantity.start: r.quantity.end for r in found}
    following = numbers[place + 1] if place + 1 < len(numbers) else len(text)
    after_end = _part_end(text, reading.quantity.end, following)
    before_start = 0
    if place:
        before_start = _part_end(text, ends[numbers[place - 1]], reading.quantity.start)
    return (before_start, reading.quantity.start), (reading.quantity.end, after_end)


def _part_end(text: str, start: int, end: int) -> int:
    """Where the words about a number end: behind brackets that follow it at once, else at the next joint."""
    brackets = re.compile(r"\s?\([^()]*\)").match(text, start, end)
    if brackets:
        return brackets.end()
    cut = _PART_END.search(text, start, end)
    return cut.start() if cut else end


def _site(text: str, reading: Reading) -> str | None:
    """Where a T-score was taken: beside the number, or in order where sites are listed before the numbers."""
    sites = [
        hit for hit in lexicon("sites").find(text) if hit.term["kind"] == "site" and not _inside(hit, reading.name)
    ]
    if not sites:
        return None
    scores = [r for r in readings(text) if r.name.code == reading.name.code]
    ranked = sorted({r.quantity.start for r in scores})
    listed = [hit for hit in sites if hit.end <= ranked[0]]
    between = [hit for hit in sites if ranked[0] < hit.start < ranked[-1]]
    if len(ranked) > 1 and len(listed) == len(ranked) and not between:
        own = listed[ranked.index(reading.quantity.start)]
        return text[own.start : own.end]
    _, after = _neighbourhood(text, reading, scores)
    near = [hit for hit in sites if after[0] <= hit.start < after[1]] or [
        hit for hit in sites if hit.end <= reading.quantity.start
    ][-1:]
    return text[near[0].start : near[0].end] if near else None


def _inside(hit: Hit, name: Hit) -> bool:
    return name.start <= hit.start and hit.end <= name.end


# times ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Times:
    """Which of a sentence's times belongs to which reading."""

    sentence: Sentence
    found: Sequence[Reading]
    operations: Operations

    def of(self, reading: Reading) -> RelativeTime | None:
        points = timepoints(self.sentence)
        if not points and self._is_start(reading):
            return None
        return relative_time(self.sentence, self._point(reading, points), self.operations, reading.quantity.start)

    def _point(self, reading: Reading, points: list[Timepoint]) -> Timepoint | None:
        if not points:
            return None
        numbers = [r for r in self.found if r.name.start == reading.name.start]
        if len(numbers) > 1 and len(points) == len(numbers) and "respectively" in self.sentence.text:
            return points[[r.quantity.start for r in numbers].index(reading.quantity.start)]
        return self._own(reading, points) or self._change(reading, points) or self._carried(reading, points)

    def _own(self, reading: Reading, points: list[Timepoint]) -> Timepoint | None:
        before, after = _neighbourhood(self.sentence.text, reading, self.found)
        behind = [p for p in points if after[0] <= p.start < after[1]]
        changed = self._is_end(reading) or self._is_start(reading)
        ahead = [p for p in points if before[0] <= p.start < before[1] and not changed]
        return behind[0] if behind else ahead[-1] if ahead else None

    def _is_start(self, reading: Reading) -> bool:
        """The first value of `from 12 to 8`: it was before the second, and nothing says of what else."""
        return re.search(r"\bfrom\s$", self._before(reading)) is not None

    def _is_end(self, reading: Reading) -> bool:
        """The second value of `from 9 before surgery to 3`."""
        return re.search(r"\bto\s$", self._before(reading)) is not None

    def _before(self, reading: Reading) -> str:
        """The text before the number, or before its name where the two stand together (`from VAS 9`)."""
        name, quantity = reading.name, reading.quantity
        together = name.end <= quantity.start and not self.sentence.text[name.end : quantity.start].strip(" :=")
        return self.sentence.text[: name.start if together else quantity.start]

    def _change(self, reading: Reading, points: list[Timepoint]) -> Timepoint | None:
        """`from 9 to 3 after surgery`: the first was before what the second is after."""
        if not self._is_start(reading):
            return None
        earlier = [p for p in points if p.code == "before"]
        later = [p for p in points if p.code != "before"]
        if earlier:
            return earlier[0]
        return replace(later[0], code="before", mention=None) if later else None

    def _carried(self, reading: Reading, points: list[Timepoint]) -> Timepoint | None:
        """The time said last before the number, or the only one at the end of the sentence."""
        if self._is_end(reading):
            later = [p for p in points if p.code != "before"]
            return later[0] if later else None
        ahead = [p for p in points if p.end <= reading.quantity.start]
        if ahead:
            return ahead[-1]
        last = max(r.quantity.end for r in self.found)
        return points[0] if len(points) == 1 and points[0].start >= last else None


# once each ------------------------------------------------------------------------------------------------------------


def _merged(told: Iterable[tuple[Section, ObservationFact]]) -> list[ObservationFact]:
    """The same value at the same time, told again in another part of the report, is one fact with both spans.

    Within one part every value is a fact of its own: what is told twice there was measured twice.
    """
    kept: list[tuple[set[Section], ObservationFact]] = []
    for section, fact in told:
        known = [place for place, (sections, one) in enumerate(kept) if section not in sections and _same(one, fact)]
        if not known:
            kept.append(({section}, fact))
            continue
        place = next((p for p in known if kept[p][1].time is not None and not _by_story(kept[p][1], fact)), known[0])
        kept[place][0].add(section)
        kept[place] = (kept[place][0], _joined(kept[place][1], fact))
    return [fact for _, fact in kept]


def _by_story(*facts: ObservationFact) -> bool:
    return any(fact.time is None or fact.time.rule == "timepoints.story" for fact in facts)


def _same(one: ObservationFact, other: ObservationFact) -> bool:
    return (
        one.kind.code == other.kind.code
        and (one.value, one.low, one.high, one.comparator) == (other.value, other.low, other.high, other.comparator)
        and _code(one.side) == _code(other.side)
        and (one.unit == other.unit or None in (one.unit, other.unit))
        and (one.site is None or other.site is None or one.site.text == other.site.text)
        and _same_time(one.time, other.time)
    )


def _code(coded: Coded | None) -> str | None:
    return None if coded is None else coded.code


def _same_time(one: RelativeTime | None, other: RelativeTime | None) -> bool:
    if one is None or other is None:
        return True
    if "timepoints.story" in (one.rule, other.rule):
        return True
    return (one.relation, one.event) == (other.relation, other.event) and (
        one.value == other.value or None in (one.value, other.value)
    )


def _joined(one: ObservationFact, other: ObservationFact) -> ObservationFact:
    time = one.time
    if other.time is not None and (time is None or time.rule == "timepoints.story"):
        time = other.time
    return msgspec.structs.replace(
        one,
        span=(*one.span, *other.span),
        time=time,
        site=one.site or other.site,
        unit=one.unit or other.unit,
        unit_text=one.unit_text or other.unit_text,
        reference_low=one.reference_low if one.reference_low is not None else other.reference_low,
        reference_high=one.reference_high if one.reference_high is not None else other.reference_high,
        interpretation=one.interpretation or other.interpretation,
    )


def _with_known_ranges(facts: list[ObservationFact]) -> list[ObservationFact]:
    """A normal range printed once for a laboratory value holds for the patient's other values in the same unit."""
    printed: dict[tuple[str | None, str | None], set[tuple[Decimal | None, Decimal | None]]] = {}
    for fact in facts:
        if fact.reference_low is not None or fact.reference_high is not None:
            printed.setdefault((fact.kind.code, fact.unit), set()).add((fact.reference_low, fact.reference_high))
    return [_ranged(fact, printed.get((fact.kind.code, fact.unit), set())) for fact in facts]


def _ranged(fact: ObservationFact, known: set[tuple[Decimal | None, Decimal | None]]) -> ObservationFact:
    unranged = fact.reference_low is None and fact.reference_high is None
    if not unranged or len(known) != 1 or fact.value is None or fact.comparator is not None:
        return fact
    ((low, high),) = known
    return msgspec.structs.replace(
        fact, reference_low=low, reference_high=high, interpretation=_compared(fact.value, low, high)
    )


def _numbered(facts: Iterable[ObservationFact], case_number: int) -> tuple[ObservationFact, ...]:
    counts: dict[str, int] = {}
    out = []
    for fact in facts:
        code = fact.kind.code or "measurement"
        counts[code] = counts.get(code, 0) + 1
        out.append(msgspec.structs.replace(fact, id=f"{case_number}/{code}-{counts[code]}"))
    return tuple(out)
