"""What a report says of groups: percentages, n of N, counts, means and ranges, in its own words.

A count belongs to a whole where the print says so ("4 of 251"), where the parts of one sentence add up to a group told
of just before ("three recovered and one died", of four), or where its percentage stands beside it and a larger group
was told of in the same passage. Nothing is computed here; both what is counted and what is stated are kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache
from itertools import zip_longest

import msgspec

from fhir_service.extraction.cohort_numbers import Count, Share, counts, shares, words
from fhir_service.extraction.document import Document, Section, Sentence
from fhir_service.extraction.narrative import names_patient
from fhir_service.extraction.numbers import WORD_NUMBER
from fhir_service.extraction.quantities import Quantity, quantities
from fhir_service.reports.case_report import Coded, GroupStatement

_SKIPPED = frozenset({Section.TITLE, Section.REFERENCES, Section.TABLE, Section.COMMENT})
_BESIDE = re.compile(r"[\s,(]*(?:or|i\.e\.|that\sis|=|corresponding\sto|accounting\sfor)?[\s,(]*", re.IGNORECASE)
_ITEM_START = re.compile(r"[,;:(]\s|\b(?:including|such\sas|and|that|found|reported)\s", re.IGNORECASE)
_ITEM_END = re.compile(r"[,;)]|\.$|\s(?:and|while|whereas|but)\s(?=\S)")
_POPULATION = re.compile(r"\s?(?:\)\s?)?(?:of|in|among|after)\s(?:the\s|all\s)?(?:[\w-]+\s?){1,4}", re.IGNORECASE)
_RANGED = re.compile(
    r"\b(?:rang(?:ed|es|ing)|occurred|varied|varies|developed|appeared|noted|between|interval\b[^.;]{0,50}\bwas|onset\b[^.;]{0,30}\bwas)\b[^.;]{0,40}$",
    re.IGNORECASE,
)
_MANY = re.compile(
    r"\b(?:patients|cases|ages|women|men|radiculopathy|symptoms|they|their|studies|literature)\b", re.IGNORECASE
)
_MEAN_REACH = 70
_PASSAGE = 2
"""Paragraphs a group told of stays in mind."""


@dataclass
class _Memory:
    """Groups told of, with the paragraph each stands in."""

    wholes: list[tuple[int, Decimal]] = field(default_factory=list)

    def note(self, paragraph: int, value: Decimal) -> None:
        self.wholes.append((paragraph, value))

    def near(self, paragraph: int, reach: int) -> list[Decimal]:
        """The groups of this paragraph and `reach` before it, the last told first."""
        return [value for told, value in reversed(self.wholes) if 0 <= paragraph - told <= reach]


def read(document: Document) -> tuple[GroupStatement, ...]:
    """Every statement about a group, in reading order; what is stated twice alike is one with both spans."""
    memory: dict[bool, _Memory] = {True: _Memory(), False: _Memory()}
    found: list[GroupStatement] = []
    for sentence in document.sentences:
        if sentence.section in _SKIPPED:
            continue
        found += _of_sentence(sentence, memory[sentence.in_abstract])
    return tuple(
        msgspec.structs.replace(fact, id=f"0/statement-{number}") for number, fact in enumerate(_merged(found), 1)
    )


def _of_sentence(sentence: Sentence, memory: _Memory) -> Iterator[GroupStatement]:
    text = sentence.text
    if not _numbered_words().search(text):
        return
    people = counts(text)
    percents = shares(text)
    used: set[int] = set()
    if not (sentence.section is Section.CASE and names_patient(text) and not people):
        yield from _percentages(sentence, percents, people, memory, used)
    yield from _counted(sentence, people, memory, used)
    yield from _means(sentence)
    yield from _ranges(sentence, memory)
    for count in people:
        for group in (count.of, count.value):
            if group is not None and group > 1 and not count.none:
                memory.note(sentence.paragraph, group)


@cache
def _numbered_words() -> re.Pattern[str]:
    return re.compile(rf"\d|\b{WORD_NUMBER}\b|\b(?:no|none|all|both)\b", re.IGNORECASE)


# percentages ----------------------------------------------------------------------------------------------------------


def _percentages(
    sentence: Sentence, percents: Sequence[Share], people: Sequence[Count], memory: _Memory, used: set[int]
) -> Iterator[GroupStatement]:
    text = sentence.text
    for share in percents:
        count = _beside(text, share, people)
        start, end = _item(text, share.start, share.end)
        numerator = denominator = None
        if count is not None and share.high is None:
            used.add(count.start)
            numerator, denominator = count.value, count.of or _whole(count, share, sentence, people, memory)
            if denominator is None:
                numerator = None
            start = min(start, count.start)
        population = _population(text, share)
        yield GroupStatement(
            id="",
            about=Coded(text=_clean(text[start:end])),
            population=Coded(text=population) if population else None,
            percent=share.low if share.high is None else None,
            percent_low=share.low if share.high is not None else None,
            percent_high=share.high,
            numerator=numerator,
            denominator=denominator,
            count=count.value if count is not None and numerator is None and share.high is None else None,
            span=(sentence.span(start, end),),
            rule="cohort_statements.percentage",
        )


def _beside(text: str, share: Share, people: Sequence[Count]) -> Count | None:
    """The count whose percentage this is: right before it, or what "n patients ... (x%)" counts in that clause."""
    for count in reversed([c for c in people if c.end <= share.start]):
        gap = text[count.end : share.start]
        if _BESIDE.fullmatch(gap):
            return count
        closed = text[share.start - 1 : share.start] == "("
        if closed and len(gap) < 70 and not re.search(r"[,;()]", gap[:-1]) and not count.everyone:
            return count
        return None
    return None


def _whole(count: Count, share: Share, sentence: Sentence, people: Sequence[Count], memory: _Memory) -> Decimal | None:
    """The group a count with its own percentage is part of: one that the percentage fits, else the larger one told of
    last, in the same sentence or, where the percentage says of whom it is, in the same passage."""
    here = [c.of or c.value for c in people if c.end <= count.start and (c.of or c.value) > count.value]
    before = [value for value in memory.near(sentence.paragraph, _PASSAGE) if value > count.value]
    known = [*reversed(here), *before]
    fitting = [value for value in known if agrees(share.low, count.value, value)]
    if fitting:
        return fitting[0]
    if here:
        return here[-1]
    return before[0] if before and _population(sentence.text, share) else None


def agrees(percent: Decimal, numerator: Decimal, denominator: Decimal) -> bool:
    """Whether a percentage is that of its counts, rounded or cut off at the places it is printed with."""
    exponent = percent.as_tuple().exponent
    step = Decimal(1).scaleb(exponent if isinstance(exponent, int) else 0)
    return abs(100 * numerator / denominator - percent) < step


def _item(text: str, start: int, end: int) -> tuple[int, int]:
    """The words of a list or clause that speak of this number."""
    inside = text.rfind("(", 0, start) > text.rfind(")", 0, start)
    limit = text.rfind("(", 0, start) if inside and text[start - 1] == "(" else start
    first = 0
    for match in _ITEM_START.finditer(text, 0, limit):
        if not (match[0].strip().lower() == "and" and re.search(r"\d\s?%?\s$", text[: match.start() + 1])):
            first = match.end()
    close = _ITEM_END.search(text, end)
    last = close.start() if close else len(text)
    if close and close[0] == ")" and limit < start:
        last = close.end()
    return _not_too_long(text, first, last, start, end)


_LONGEST = 110


def _not_too_long(text: str, first: int, last: int, start: int, end: int) -> tuple[int, int]:
    if last - end > (_LONGEST if "(" in text[end:last] else _LONGEST // 2):
        last = text.rfind(" ", end, end + _LONGEST // 2) if " " in text[end : end + _LONGEST // 2] else last
    if start - first > _LONGEST:
        first = text.find(" ", start - _LONGEST, start) + 1
    return first, max(last, end)


def _population(text: str, share: Share) -> str | None:
    match = _POPULATION.match(text, share.end)
    return _clean(match[0]) if match else None


def _clean(part: str) -> str:
    part = re.sub(r"^(?:and|that|whereas|but)\s", "", part.strip(" ,.;:"))
    for opening, closing in ("()", "[]"):
        if part.count(opening) > part.count(closing):
            part = part[: part.rfind(opening)]
        elif part.count(closing) > part.count(opening):
            part = part.replace(closing, "", 1)
    return part.strip(" ,.;:")


# counts ---------------------------------------------------------------------------------------------------------------


def _counted(sentence: Sentence, people: Sequence[Count], memory: _Memory, used: set[int]) -> Iterator[GroupStatement]:
    text = sentence.text
    if re.search(words("own"), text):
        people = [count for count in people if count.of is not None]
    people = [_resolved(count, sentence, memory) for count in people]
    wholes = _parts_of(people, sentence, memory)
    for count in people:
        if count.start in used:
            continue
        numerator, denominator, plain = _fraction(count, people, wholes, sentence, memory)
        if numerator is None and (plain is None or count.definite or plain < 2):
            continue
        start, end = _clause(text, count)
        yield GroupStatement(
            id="",
            about=Coded(text=_clean(text[start:end])),
            population=Coded(text=count.noun.strip()) if count.noun else None,
            numerator=numerator,
            denominator=denominator,
            count=plain if numerator is None else None,
            span=(sentence.span(start, end),),
            rule="cohort_statements.fraction" if numerator is not None else "cohort_statements.count",
        )


def _resolved(count: Count, sentence: Sentence, memory: _Memory) -> Count:
    """A count that leaves its noun out is part of the group told of last in the paragraph, where that is larger."""
    known = memory.near(sentence.paragraph, 0)
    if count.last_of is not None:
        return replace(count, of=count.last_of) if count.last_of in known else count
    return count


def _fraction(
    count: Count, people: Sequence[Count], wholes: dict[int, Decimal], sentence: Sentence, memory: _Memory
) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    """(numerator, denominator, plain count)."""
    if count.of is not None:
        return count.value, count.of, None
    if count.start in wholes:
        return count.value, wholes[count.start], None
    if count.everyone or count.rest:
        return count.value, count.value, None
    if count.none:
        here = [c.of or c.value for c in people if c.end <= count.start and not c.none]
        before = memory.near(sentence.paragraph, 0)
        whole = here[-1] if here else before[0] if before else Decimal(0)
        return (Decimal(0), whole, None) if whole > 1 else (None, None, None)
    return None, None, count.value if count.noun else None


def _parts_of(people: Sequence[Count], sentence: Sentence, memory: _Memory) -> dict[int, Decimal]:
    """Counts of one sentence that add up to a group told of in the same paragraph are parts of it."""
    known = memory.near(sentence.paragraph, 0)
    loose = [c for c in people if c.of is None and not (c.everyone or c.none or c.definite)]
    inner = _inner_parts(loose, sentence.text)
    return {**inner, **_outer_parts([c for c in loose if c.start not in inner], known, people)}


def _inner_parts(loose: Sequence[Count], text: str) -> dict[int, Decimal]:
    """`in six (two by one way, four by the other)`: what stands in brackets behind a count adds up to it."""
    found: dict[int, Decimal] = {}
    for place, outer in enumerate(loose):
        opening, closing = text.find("(", outer.end), text.find(")", outer.end)
        if not 0 <= opening < closing:
            continue
        inside = [c for c in loose[place + 1 :] if opening < c.start < closing]
        if len(inside) > 1 and sum(c.value for c in inside) == outer.value:
            found |= {c.start: outer.value for c in inside}
    return found


def _outer_parts(loose: Sequence[Count], known: Sequence[Decimal], people: Sequence[Count]) -> dict[int, Decimal]:
    last = [c.value for c in people if c.last_of is not None and c.of is not None]
    if last:
        alone = [c for c in loose if not c.noun and c.value + sum(last) in known]
        return {c.start: c.value + sum(last, Decimal(0)) for c in alone}
    for size in range(len(loose), 1, -1):
        for first in range(len(loose) - size + 1):
            parts = loose[first : first + size]
            total = sum((c.value for c in parts), Decimal(0))
            if total in known or any(c.value == total and c not in parts and c.end <= parts[0].start for c in people):
                return {c.start: total for c in parts}
    return {}


def _clause(text: str, count: Count) -> tuple[int, int]:
    start, end = 0, len(text)
    for match in re.finditer(r"[,;:(]\s|\bthat\s", text[: count.start]):
        start = match.end()
    close = re.compile(r"[;,)]|\s(?:whereas|while|but|despite)\s").search(text, count.end)
    if close:
        end = close.start()
    return _not_too_long(text, start, end, count.start, count.end)


# means and ranges -----------------------------------------------------------------------------------------------------


def _means(sentence: Sentence) -> Iterator[GroupStatement]:
    text = sentence.text
    for match in re.finditer(words("mean"), text):
        near = [q for q in quantities(text) if match.end() <= q.start < match.end() + _MEAN_REACH and q.second is None]
        near = [q for q in near if not re.search(r"[.;,]\s", text[match.end() : q.start])]
        for quantity in near[: 2 if near and _is_change(text, near) else 1]:
            yield _measured(sentence, quantity, match.start(), mean=quantity.value)


def _is_change(text: str, near: Sequence[Quantity]) -> bool:
    return len(near) > 1 and re.fullmatch(r"\s?to\s?", text[near[0].end : near[1].start]) is not None


_AGES = re.compile(r"\s(?:old|of\sage)\b")


def _ranges(sentence: Sentence, memory: _Memory) -> Iterator[GroupStatement]:
    """`ages ranged from 68 to 89 years`, `occurred from 2 to 16 weeks after`: of several patients only."""
    text = sentence.text
    if names_patient(text) or not (_MANY.search(text) or memory.near(sentence.paragraph, 0)):
        return
    for quantity in _spans_of_time(text):
        before = text[max(0, quantity.start - 70) : quantity.start]
        if _RANGED.search(before) or _AGES.match(text, quantity.end):
            yield _measured(sentence, quantity, None, low=quantity.value, high=quantity.high)


def _spans_of_time(text: str) -> Iterator[Quantity]:
    """`2 to 16 weeks`, also where it is printed as two numbers (`from 2 to 16 weeks`)."""
    found = quantities(text)
    for quantity, following in zip_longest(found, found[1:]):
        if quantity.high is not None and quantity.unit is not None and quantity.unit.kind == "time":
            yield quantity
        elif quantity.unit is None and following is not None and following.unit is not None:
            joint = re.fullmatch(r"\s?(?:to|and|-)\s?", text[quantity.end : following.start])
            if joint and following.unit.kind == "time" and quantity.value < following.value:
                yield replace(quantity, end=following.end, high=following.value, unit=following.unit)


def _measured(
    sentence: Sentence,
    quantity: Quantity,
    start: int | None,
    *,
    mean: Decimal | None = None,
    low: Decimal | None = None,
    high: Decimal | None = None,
) -> GroupStatement:
    text = sentence.text
    first, last = _item(text, quantity.start, quantity.end)
    first = min(first, start) if start is not None else first
    return GroupStatement(
        id="",
        about=Coded(text=_clean(text[first:last])),
        mean=mean,
        low=low,
        high=high,
        unit=quantity.unit.code if quantity.unit is not None else None,
        span=(sentence.span(first, last),),
        rule="cohort_statements.mean" if mean is not None else "cohort_statements.range",
    )


def _merged(facts: Iterable[GroupStatement]) -> list[GroupStatement]:
    """The same numbers in the same words are one statement."""
    kept: dict[tuple[object, ...], GroupStatement] = {}
    for fact in facts:
        key = (
            (fact.about.text or "").lower(), fact.percent, fact.percent_low, fact.percent_high, fact.numerator,
            fact.denominator, fact.count, fact.mean, fact.low, fact.high, fact.unit,
        )  # fmt: skip
        known = kept.get(key)
        kept[key] = fact if known is None else msgspec.structs.replace(known, span=(*known.span, *fact.span))
    return list(kept.values())
