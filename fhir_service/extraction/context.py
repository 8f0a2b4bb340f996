"""How a phrase is meant: affirmed, denied, only possible, of the past, of somebody else (after the ConText algorithm).

Trigger words reach forwards or backwards from where they stand, to the end of their clause or to a word that ends
their scope. The words are data: `mappings/lexicons/context.toml`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from fhir_service.extraction.document import Passage, Section, Sentence
from fhir_service.extraction.lexicon import Hit, lexicon
from fhir_service.extraction.patterns import compiled
from fhir_service.extraction.words import once
from fhir_service.reports.case_report import Polarity

_CLAUSE_END = compiled(r"[;:]|\.\s|(?<!\d)\s?-\s(?!\d)")
_LIST_COMMA = compiled(r",\s+(?:(?:and|or|nor)\s+)?")
_FINITE = compiled(
    r"(?:\S+\s+){0,6}?(?:was|were|is|are|had|has|have|did|became|developed|showed|remained|improved|underwent)\b",
    re.IGNORECASE,
)
_LISTED = compiled(r"\b(?:and|or|nor)\b")
"""`no leakage, embolism or pneumothorax was found`: the verb is that of the whole list."""
_QUESTION = compiled(r"\s?\(?\?")
_ASKED = "?"
_WORD = compiled(r"[^\s,;:.()]+")
_REACH_NOWHERE = ("stop", "pseudo", "diagnosis")
_CELL_WORDS = 3
_LAST_WORDS = 3
"""How many words before it a denial reaches that has none behind it."""


LONGEST_SENTENCE = 3000
"""Characters; what runs on longer without a full stop is no prose, and reading it would take time without end."""


def is_prose(sentence: Passage) -> bool:
    """Whether the sentence is short enough to be one."""
    return len(sentence.text) <= LONGEST_SENTENCE


class Context(msgspec.Struct, frozen=True, gc=False):
    """What the words around a phrase say of it. `mentioned` is a fear, a risk or a question: no statement at all."""

    negated: bool = False
    provisional: bool = False
    mentioned: bool = False
    unknown: bool = False
    historical: bool = False
    resolved: bool = False
    family: bool = False
    others: bool = False
    trigger: tuple[int, int] | None = None
    """Where the words stand that deny it."""

    @property
    def polarity(self) -> Polarity:
        if self.negated:
            return Polarity.NEGATED
        if self.unknown:
            return Polarity.UNKNOWN
        if self.provisional or self.mentioned:
            return Polarity.HYPOTHETICAL
        return Polarity.AFFIRMED


_PLAIN = Context()


class _Reach(msgspec.Struct, frozen=True, gc=False):
    code: str
    start: int
    end: int
    trigger: tuple[int, int]


def polarity(sentence: Passage, start: int, end: int) -> Polarity:
    """Whether `sentence.text[start:end]` is said to be so, not so, perhaps so, or not known."""
    return read(sentence, start, end).polarity


def read(sentence: Passage, start: int, end: int) -> Context:
    """The context of `sentence.text[start:end]`."""
    codes: set[str] = set()
    trigger: tuple[int, int] | None = None
    cells = isinstance(sentence, Sentence) and sentence.section is Section.TABLE
    for reach in _reaches(sentence.text):
        if cells and not _in_cell(sentence.text, reach, start, end):
            continue
        if not (reach.start <= start and end <= reach.end):
            continue
        if start < reach.trigger[1] and reach.trigger[0] < end:
            continue
        codes.add(reach.code)
        if reach.code == "negated" and (trigger is None or reach.trigger[0] > trigger[0]):
            trigger = reach.trigger
    asked = _QUESTION.match(sentence.text, end) is not None or sentence.text[start - 1 : start] == _ASKED
    if not codes and not asked:
        return _PLAIN
    return Context(
        negated="negated" in codes and "mentioned" not in codes,
        provisional="provisional" in codes and "confirmed" not in codes,
        mentioned="mentioned" in codes or asked,
        unknown="unknown" in codes,
        historical="historical" in codes,
        resolved="resolved" in codes,
        family="family" in codes,
        others="others" in codes,
        trigger=trigger,
    )


def _in_cell(text: str, reach: _Reach, start: int, end: int) -> bool:
    """In the cells of a table row, words reach no further than the cell they stand in may hold."""
    between = text[reach.trigger[1] : start] if reach.trigger[1] <= start else text[end : reach.trigger[0]]
    return reach.trigger[1] <= start and len(between.split()) < _CELL_WORDS


def denials(sentence: Passage) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Every stretch that is denied: ((trigger start, end), (scope start, end))."""
    return [(reach.trigger, (reach.start, reach.end)) for reach in _reaches(sentence.text) if reach.code == "negated"]


