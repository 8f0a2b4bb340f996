"""Numbers as words and digits."""

from __future__ import annotations

import re
from decimal import Decimal

_ONES = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
nineteen
""".split()  # noqa: SIM905 - a list of words is easier to read and to check as a line
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ORDINALS = """
first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth
""".split()  # noqa: SIM905 - likewise

CARDINALS: dict[str, int] = {word: number for number, word in enumerate(_ONES) if number} | {
    word: 10 * number for number, word in enumerate(_TENS, 2)
}
ORDINALS: dict[str, int] = {word: number for number, word in enumerate(_ORDINALS, 1)}

WORD_NUMBER = (
    "(?:(?:" + "|".join(_TENS) + ")(?:[ -](?:" + "|".join(_ONES[1:10]) + "))?|" + "|".join(reversed(_ONES[1:])) + ")"
)
"""Regular expression source of one to ninety-nine in words."""
NUMBER = rf"(?:\d{{1,5}}(?:[.,]\d+)?|{WORD_NUMBER})"
ORDINAL = "(?:" + "|".join(reversed(_ORDINALS)) + r"|\d{1,2}\s?(?:st|nd|rd|th|\((?:st|nd|rd|th)\)))"


def number_of(words: str) -> Decimal:
    """The value of a NUMBER. Raises ValueError."""
    plain = words.strip().lower()
    if plain[:1].isdigit():
        return Decimal(plain.replace(",", "."))
    total = 0
    for word in re.split(r"[ -]", plain):
        if word not in CARDINALS:
            raise ValueError(f"{words!r} is no number")
        total += CARDINALS[word]
    return Decimal(total)


def ordinal_of(words: str) -> int:
    """The value of an ORDINAL, or of bare digits. Raises ValueError."""
    plain = words.strip().lower()
    digits = re.match(r"\d{1,2}", plain)
    if digits:
        return int(digits[0])
    if plain not in ORDINALS:
        raise ValueError(f"{words!r} is no ordinal")
    return ORDINALS[plain]
