"""Tokens of FHIRPath and of the FHIR Mapping Language, which embeds it, each with its line and column.

The mapping language adds `///`, `->`, `<<`, `>>`, `==` and double quotes; none of them has a meaning in FHIRPath.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
    (?P<skip>  \s+ | /\*.*?\*/ | ////+[^\n]* | //(?!/)[^\n]* )
  | (?P<meta>  /// )
  | (?P<block> \"\"\".*?\"\"\" )
  | (?P<text>  "(?:\\.|[^"\\])*" )
  | (?P<string> '(?:\\.|[^'\\])*' )
  | (?P<quoted> `(?:\\.|[^`\\])*` )
  | (?P<date>  @T?[0-9](?:[0-9T:.Z]|[-+](?=[0-9]))* )
  | (?P<number> \d+(?:\.\d+)? )
  | (?P<name>  [A-Za-z_][A-Za-z0-9_]* )
  | (?P<variable> %(?:[A-Za-z_][A-Za-z0-9_]*|`[^`]*`|'[^']*'|"[^"]*") )
  | (?P<special> \$[a-z]+ )
  | (?P<symbol> << | >> | -> | <= | >= | != | !~ | == | \.\. | /(?!\*) | [-+*&|()\[\]{}.,;:=~<>!] )
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}
_HALF = re.compile(r"[\ud800-\udfff]")
_MOST_DIGITS = 100


class SyntaxFault(Exception):
    """The text breaks the grammar at `line`, `column` (both from 1)."""

    def __init__(self, text: str, line: int, column: int) -> None:
        super().__init__(text)
        self.text, self.line, self.column = text, line, column


@dataclass(frozen=True, slots=True)
class Token:
    """`kind` is a group name of the lexer or `end`; `value` is the text without quotes and escapes."""

    kind: str
    text: str
    value: str
    line: int
    column: int
    start: int
    end: int


class Tokens:
    """The tokens of a text, read from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._tokens = _tokens(text)
        self._at = 0

    @property
    def current(self) -> Token:
        """The token that comes next."""
        return self._tokens[self._at]

    def following(self, ahead: int = 1) -> Token:
        """The token after the current one; the end stays the end."""
        return self._tokens[min(self._at + ahead, len(self._tokens) - 1)]

    @property
    def place(self) -> int:
        """The number of the current token."""
        return self._at

    def taken(self, since: int) -> Sequence[Token]:
        """The tokens that were taken since that place."""
        return self._tokens[since : self._at]

    def take(self) -> Token:
        """The current token; the next one becomes current."""
        token = self._tokens[self._at]
        if token.kind != "end":
            self._at += 1
        return token

    def at(self, *texts: str) -> bool:
        """Whether a symbol or word of these comes next (quoted text never counts)."""
        token = self._tokens[self._at]
        return token.text in texts and token.kind in ("symbol", "name", "meta", "special")

    def accept(self, *texts: str) -> bool:
        """Take the next token if it is one of these."""
        if self.at(*texts):
            self._at += 1
            return True
        return False

    def expect(self, text: str) -> Token:
        """Take this symbol or word. Raises SyntaxFault."""
        if not self.at(text):
            raise self.fault(f"'{text}'")
        return self.take()

    def expect_kind(self, expected: str, *kinds: str) -> Token:
        """Take a token of one of these kinds. Raises SyntaxFault that names what was expected."""
        if self.current.kind not in kinds:
            raise self.fault(expected)
        return self.take()

    def fault(self, expected: str) -> SyntaxFault:
        """The error that something else was expected here."""
        token = self.current
        found = "the end of the text" if token.kind == "end" else token.text.split("\n", 1)[0][:40]
        return SyntaxFault(f"expected {expected}, found {found}", token.line, token.column)


def _tokens(text: str) -> list[Token]:
    tokens: list[Token] = []
    at, line, line_start = 0, 1, 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise SyntaxFault(_unreadable(text, at), line, at - line_start + 1)
        kind, found = match.lastgroup or "", match.group()
        if kind != "skip":
            token = Token(kind, found, _value(kind, found), line, at - line_start + 1, at, match.end())
            _refuse_unusable(token)
            tokens.append(token)
        newlines = found.count("\n")
        if newlines:
            line, line_start = line + newlines, at + found.rindex("\n") + 1
        at = match.end()
    tokens.append(Token("end", "", "", line, at - line_start + 1, at, at))
    return tokens


def _refuse_unusable(token: Token) -> None:
    if token.kind == "number" and len(token.text) > _MOST_DIGITS:
        raise SyntaxFault(f"a number may have {_MOST_DIGITS} digits", token.line, token.column)
    if _HALF.search(token.value):
        raise SyntaxFault("this text has half of a character (a lone surrogate)", token.line, token.column)


def _unreadable(text: str, at: int) -> str:
    if text[at] in "\"'`":
        return f"this {text[at]} opens a text that is never closed"
    if text.startswith("/*", at):
        return "this /* opens a comment that is never closed"
    return f"the character {text[at]} has no meaning here"


def _value(kind: str, text: str) -> str:
    if kind in ("string", "text", "quoted"):
        return _unescape(text[1:-1])
    if kind == "block":
        return text[3:-3].strip("\r\n")
    if kind == "variable":
        return text[1:].strip("`'\"")
    return text


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda match: _character(match[1]), text)


def _character(escape: str) -> str:
    """What stands behind a backslash, as the character it means; two escapes may be the halves of one."""
    if len(escape) == 1:
        return _ESCAPED.get(escape, escape)
    units = [int(unit, 16) for unit in escape[1:].split("\\u")]
    return b"".join(unit.to_bytes(2, "big") for unit in units).decode("utf-16-be", "surrogatepass")
