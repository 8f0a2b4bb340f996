"""Whether a text is in English, told by its commonest words."""

from __future__ import annotations

import re
from collections import Counter

_WORD = re.compile(r"[^\W\d_]+")
_COMMON = {
    "English": "the of and to in was with is for on that were by after at from as had her his she he this which not "
    "a an no been are or",
    "German": "der die das und mit von wurde bei nach eine einer ist nicht des den im zur auf als patientin",
    "French": "le la les des et une dans est par avec après du pour sur a été chez qui patiente aux",
    "Spanish": "el la los las de y una en con por para que fue después se del al paciente como tras",
    "Italian": "il di e una con per che la del nel dopo stata è al dei gli alla della paziente",
    "Portuguese": "o de e uma com por para que foi após do da em os não ao paciente se na dos",
    "Dutch": "de het een en van met voor werd na bij niet op is in zijn patiënt die te aan",
    "Polish": "i w z na do się po jest u nie przez oraz pacjentki została od za jako",
    "Turkish": "ve bir ile bu için sonra olan da de hasta olarak yapıldı",
}
_SETS = {name: frozenset(words.split()) for name, words in _COMMON.items()}
_SAMPLE = 40_000


def foreign_language(text: str) -> str | None:
    """The language a text reads like, where that is not English; None for English and for texts too short to tell."""
    words = Counter(_WORD.findall(text[:_SAMPLE].lower()))
    count = words.total()
    if count < 12:
        return None
    shares = {name: sum(map(words.__getitem__, known)) / count for name, known in _SETS.items()}
    best = max(shares, key=lambda name: shares[name])
    if best != "English" and shares[best] > 1.5 * shares["English"] and shares[best] > 0.08:
        return best
    latin = sum(number for word, number in words.items() if word.isascii())
    return "another script" if latin < 0.4 * count and shares["English"] < 0.05 else None
