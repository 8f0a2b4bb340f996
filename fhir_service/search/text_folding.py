"""Texts without what a string search ignores: case, accents, punctuation and surplus white space (rest-rules STR-1)."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d"})
"""Letters that accents made and Unicode does not take apart."""
_SPACE = re.compile(r"\s+")


def folded(text: str) -> str:
    """As a string search compares it. Punctuation goes without a trace: `O'Brien` is `obrien`."""
    return folded_forms(text)[0]


@lru_cache(maxsize=8192)
def folded_forms(text: str) -> tuple[str, ...]:
    """The forms under which a text is stored: punctuation gone, and punctuation as a space where that differs, so that
    `Smith-Jones` is found as `SmithJones` and as `Smith Jones`. The first is `folded`; it may be empty."""
    if text.isascii():
        plain = text.lower()
        if plain.isalnum():
            return (plain,)
    else:
        decomposed = unicodedata.normalize("NFKD", text).casefold()
        marked = unicodedata.normalize("NFKD", decomposed)
        plain = "".join(sign for sign in marked if not unicodedata.combining(sign)).translate(_LETTERS)
    without = _words(plain, "")
    apart = _words(plain, " ")
    return (without,) if apart == without else (without, apart)


def _words(plain: str, instead: str) -> str:
    kept = "".join(sign if sign.isalnum() or sign.isspace() else instead for sign in plain)
    return _SPACE.sub(" ", kept).strip()
