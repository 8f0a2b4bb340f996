"""Texts without what a string search ignores: case, accents, punctuation and surplus white space (rest-rules STR-1);
and how names sound."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from jellyfish import metaphone

_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d"})
"""Letters that Unicode does not take apart."""
_PUNCTUATION = re.compile(r"[^\w\s]|_")
_SPACE = re.compile(r"\s+")


def folded(text: str) -> str:
    """As a string search compares it. Punctuation goes without a trace: `O'Brien` is `obrien`. It may be empty."""
    return folded_forms(text)[0]


@lru_cache(maxsize=8192)
def folded_forms(text: str) -> tuple[str, ...]:
    """The forms under which a text is stored: punctuation gone, and punctuation as a space where that differs, so that
    `Smith-Jones` is found as `SmithJones` and as `Smith Jones`. The first is `folded`."""
    if text.isascii():
        plain = text.lower()
        if plain.isalnum():
            return (plain,)
    else:
        plain = _plain(text)
    without = _SPACE.sub(" ", _PUNCTUATION.sub("", plain)).strip()
    apart = _SPACE.sub(" ", _PUNCTUATION.sub(" ", plain)).strip()
    return (without,) if apart == without else (without, apart)


def sounds(text: str) -> tuple[str, ...]:
    """How each word of a name sounds in English (metaphone); a word of another script is itself, folded. Two names that
    share a sound, `Smith` and `Smyth`, are alike to a phonetic search."""
    return tuple(dict.fromkeys(_sound(word) for word in folded_forms(text)[-1].split()))


@lru_cache(maxsize=4096)
def _sound(word: str) -> str:
    return metaphone(word) if word.isascii() and word.isalpha() else word


def _plain(text: str) -> str:
    once = unicodedata.normalize("NFKD", text).casefold()
    apart = unicodedata.normalize("NFKD", once)
    return "".join(sign for sign in apart if not unicodedata.combining(sign)).translate(_LETTERS)