@once
def _reaches(text: str) -> tuple[_Reach, ...]:
    hits = lexicon("context").find(text)
    stops = [hit for hit in hits if hit.code == "stop"]
    reaches = []
    for hit in hits:
        if hit.code in _REACH_NOWHERE or (hit.term["needs"] and not _led(hit, hits)):
            continue
        if hit.term["side"] == "sentence":
            start, end = 0, len(text)
        elif hit.term["side"] == "after":
            start, end = hit.end, _forward(text, hit, hits)
            if hit.code == "negated" and not text[start:end].strip(" .,"):  # "Haematoma excluded."
                start, end = _backward(text, hit, stops, _LAST_WORDS), hit.start
        elif hit.code == "confirmed":
            start, end = (
                max((clause.end() for clause in _CLAUSE_END.finditer(text, 0, hit.start)), default=0),
                hit.start,
            )
        else:
            start, end = _backward(text, hit, stops), hit.start
        if end > start:
            reaches.append(_Reach(hit.code, start, end, (hit.start, hit.end)))
    return tuple(reaches)


def _led(trigger: Hit, hits: Sequence[Hit]) -> bool:
    """Whether a word of the kind that the trigger needs stands before it."""
    return any(hit.code == trigger.term["needs"] and hit.end <= trigger.start for hit in hits)


def _forward(text: str, trigger: Hit, hits: Sequence[Hit]) -> int:
    end = reading = len(text)
    clause = _CLAUSE_END.search(text, trigger.end)
    if clause:
        end = reading = clause.start()
    for hit in hits:
        if hit.start >= trigger.end and hit.start < end and _ends(trigger, hit):
            end, reading = hit.start, hit.end
            break
    for comma in _LIST_COMMA.finditer(text, trigger.end, end):
        # After a comma a new clause has its own subject and verb; an item of a list has none.
        clause = _FINITE.match(text, comma.end(), reading)
        alternative = comma[0].split()[-1] in ("or", "nor")
        if clause and not alternative and not (comma[0].strip() == "," and _LISTED.search(clause[0])):
            end = comma.start()
            break
    if text[trigger.start : trigger.end].lower().endswith("not"):
        # "not pimples, sores that ooze": what follows the comma is what it was instead.
        end = _before_contrast(text, trigger.end, end)
    closing = _closing_bracket(text, trigger.end, end)
    return _limit(text, trigger.end, min(end, closing), trigger.term["reach"])


def _before_contrast(text: str, start: int, end: int) -> int:
    comma = text.find(",", start, end)
    if comma < 0 or compiled(r"\b(?:or|nor)\b").search(text[comma:end]):
        return end
    return comma


def _ends(trigger: Hit, hit: Hit) -> bool:
    if hit.code == "stop":
        return True
    # A denial ends where another kind of statement begins: "no fever but possible sepsis", "no leak, cured cancer".
    return trigger.code == "negated" and hit.code in ("pseudo", "provisional") and hit.term["side"] == "after"


def _closing_bracket(text: str, start: int, end: int) -> int:
    depth = 0
    for position in range(start, end):
        if text[position] == "(":
            depth += 1
        elif text[position] == ")":
            depth -= 1
            if depth < 0:
                return position
    return end


def _backward(text: str, trigger: Hit, stops: Sequence[Hit], reach: int | None = None) -> int:
    start = 0
    for clause in _CLAUSE_END.finditer(text, 0, trigger.start):
        start = clause.end()
    for stop in stops:
        if stop.end <= trigger.start and stop.end > start and stop.term.code == "stop" and _divides(text, stop):
            start = stop.end
    for joint in compiled(r",\s(?:and|but|so|while)\s").finditer(text, 0, trigger.start):
        # "She was afebrile, and cultures were negative": a clause with its own verb ends before the conjunction.
        if joint.end() > start and _FINITE.search(text, start, joint.start()):
            start = joint.end()
    opening = text.rfind("(", start, trigger.start)
    if opening != -1 and ")" not in text[opening : trigger.start]:
        start = opening + 1
    reach = reach or trigger.term["reach"]
    if reach is None:
        return start
    words = list(_WORD.finditer(text, start, trigger.start))
    return words[-reach].start() if len(words) > reach else start


def _divides(text: str, stop: Hit) -> bool:
    """Prepositions stand inside a subject ("leakage through the endplate was not seen"); a conjunction does not."""
    return text[stop.start : stop.end].lower().split()[0] not in (
        "for", "by", "with", "as", "through", "via", "using", "under", "upon", "after", "before", "during", "following",
        "due", "secondary", "caused", "owing", "only", "the",
    )  # fmt: skip


def _limit(text: str, start: int, end: int, reach: int | None) -> int:
    if reach is None:
        return end
    for number, word in enumerate(_WORD.finditer(text, start, end), 1):
        if number == reach:
            return word.end()
    return end
