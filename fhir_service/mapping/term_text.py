"""Names, texts and constants as the mapping language (and FHIRPath) writes them."""

from __future__ import annotations

import re
from decimal import Decimal

from fhir_service.mapping.syntax import Literal

_TO_ESCAPE = re.compile(r"[\\'\x00-\x1f\x7f-\x9f\u2028\u2029]")
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_ESCAPES = {"\\": r"\\", "'": r"\'", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\f": r"\f"}
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS_OF_RULES = frozenset(
    {
        *("true", "false", "as", "where", "check", "log", "then", "default", "share", "single", "collate"),
        *("first", "not_first", "last", "not_last", "only_one"),
    }
)
"""Read as names by us wherever a name is wanted; not by every other reader."""


def quote(text: str) -> str:
    """A text in single quotes, escaped."""
    return "'" + _TO_ESCAPE.sub(lambda found: _ESCAPES.get(found[0]) or _escape(found[0]), text) + "'"


def in_quotes(text: str) -> str:
    """A text in double quotes, escaped."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + UNPRINTABLE.sub(lambda found: _escape(found[0]), escaped) + '"'


def is_plain(name: str) -> bool:
    """Whether a name needs no quotes."""
    return _PLAIN.fullmatch(name) is not None and name not in _WORDS_OF_RULES


def name_text(name: str) -> str:
    """A name, in backticks where it would not be read as one."""
    return name if is_plain(name) else "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def constant_text(literal: Literal) -> str:
    """A constant."""
    value = literal.value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        digits = format(value, "f")
        return digits if "." in digits else f"{digits}.0"
    if isinstance(value, int):
        return str(value)
    if literal.type is None:
        return quote(value)
    before = "@T" if literal.type == "time" else "@"
    return before + value + ("T" if literal.type == "dateTime" and "T" not in value else "")


def _escape(character: str) -> str:
    return f"\\u{ord(character):04x}"
