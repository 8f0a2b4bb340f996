"""Other ages and the other sex."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping

_UNITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_UNITS += [f"{ten}teen" for ten in ("thir", "four", "fif", "six", "seven", "eigh", "nine")]
_TENS = {2: "twenty", 3: "thirty", 4: "forty", 5: "fifty", 6: "sixty", 7: "seventy", 8: "eighty", 9: "ninety"}
_PAIRS = (
    "he/she himself/herself man/woman men/women male/female males/females gentleman/lady husband/wife boy/girl "
    "mr/mrs mr/ms father/mother brother/sister brothers/sisters son/daughter sons/daughters "
    "schoolmaster/schoolmistress widower/widow he's/she's "
    "chairman/chairwoman fisherman/fisherwoman grandfather/grandmother"
)
_OTHER: dict[str, str] = {}
for _pair in _PAIRS.split():
    _one, _two = _pair.split("/")
    _OTHER.setdefault(_one, _two)
    _OTHER.setdefault(_two, _one)
_NAMED = re.compile(rf"\b({'|'.join(sorted(_OTHER, key=len, reverse=True))})\b(?!\s?=)", re.IGNORECASE)
_POSSESSIVE = re.compile(r"\b(his|her|hers|him)\b(?=(\s[\w-]+)?)", re.IGNORECASE)
_OBJECT = re.compile(
    r"\s(?:to|with|in|at|on|for|that|and|as|from|by|the|a|an|was|again|off|up|out|about|after|of|when|until|or|into|"
    r"under|over|but|because|before|within|through|down|unable|free|this)",
    re.IGNORECASE,
)
_LETTER = re.compile(r"(?<=\d)(\s?[,/]?\s?(?:y|yr|yrs|years|y/o|yo)?\.?,?\s?)\b([MF])\b|\b([MF])\b(?=,?\s?/?\s?\d\d\b)")
_LETTERS = re.compile(r"(?<=\bSex)((?:\s[fmFM])+)\b")
_BOUND_TO_SEX = re.compile(
    r"prostat|housewife|menopaus|pregnan|hyster|ovar|uter|partum|vagin|testi|gyn|obstet|breast|mastect", re.I
)


def other_sex(text: str) -> str:
    text = _NAMED.sub(lambda m: _cased(_OTHER[m[1].lower()], m[1]), text)
    text = _POSSESSIVE.sub(_possessive, text)
    text = _LETTER.sub(lambda m: f"{m[1]}{_letter(m[2])}" if m[2] else _letter(m[3]), text)
    return _LETTERS.sub(lambda m: "".join(_letter(c) for c in m[1]), text)


def may_change_sex(text: str) -> bool:
    """Not where an organ or a state of one sex is told of."""
    return _BOUND_TO_SEX.search(text) is None


def _letter(letter: str) -> str:
    return {"M": "F", "F": "M", "m": "f", "f": "m"}.get(letter, letter)


def _possessive(match: re.Match[str]) -> str:
    word = match[1].lower()
    if word == "her":
        object_of = match[2] is None or _OBJECT.fullmatch(match[2]) is not None
        return _cased("him" if object_of else "his", match[1])
    return _cased({"his": "her", "hers": "his", "him": "her"}[word], match[1])


def _cased(word: str, like: str) -> str:
    return word.upper() if like.isupper() and len(like) > 1 else word.capitalize() if like[0].isupper() else word


def new_ages(ages: Iterable[int], chance: random.Random) -> dict[int, int]:
    """Another age for each, all different, between 24 and 97."""
    known = sorted(set(ages))
    free = [age for age in range(24, 98) if age not in known]
    chance.shuffle(free)
    return dict(zip(known, free, strict=False))


def with_ages(text: str, ages: Mapping[int, int]) -> str:
    """The ages in digits and in words, and the article before them."""
    written = {str(old): str(new) for old, new in ages.items()} | {_word(o): _word(n) for o, n in ages.items()}
    if not written:
        return text
    numbers = "|".join(sorted(map(re.escape, written), key=len, reverse=True))
    pattern = re.compile(
        rf"(?:\b(?P<a>an?)(?P<gap>\s))?(?<![\w.:;/-])(?P<n>{numbers})(?![.,]?\d|\s?%|-\d|\s?(?:weeks|days|months|mm|cm|ml|mg|g/|beats|kg|bpm|/min))",
        re.IGNORECASE,
    )

    def replaced(match: re.Match[str]) -> str:
        new = _cased(written[match["n"].lower()], match["n"]) if not match["n"].isdigit() else written[match["n"]]
        if not match["a"]:
            return new
        vowel = new.lower().startswith(("8", "11", "18", "eigh", "eleven"))
        article = "an" if vowel else "a"
        return f"{_cased(article, match['a']) if match['a'][0].isupper() else article}{match['gap']}{new}"

    return pattern.sub(replaced, text)


def _word(age: int) -> str:
    if age < 20:
        return _UNITS[age]
    return _TENS[age // 10] + (f"-{_UNITS[age % 10]}" if age % 10 else "")
