"""Which number of a sentence is the value of which measurement.

Names and numbers are read separately and then joined: in order where a list of names stands before a list as long of
numbers, else a number goes to the nearest name it can belong to, by unit, by plausible size and by what stands
between. The names, units and limits are data (`mappings/lexicons/measurements.toml`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache, lru_cache
from itertools import pairwise

from fhir_service.extraction.lexicon import Hit, lexicon
from fhir_service.extraction.patterns import Pattern, compiled
from fhir_service.extraction.quantities import Quantity
from fhir_service.extraction.reference_ranges import Reference, split

_WORDS = compiled(r"[^\s,:=()\[\]]+")
_BREAK = compiled(r"[;]|\.\s")
_FOLLOWS = compiled(
    r"\s?(?:points?\s)?(?:(?:in|on|by|for|of|as|from|with)\s)?"
    r"(?:(?:the|a|an|her|his|pain|per|total|scale|according to|using)\s){0,3}\(?",
    re.IGNORECASE,
)
_INSERTION = compiled(r",\s[^,;()]{3,90},\s(?=(?:was|were|is|of|had|rose|fell)\b)")
_GRADED = compiled(r"\bgrades?\s(?:of\s)?$", re.IGNORECASE)
_JOINED_NAMES = compiled(
    r"\s?(?:,|\band\b|\bor\b|&|\bas well as\b|\)|\(|\bscores?\b|\blevels?\b|\bthe\b|\bboth\b|\s)*", re.IGNORECASE
)
_JOINED_VALUES = compiled(r"[\s,]*(?:\band\b|\bor\b|&|,)[\s,]*", re.IGNORECASE)
_LABELLED = compiled(r"(?P<word>[^\W\d]+)\s?[=:]\s?$")
"""`BUN = 32, Ph = 4.1`: the number is that of the word before the sign."""
_CHANGE = compiled(r"\s?to\s?")
_PLACE = compiled(r"[ctls]\d{1,2}(?:-[ctls]?\d{1,2})?")
_TARGET_REACH = 45
_GRADES = 5
_COMMON_UNITS = 4
"""A unit that fewer kinds of value than this are printed with says by itself what it belongs to."""


@dataclass(frozen=True)
class Reading:
    """A name and a number that belong together. `graded` where the number is printed as a grade (n/5, grade n)."""

    name: Hit
    quantity: Quantity
    reference: Reference | None = None
    graded: bool = False

    @property
    def start(self) -> int:
        return min(self.name.start, self.quantity.start)

    @property
    def end(self) -> int:
        end = max(self.name.end, self.quantity.end)
        return max(end, self.reference.end) if self.reference else end


def readings(text: str) -> list[Reading]:
    """Every measured value of a normalised sentence, in order of the numbers."""
    names = _names(text)
    if not names:
        return []
    references, numbers = split(text)
    return _Assignment(text, names, numbers, references).readings()


def _names(text: str) -> list[Hit]:
    """Names in order; a name followed by its abbreviation in brackets is one."""
    found: list[Hit] = []
    for hit in lexicon("measurements").find(text):
        if found and found[-1].code == hit.code and compiled(r"\s?[(,]?\s?").fullmatch(text[found[-1].end : hit.start]):
            found[-1] = Hit(_stricter(found[-1], hit).term, found[-1].start, hit.end)
        else:
            found.append(hit)
    return found


def _stricter(one: Hit, other: Hit) -> Hit:
    return other if one.term["needs"] and not other.term["needs"] else one


def _with_shared_units(text: str, numbers: list[Quantity]) -> list[Quantity]:
    """`from 35 to 18 mmHg`: the unit is that of both numbers."""
    shared = list(numbers)
    for place, (one, other) in enumerate(pairwise(numbers)):
        alone = one.unit is None and (one.second is None) == (other.second is None)
        measured = other.unit is not None and other.unit.kind is None
        if alone and measured and compiled(r"\s?to\s?").fullmatch(text[one.end : other.start]):
            shared[place] = replace(one, unit=other.unit)
    return shared


class _Assignment:
    def __init__(self, text: str, names: list[Hit], numbers: list[Quantity], references: list[Reference]) -> None:
        self.text = text
        self.names = names
        self.numbers = _with_shared_units(text, numbers)
        self.references = references
        self.target = compiled(lexicon("measurements").pattern("target"))
        self.taken: dict[int, Hit] = {}
        self.closed: set[int] = set()

    def readings(self) -> list[Reading]:
        self._lists()
        for place in range(len(self.numbers)):
            if place not in self.taken:
                self._repeated_lists()
            if place not in self.taken:
                self._assign(place)
        return [
            Reading(name, self.numbers[place], self._reference_of(place), self._graded(self.numbers[place]))
            for place, name in sorted(self.taken.items())
        ]

    def _assign(self, place: int) -> None:
        name = self._left(place)
        if name is None:
            name = self._right(place)
            if name is None:
                return
            self.closed.add(name.start)
        self.taken[place] = self._proper(name)

    def _proper(self, name: Hit) -> Hit:
        """A grade told beside an ordinary word ("the left leg grade 4") is of the muscle power named before it."""
        if name.term["needs"] != "grade":
            return name
        named = [n for n in self.names if n.code == name.code and n.term["needs"] is None and n.start < name.start]
        return named[-1] if named else name

    # lists of names and lists of numbers --------------------------------------------------------------------------

    def _lists(self) -> None:
        """`VAS and ODI were 8 and 72`: as many numbers as names, in their order, and again for the next such list."""
        for names in self._name_lists():
            if len(names) < 2:
                continue
            for group in self._number_lists(names[-1].end):
                if len(group) != len(names) or any(place in self.taken for place in group):
                    continue
                if any(name.start < self.numbers[group[0]].start and name.start > names[-1].end for name in self.names):
                    continue
                pairs = list(zip(group, names, strict=True))
                if all(self._fits(name, self.numbers[place]) for place, name in pairs):
                    self.taken.update(pairs)

    def _repeated_lists(self) -> None:
        """`VAS 2 and ODI 18, later 1 and 12`: a list of numbers goes to as many names that have a number each."""
        for group in self._number_lists(0):
            if len(group) < 2 or any(place in self.taken for place in group):
                continue
            before = [name for place, name in sorted(self.taken.items()) if place < group[0]]
            names = before[-len(group) :]
            distinct = len({name.start for name in names}) == len(group)
            closer = any(names and names[-1].end < name.start < self.numbers[group[0]].start for name in self.names)
            pairs = list(zip(group, names, strict=False))
            if distinct and not closer and all(self._fits(name, self.numbers[place]) for place, name in pairs):
                self.taken.update(pairs)

    def _mixed(self, name: Hit, place: int) -> bool:
        """Whether the numbers listed with this one are printed with other units: then they belong to several names."""
        group = next((g for g in self._number_lists(0) if place in g), [place])
        return len({self.numbers[other].unit for other in group if self._fits(name, self.numbers[other])}) > 1

    def _name_lists(self) -> list[list[Hit]]:
        lists: list[list[Hit]] = []
        for name in self.names:
            gap = self.text[lists[-1][-1].end : name.start] if lists else ""
            if lists and _JOINED_NAMES.fullmatch(gap) and gap.strip():
                lists[-1].append(name)
            else:
                lists.append([name])
        return lists

    def _number_lists(self, after: int) -> list[list[int]]:
        lists: list[list[int]] = []
        for place, quantity in enumerate(self.numbers):
            if quantity.start < after:
                continue
            if lists and self._joined(lists[-1][-1], place):
                lists[-1].append(place)
            else:
                lists.append([place])
        return lists

    def _joined(self, one: int, other: int) -> bool:
        end = self.numbers[one].end
        reference = self._reference_of(one)
        if reference is not None:
            end = reference.end
        gap = compiled(r"[)\]]").sub("", self.text[end : self.numbers[other].start])
        return _JOINED_VALUES.fullmatch(gap) is not None

    # one by one ---------------------------------------------------------------------------------------------------

    def _left(self, place: int) -> Hit | None:
        """The nearest name before the number that it can belong to, with only bridging words in between."""
        quantity = self.numbers[place]
        passed: Hit | None = None
        for name in reversed([n for n in self.names if n.end <= quantity.start]):
            if name.start in self.closed and self._right(place) is not None:
                return None
            if passed is not None and not _JOINED_NAMES.fullmatch(self.text[name.end : passed.start]):
                return None
            if self._fits(name, quantity) and self._bridged(name, place, passed):
                return (
                    None
                    if passed is None and self._is_after_another(name, place) and self._mixed(name, place)
                    else name
                )
            passed = name
        return None

    def _bridged(self, name: Hit, place: int, passed: Hit | None) -> bool:
        start = passed.end if passed is not None else name.end
        quantity = self.numbers[place]
        inside = [q for q in self.numbers if start <= q.start and q.end <= quantity.start]
        for other in inside:
            owner = self.taken.get(self.numbers.index(other))
            if owner is not None and owner is not name and owner is not passed:
                return False
        gap = _INSERTION.sub(" ", self._gap(start, quantity.start, inside))
        label = _LABELLED.search(gap)
        broken = _BREAK.search(gap) is not None and quantity.second != _GRADES
        if broken or (label and not _is_bridge(label["word"].lower())):
            return False
        words = [word.lower() for word in _WORDS.findall(gap)]
        specific = quantity.unit is not None and name.term["units"] and len(name.term["units"]) < _COMMON_UNITS
        specific = specific or quantity.second == _GRADES
        odd = [word for word in words if not _is_bridge(word)]
        return len(words) <= (16 if inside else 12) and len(odd) <= (2 if specific else 0)

    def _is_after_another(self, name: Hit, place: int) -> bool:
        """Whether the name already has a number of its own that stands between them."""
        return any(owner is name and other < place for other, owner in self.taken.items())

    def _gap(self, start: int, end: int, inside: Sequence[Quantity]) -> str:
        """The words between, without the numbers and printed ranges that stand there."""
        cut = [(q.start, q.end) for q in inside] + [(r.start, r.end) for r in self.references]
        gap, position = "", start
        for a, b in sorted(cut):
            if a >= position and b <= end:
                gap += self.text[position:a] + " "
                position = b
        return gap + self.text[position:end]

    def _right(self, place: int) -> Hit | None:
        """`9 on the VAS`, `-2.0 in T-score`."""
        quantity = self.numbers[place]
        for name in self.names:
            if name.start < quantity.end:
                continue
            between = [q for q in self.numbers if quantity.end <= q.start and q.end <= name.start]
            gap = self._gap(quantity.end, name.start, between)
            last = between[-1] if between else quantity
            if not self._fits(name, quantity) or (name.term["needs"] == "unit" and quantity.unit is None):
                return None
            listed = all(
                self._joined(self.numbers.index(a), self.numbers.index(b)) or self._changes(a, b)
                for a, b in zip([quantity, *between], between, strict=False)
            )
            if listed and _FOLLOWS.fullmatch(self.text[last.end : name.start]) and not _BREAK.search(gap):
                return name
            return None
        return None

    def _changes(self, one: Quantity, other: Quantity) -> bool:
        """`from 8 to 2`."""
        led = self.text[: one.start].rstrip().lower().endswith("from")
        return led and _CHANGE.fullmatch(self.text, one.end, other.start) is not None

    # what fits ----------------------------------------------------------------------------------------------------

    def _fits(self, name: Hit, quantity: Quantity) -> bool:
        term = name.term
        form: str | None = term["form"]
        needs: str | None = term["needs"]
        if needs == "grade" and not self._graded(quantity):
            return False
        if (form == "pair") != (quantity.second is not None) and form in ("pair", None):
            return False
        if quantity.second is not None and form == "scale" and quantity.second not in (10, 100):
            return False
        if quantity.second is not None and form == "grade" and quantity.second > _GRADES:
            return False
        if not self._unit_fits(name, quantity) or self._is_target(name, quantity):
            return False
        bounds = [quantity.value] if quantity.high is None else [quantity.value, quantity.high]
        limits: dict[str, list[float]] = term["limits"] or {}
        low, high = limits.get(quantity.unit.code if quantity.unit else "", [term["low"], term["high"]])
        lowest, highest = Decimal(str(low)), Decimal(str(high))
        return all(lowest <= value <= highest for value in bounds)

    def _unit_fits(self, name: Hit, quantity: Quantity) -> bool:
        if quantity.unit is None:
            return bool(name.term["needs"] != "unit" or name.term["form"] == "grade")
        units: list[str] = name.term["units"]
        return quantity.unit.code in units

    def _is_target(self, name: Hit, quantity: Quantity) -> bool:
        """A bound that a treatment keeps to, or a definition, is no measured value."""
        if quantity.comparator is None and quantity.high is None:
            return False
        start = max(0, min(name.start, quantity.start) - _TARGET_REACH)
        return self.target.search(self.text, start, quantity.end + _TARGET_REACH) is not None

    def _graded(self, quantity: Quantity) -> bool:
        if quantity.second == _GRADES:
            return True
        return _GRADED.search(self.text, max(0, quantity.start - 12), quantity.start) is not None

    def _reference_of(self, place: int) -> Reference | None:
        quantity = self.numbers[place]
        following = self.numbers[place + 1].start if place + 1 < len(self.numbers) else len(self.text)
        for reference in self.references:
            if (
                quantity.end <= reference.start < following
                and len(self.text[quantity.end : reference.start].split()) <= 1
            ):
                return reference
        return None


@cache
def _bridges() -> Pattern:
    return compiled(lexicon("measurements").pattern("bridge"))


@lru_cache(maxsize=4096)
def _is_bridge(word: str) -> bool:
    return word.isdigit() or _PLACE.fullmatch(word) is not None or _bridges().fullmatch(word) is not None


def with_value(quantity: Quantity, value: Decimal) -> Quantity:
    """The same print with one number of it."""
    return replace(quantity, value=value, second=None)
