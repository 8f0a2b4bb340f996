"""Persons as a sentence introduces them: age and sex in all their forms."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from fhir_service.extraction.lexicon import Hit, lexicon
from fhir_service.extraction.numbers import WORD_NUMBER, number_of
from fhir_service.extraction.patterns import compiled

_N = rf"(?:\d{{1,3}}|{WORD_NUMBER})"
_UNIT = r"(?P<unit>years?|yrs?|y|months?|mo)"
_DECADES = {
    "twenties": 20,
    "thirties": 30,
    "forties": 40,
    "fifties": 50,
    "sixties": 60,
    "seventies": 70,
    "eighties": 80,
    "nineties": 90,
}
_ARIANS = {
    "quinquagenarian": 50,
    "sexagenarian": 60,
    "septuagenarian": 70,
    "octogenarian": 80,
    "nonagenarian": 90,
    "centenarian": 100,
}
_OLD = compiled(rf"\b(?P<n>{_N})[\s-]?{_UNIT}\.?[\s-]?(?:old|o\b|of\sage)", re.IGNORECASE)
_SLASHED = compiled(r"\b(?P<n>\d{1,3})\s?y(?:/o|o)?\b|\b(?P<n2>\d{1,3})\s?yo\b", re.IGNORECASE)
_AGED = compiled(
    rf"\b(?:aged|age(?:d|\s(?:of|was|is))?|at\s(?:the\s)?age(?:\sof)?)[\s:]+(?P<n>{_N})\b(?:\s?{_UNIT}\b)?|"
    r"\b(?P<whose>(?:who|she|he|patient|wom[ae]n|man|lady|gentleman|widow(?:er)?|[A-Z]\.\s?[A-Z]\.),?\s(?:is|was)\s)"
    r"(?P<n2>\d{2,3})(?=,|\.|;|\s(?:and|when|at)\s|\syears\b(?!\s(?:after|before|later)))",
    re.IGNORECASE,
)
_OF_YEARS = compiled(
    rf"(?:\bof\s|,\s|\(|^an?\s|\ban?\s(?=\d+\s?(?:years?|yrs?|y)\s(?:female|male|wom|m[ae]n|lady|gentl|patient)))(?P<n>{_N})\s{_UNIT}\b(?!\s(?:after|before|ago|earlier|later|prior|previous|of\s(?!age)|duration|history))",
    re.IGNORECASE,
)
_BARE = compiled(
    r"(?:(?<=,\s)|(?<=\sof\s)|(?<=\s\())(?P<n>\d{2,3})"
    r"(?=,|\)|;|\.?$|\.\s|\s\(|\s(?:on|under|taking|whose|known|from|without|living|sent|referred|brought|who|with|was|had|has|is|and|came|presented|in|developed|underwent|received|suffer\w+|treated|admitted)\b)"
)
_DECADE = compiled(
    rf"\bin\s(?:his|her|their)\s(?:early\s|mid[\s-]?|late\s)?(?P<n>[2-9]0)'?s\b|\bin\s(?:his|her)\s(?:early\s|mid[\s-]?|late\s)?(?P<word>{'|'.join(_DECADES)})\b",
    re.IGNORECASE,
)
_ARIAN = compiled("|".join(_ARIANS), re.IGNORECASE)
_SEX_AGE = compiled(
    r"(?<![\w/])(?:(?P<sex>[FM])\s?[/,]\s?(?P<n>\d{1,3})|(?P<n2>\d{1,3})\s?[/,]?\s?(?P<sex2>[FM]))(?![\w/])"
)
_NOT_AGE = compiled(
    r"\.\d|\s*(?:(?:to|-|and)\s?\d|follow|period|history|survival|interval|weeks?|gestation|course|later|ago|after|before|duration)",
    re.IGNORECASE,
)
_OF_MANY = compiled(
    r"\b(?:mean|median|average|patients|women|men|females|males|range[ds]?)\b(?:(?!\b(?:an?|one)\s)[^.;)]){0,12}$",
    re.IGNORECASE,
)
_SAID_OF = compiled(
    r"(?:\.?\s(?:[A-Z]\w{0,12}\.?(?=,)|[A-Z]\.\s?-?[A-Z]\.?))?[\s,(]*(?:(?:concerned|in\squestion|herself|himself|described|presented|reported\shere)\b[\s,(]*)?(?:of\s)?"
)
_WHO_IS = compiled(r"(?:[A-Z]\.\s?[A-Z]\.|She|He|The\s[a-z]+)\s(?:is|was)\s")
_REACH = 45


@dataclass(frozen=True)
class Person:
    """A person at `text[start:end]`. Age in `unit` (`a`, `mo`; as printed, `unit_text`) as `age`, or `low` and `high`
    ("in her 70s")."""

    start: int
    end: int
    sex: str | None = None
    sex_at: tuple[int, int] | None = None
    age: Decimal | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    unit: str = "a"
    age_at: tuple[int, int] | None = None
    unit_text: str | None = None

    @property
    def by_the_way(self) -> bool:
        """ "In his forties": of somebody told of already."""
        return self.low is not None and self.sex is None and self.age_at == (self.start, self.end)

    @property
    def stated_age(self) -> tuple[Decimal | None, Decimal | None, str] | None:
        return None if self.age is None and self.low is None else (self.age, self.low, self.unit)


def find_people(text: str) -> list[Person]:
    """Persons introduced by age, or by age and sex; where no age stands, by a noun with an indefinite article."""
    hits = lexicon("people").find(text)
    nouns = [hit for hit in hits if hit.code != "relative"]
    found: list[Person] = []
    for age in _ages(text, nouns):
        if _of_relative(text, hits, age):
            continue
        noun = _noun_near(text, nouns, age)
        if noun is None:
            if age.age_at is not None and _stands_alone(text, age):
                found.append(age)
            continue
        start, end = min(noun.start, age.start), max(noun.end, age.end)
        sexed = next(
            (hit for hit in nouns if start <= hit.start and hit.end <= end + 12 and hit.code != "person"), None
        )
        at = (sexed.start, sexed.end) if sexed else None
        found.append(
            Person(
                start,
                max(end, at[1] if at else end),
                sexed.code if sexed else age.sex,
                at,
                age.age,
                age.low,
                age.high,
                age.unit,
                age.age_at,
                age.unit_text,
            )
        )
    for hit in nouns:
        if (
            hit.code != "person"
            and _indefinite(text, hit.start)
            and not any(p.start <= hit.start < p.end for p in found)
        ):
            found.append(Person(hit.start, hit.end, hit.code, (hit.start, hit.end)))
    found.sort(key=lambda person: person.start)
    return found


def _ages(text: str, nouns: Sequence[Hit]) -> list[Person]:
    found: list[Person] = []
    for pattern in (_OLD, _AGED, _SLASHED, _OF_YEARS, _BARE):
        for match in pattern.finditer(text):
            groups = match.groupdict()
            person = _numeric(text, match, groups.get("n") or groups.get("n2") or "", groups.get("unit"))
            if person is None or any(p.start < person.end and person.start < p.end for p in found):
                continue
            if pattern not in (_OF_YEARS, _BARE) or _after_noun(text, nouns, match.start()):
                found.append(person)
    for match in _DECADE.finditer(text):
        low = int(match["n"]) if match["n"] else _DECADES[match["word"].lower()]
        at = (match.start(), match.end())
        found.append(Person(*at, low=Decimal(low), high=Decimal(low + 9), age_at=at))
    for match in _ARIAN.finditer(text):
        low = _ARIANS[match[0].lower()]
        at = (match.start(), match.end())
        found.append(Person(*at, low=Decimal(low), high=Decimal(low + 9), age_at=at))
    for match in _SEX_AGE.finditer(text):
        letter = match["sex"] or match["sex2"]
        at = (match.start(), match.end())
        if not any(p.start < at[1] and at[0] < p.end for p in found):
            age = number_of(match["n"] or match["n2"])
            found.append(Person(*at, sex="female" if letter == "F" else "male", sex_at=at, age=age, age_at=at))
    found.sort(key=lambda person: person.start)
    return found


def _numeric(text: str, match: re.Match[str], words: str, unit: str | None) -> Person | None:
    try:
        value = number_of(words)
    except ValueError:
        return None
    months = bool(unit) and (unit or "").lower().startswith("mo")
    if not 0 < value <= (240 if months else 115) or _NOT_AGE.match(text, match.end()):
        return None
    if _OF_MANY.search(text, max(0, match.start() - 25), match.start("n") if match["n"] else match.start()):
        return None
    at = (match.start(), match.end())
    return Person(*at, age=value, unit="mo" if months else "a", age_at=at, unit_text=unit)


def _noun_near(text: str, nouns: Sequence[Hit], age: Person) -> Hit | None:
    at = [h for h in nouns if h.code != "person" and h.end <= age.start and _SAID_OF.fullmatch(text, h.end, age.start)]
    if at:
        return at[-1]
    after = [hit for hit in nouns if 0 <= hit.start - age.end <= _REACH and _one_phrase(text[age.end : hit.start])]
    if after:
        return next((hit for hit in after if hit.code != "person"), after[0])
    inside = [hit for hit in nouns if age.start <= hit.start and hit.end <= age.end]
    if inside:
        return inside[0]
    before = [
        hit
        for hit in nouns
        if 0 <= age.start - hit.end <= 25 and not compiled(r"[;:]|\.\s+[A-Z][a-z]{2}").search(text[hit.end : age.start])
    ]
    if not before:
        return None
    return next((hit for hit in reversed(before) if hit.code != "person"), before[-1])


def _one_phrase(between: str) -> bool:
    return not compiled(r"[.;:()]|,.*,|\b(?:was|were|had|has|underwent|who|with|whose|and\sa)\b").search(between)


def _after_noun(text: str, nouns: Sequence[Hit], position: int) -> bool:
    """ "a man of 29 years", "a woman, 71, ...", "the lady concerned, 76": the noun stands just before."""
    return any(hit.end <= position and _SAID_OF.fullmatch(text, hit.end, position) for hit in nouns)


def _of_relative(text: str, hits: Sequence[Hit], age: Person) -> bool:
    """ "Her sister, aged 85, ...": the age of somebody who is no patient."""
    before = [hit for hit in hits if hit.end <= age.start]
    return (
        bool(before)
        and before[-1].code == "relative"
        and not compiled(r"[.;:]").search(text, before[-1].end, age.start)
    )


def _stands_alone(text: str, age: Person) -> bool:
    """ "The 64-year-old", "aged 64", "an octogenarian": an age with no noun still introduces somebody."""
    if age.sex is not None:
        return compiled(r"\($|^$|[(,]\s*$").search(text, 0, age.start) is not None
    return (
        compiled(r"\b(?:the|an?|this|our|i am|i'm|was|in|,)\s*$", re.IGNORECASE).search(text, 0, age.start) is not None
        or text[age.start : age.start + 2].lower() == "ag"
        or _WHO_IS.match(text, age.start) is not None
        or text[age.start : age.start + 3].lower() == "in "
    )


def _indefinite(text: str, position: int) -> bool:
    before = compiled(r"\b(?:a|an|one|another)\s(?:[\w-]+\s){0,3}$", re.IGNORECASE).search(
        text[max(0, position - 45) : position]
    )
    return before is not None
