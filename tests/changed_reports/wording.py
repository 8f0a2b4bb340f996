"""The same said in other words: spellings, abbreviations, notations (`wordings.toml`)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

Change = Callable[[str], str]
_DATA = tomllib.loads(Path(__file__).with_name("wordings.toml").read_text("utf-8"))
_NUMBERS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_TIME = r"(?=[- ](?:hours?|days?|weeks?|months?|years?|minutes?)\b)"
_VERTEBROPLASTY = re.compile(r"(?:percutaneous )?vertebroplasty\b(?! \(|-)", re.IGNORECASE)
_IN_WORDS = re.compile(rf"\b({'|'.join(_NUMBERS)}){_TIME}", re.IGNORECASE)
_IN_DIGITS = re.compile(rf"(?<![\d.,:/–-])(?<!\d )\b([1-9]|1[0-2]){_TIME}(?! ?years? old|-year-old)")


def _in_words(match: re.Match[str]) -> str:
    word = _NUMBERS[int(match[1]) - 1]
    opens = not match.string[: match.start()].strip() or match.string[: match.start()].rstrip(" ")[-1] in "\n.:"
    return word.capitalize() if opens else word


def _shortened(text: str) -> str:
    """The shortest name means other things, too: it stands after the full one has explained it."""
    first = _VERTEBROPLASTY.search(text)
    if first is None:
        return text
    return f"{text[: first.end()]} (VP){_VERTEBROPLASTY.sub('VP', text[first.end() :])}"


def _replaced(wording: Mapping[str, str]) -> Change:
    compiled = re.compile(wording["pattern"], re.IGNORECASE if wording.get("any_case") else 0)
    return lambda text: compiled.sub(wording["words"], text)


def _spelled(pairs: Mapping[str, str]) -> Change:
    compiled = re.compile("|".join(sorted(map(re.escape, pairs), key=len, reverse=True)), re.IGNORECASE)

    def one(match: re.Match[str]) -> str:
        new = pairs[match[0].lower()]
        return new.capitalize() if match[0][0].isupper() else new

    return lambda text: compiled.sub(one, text)


WORDINGS: dict[str, Change] = {
    "British spelling": _spelled(_DATA["british"]),
    "American spelling": _spelled({british: american for american, british in _DATA["british"].items()}),
    "times in digits": lambda text: _IN_WORDS.sub(lambda m: str(_NUMBERS.index(m[1].lower()) + 1), text),
    "times in words": lambda text: _IN_DIGITS.sub(_in_words, text),
    "VP": _shortened,
    **{wording["name"]: _replaced(wording) for wording in _DATA["wording"]},
}
"""Each keeps the facts; one of them at a time, on every text that has its words."""
