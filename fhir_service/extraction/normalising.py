"""Raw text to normalised text, with the way back from every position."""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

_LIGATURES = {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
_SINGLE = {
    **_LIGATURES,
    **dict.fromkeys("‐‑‒–", "-"),
    **dict.fromkeys("’‘‛", "'"),
    **dict.fromkeys("“”„", '"'),
    "—": " - ",
    "−": "-",
    "ℓ": "l",
    "μ": "µ",
    "⁄": "/",
    "…": "...",
    "×": "x",
    "º": "°",
}
_INVISIBLE = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u202a-\u202e\u2066-\u2069"
_BLANK = r"[\s\u00a0\u2000-\u200a\u202f\u205f\u3000]"
_LINE_HYPHENS = "-\u00ad‐‑"
_HYPHEN = f"[{_LINE_HYPHENS}]"
_SPECIAL = re.compile(
    rf"(?P<hyphenated>(?<=[^\W\d_]){_HYPHEN}{_BLANK}*[\r\n]{_BLANK}*(?=[^\W\d_A-Z]))"
    rf"|(?P<line_hyphen>(?<=\w){_HYPHEN}[ \t]*\r?\n{_BLANK}*(?=\w))"
    rf"|(?P<slash>(?<=\w)/[ \t]*\r?\n{_BLANK}*(?=\w))"
    r"|(?P<minus>(?:−|&minus;|&#8722;|&#x2212;)[ \u00a0\u2009\u202f]?(?=\d))"
    r"|(?P<range>(?<=\d)[ \u00a0\u2009\u202f]?[–‒][ \u00a0\u2009\u202f]?(?=\d))"
    r"|(?P<point>(?<=\d)[·∙⋅](?=\d))"
    r"|(?P<cell></?[Tt][DdHh]\b[^<>]*>)"
    r"|(?P<tag><(?:[A-Za-z/!?][^<>]*)>)"
    r"|(?P<entity>&(?:#\d{1,7}|#x[0-9A-Fa-f]{1,6}|[A-Za-z]{2,10});)"
    rf"|(?P<invisible>[{_INVISIBLE}])"
    rf"|(?P<blank>(?! \S){_BLANK}+)"
    rf"|(?P<single>[{''.join(_SINGLE)}])"
)
_ANY_SPECIAL = re.compile(r"[^!-%'-;=-~ ]|  | $")
"""Where a text is not plain print: a sign outside ASCII, `&` or `<`, a line end, blanks in a row or at the end."""
# A hyphen at a line end belongs to the word where what follows is a word of its own.
_KEEPS_HYPHEN = re.compile(
    r"(?:old|year|month|week|day|based|related|induced|guided|assisted|like|up|free|shaped|controlled|associated|up|"
    r"weighted|dose|grade|level|body|sided|term|line|rod|side|standing|existing|augmented|bearing|threatening|sized|"
    r"posterior|anterior|lateral|ventral|dorsal|caudal|cranial)s?(?![a-z])"
)


@dataclass(frozen=True, eq=False)
class Normalised:
    """Normalised text in pieces: piece i begins at `_starts[i]`, stands for `_lengths[i]` characters at `_raw[i]`."""

    text: str
    _starts: list[int]
    _raw: list[int]
    _lengths: list[int]
    _copied: list[bool]

    def raw_start(self, position: int) -> int:
        """Stored offset of the character at `position`."""
        piece = bisect_right(self._starts, position) - 1
        return self._raw[piece] + (position - self._starts[piece] if self._copied[piece] else 0)

    def raw_end(self, position: int) -> int:
        """Stored offset just after the character before `position`."""
        piece = bisect_right(self._starts, position - 1) - 1
        if self._copied[piece]:
            return self._raw[piece] + position - self._starts[piece]
        return self._raw[piece] + self._lengths[piece]


class _Builder:
    def __init__(self) -> None:
        self.parts: list[str] = []
        self.size = 0
        self.starts: list[int] = []
        self.raw: list[int] = []
        self.lengths: list[int] = []
        self.copied: list[bool] = []
        self.last = ""

    def add(self, piece: str, raw: int, length: int, *, copied: bool) -> None:
        if piece == "" or (piece[0] == " " and self.last in ("", " ") and piece.strip() == ""):
            return
        if piece[0] == " " and self.last in ("", " "):
            piece = piece[1:]
        self.parts.append(piece)
        self.starts.append(self.size)
        self.raw.append(raw)
        self.lengths.append(length)
        self.copied.append(copied)
        self.size += len(piece)
        self.last = piece[-1]

    def result(self) -> Normalised:
        return Normalised("".join(self.parts), self.starts, self.raw, self.lengths, self.copied)


def normalise(text: str, intervals: Sequence[tuple[int, int]], *, markup: bool = False) -> Normalised:
    """The normalised text of these raw intervals, joined by one blank each (or none after a hyphenated end).

    `markup` says that tags and character entities are HTML and not part of the words.
    """
    out = _Builder()
    for number, (start, end) in enumerate(intervals):
        following = _opening(text, intervals, number + 1)
        last, closed = _line_end(text, start, end, following)
        _add_interval(out, text, start, last, markup)
        if following and not closed:
            out.add(" ", max(start, end - 1), 1, copied=False)
    return out.result()


def _add_interval(out: _Builder, text: str, start: int, end: int, markup: bool) -> None:
    position = start
    special = _ANY_SPECIAL.search(text, start, end)
    for match in _SPECIAL.finditer(text, max(start, special.start() - 1), end) if special else ():
        replacement = _replacement(match, markup)
        if replacement is None:
            continue
        if match.start() > position:
            out.add(text[position : match.start()], position, match.start() - position, copied=True)
        out.add(replacement, match.start(), len(match[0]), copied=False)
        position = match.end()
    if end > position:
        out.add(text[position:end], position, end - position, copied=True)


def _opening(text: str, intervals: Sequence[tuple[int, int]], number: int) -> str:
    """The first characters of an interval."""
    if number >= len(intervals):
        return ""
    start, end = intervals[number]
    return text[start : min(end, start + 30)].lstrip()


def _line_end(text: str, start: int, end: int, following: str) -> tuple[int, bool]:
    """Where the words of a line end, and whether the next line closes up to it (a hyphenated word, a slash)."""
    while end > start and text[end - 1].isspace():
        end -= 1
    if not following or end - start < 2:
        return end, False
    if text[end - 1] == "/" and following[0].isalnum():
        return end, True
    if text[end - 1] in "–‒" and following[0].isalnum() and text[end - 2].isalnum():
        return end, True
    if text[end - 1] not in _LINE_HYPHENS or not text[end - 2].isalnum():
        return end, False
    broken_word = text[end - 2].isalpha() and following[0].islower() and not _KEEPS_HYPHEN.match(following)
    return (end - 1 if broken_word else end), following[0].isalnum()


_FIXED = {"line_hyphen": "-", "minus": "-", "range": "-", "slash": "/", "point": ".", "invisible": ""}


def _replacement(match: re.Match[str], markup: bool) -> str | None:
    kind = match.lastgroup or ""
    whole = match[0]
    if kind in _FIXED:
        return _FIXED[kind]
    if kind == "hyphenated":
        return "-" if _KEEPS_HYPHEN.match(match.string, match.end()) else ""
    if kind == "blank":
        return " "
    if kind == "single":
        return _SINGLE[whole]
    if markup:
        return {"tag": "", "cell": " "}[kind] if kind != "entity" else _entity(whole)
    return None


def _entity(words: str) -> str:
    """A character entity as the plain text it stands for."""
    plain = html.unescape(words)
    return " " if plain.isspace() else _SINGLE.get(plain, plain)
