"""Whether words are in English, told by the letters they are written in and by their commonest ones."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache

from fhir_service.extraction.lexicon import lexicon
from fhir_service.extraction.words import once

ENGLISH = "English"
_WORD = re.compile(r"(?<![\w/])[^\W\d_]+(?!\w)")
"""The `l` of `g/l` is no word, nor that of `L2`."""
_ASIAN = "\u3400-\u9fff\uf900-\ufaff"
_KANA = re.compile(r"[\u3040-\u30ff]")
_SCRIPTS = {
    "Chinese": re.compile(rf"[{_ASIAN}]"),
    "Japanese": _KANA,
    "Korean": re.compile(r"[\u1100-\u11ff\uac00-\ud7af]"),
    "Russian": re.compile(r"[\u0400-\u052f]"),
    "Greek": re.compile(r"[\u0386-\u03ff\u1f00-\u1fff]"),
    "Arabic": re.compile(r"[\u0600-\u06ff\u0750-\u077f]"),
    "Hebrew": re.compile(r"[\u0590-\u05ff]"),
    "Hindi": re.compile(r"[\u0900-\u097f]"),
    "Thai": re.compile(r"[\u0e00-\u0e7f]"),
}
_OTHER_LETTERS = re.compile(r"[\u0370-\u1fff\u3040-\uffdc]")
_LETTERS_OF_A_SIGN = 3
"""A Chinese or Korean sign says as much as so many letters."""
_DENSE = frozenset({"Chinese", "Japanese", "Korean"})
_FEWEST_WORDS = 12
_FEWEST_TO_DOUBT = 60
_PLAINLY_ENGLISH = 0.2
_SURELY_ANOTHER = 0.08
_MUCH_MORE = 1.5
_NO_ENGLISH = 0.06
_FEWEST_OF_ITS_OWN = 4
"""So many different words that English does not have: "op" and "in" alone make no telegraphic report Dutch."""


def foreign_language(texts: Iterable[str]) -> str | None:
    """The language that running text reads like, where that is not English; None also where it is too short to tell."""
    told = list(texts)
    known = [_words_of(text) for text in told]
    words = sum(len(each) for each, _ in known)
    if all(text.isascii() for text in told) and (
        words < _FEWEST_WORDS or sum(english for _, english in known) / words >= _PLAINLY_ENGLISH
    ):
        return None
    return _by_script(" ".join(told)) or _by_words([word for each, _ in known for word in each])


@once
def _words_of(text: str) -> tuple[list[str], int]:
    """The words of a text in lower case, and how many of them are common in English."""
    words = _WORD.findall(text.lower())
    return words, sum(map(_english().__contains__, words))


def _by_script(text: str) -> str | None:
    if not _OTHER_LETTERS.search(text):
        return None
    weights = {
        name: len(script.findall(text)) * (_LETTERS_OF_A_SIGN if name in _DENSE else 1)
        for name, script in _SCRIPTS.items()
    }
    latin = sum(len(word) for word in _WORD.findall(text) if word < "\u0250")
    total = sum(weights.values())
    if total < _FEWEST_WORDS or total <= latin:
        return None
    if weights["Japanese"] > 0.1 * weights["Chinese"]:
        return "Japanese"
    return max(weights, key=lambda name: weights[name])


def _by_words(words: list[str]) -> str | None:
    if len(words) < _FEWEST_WORDS:
        return None
    common = _common()
    counts = Counter(name for word in words for name in common.get(word, ()))
    english = counts[ENGLISH] / len(words)
    if english >= _PLAINLY_ENGLISH:
        return None
    best, count = max(counts.items(), key=lambda item: item[1], default=(ENGLISH, 0))
    share = count / len(words)
    own = {word for word in words if best in common.get(word, ()) and ENGLISH not in common[word]}
    if len(own) < _FEWEST_OF_ITS_OWN:
        best = ENGLISH
    if best != ENGLISH and share > _MUCH_MORE * english and share > _SURELY_ANOTHER:
        return best
    return "another language" if english < _NO_ENGLISH and len(words) >= _FEWEST_TO_DOUBT else None


@cache
def _english() -> frozenset[str]:
    return frozenset(word for word, languages in _common().items() if ENGLISH in languages)


@cache
def _common() -> Mapping[str, tuple[str, ...]]:
    """The languages each word is common in."""
    found: dict[str, tuple[str, ...]] = {}
    for term in lexicon("languages").terms:
        for word in term.words:
            found[word] = (*found.get(word, ()), term.code)
    return found
