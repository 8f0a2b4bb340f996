"""The small grammar inside parameter values: commas, bars and backslashes (rest-rules AND-1, ESC-1)."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import parse_qsl

from fhir_service.fhir.errors import InvalidParameter

MAX_PARAMETERS = 1000
"""Parameters in one query or form."""
Pairs = tuple[tuple[str, str], ...]
PRESENTATION = frozenset({"_format", "_pretty", "_summary", "_elements"})
"""Parameters that say how an answer looks, on every read."""
_SHORT = 512
_UNIT = re.compile(r"\\.|[^\\]|\\$", re.DOTALL)
_ESCAPED = re.compile(r"\\([,$|\\])")


def split(text: str, separator: str, limit: int = -1) -> list[str]:
    """The parts between separators that no backslash makes literal; escapes stay. At most `limit` cuts."""
    if "\\" not in text:
        return text.split(separator, limit)
    parts: list[str] = []
    current = ""
    for unit in _UNIT.findall(text):
        if unit == separator and limit != len(parts):
            parts.append(current)
            current = ""
        else:
            current += unit
    return [*parts, current]


def escaped(text: str, marks: str = r",$|") -> str:
    """The text with these marks, and the backslash, made literal."""
    return "".join(f"\\{sign}" if sign in marks or sign == "\\" else sign for sign in text)


def unescaped(text: str) -> str:
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text


def read_pairs(text: str, most: int = MAX_PARAMETERS) -> Pairs:
    """Names and values of a query string or form, empty values included. Raises InvalidParameter."""
    return _known_pairs(text, most) if len(text) <= _SHORT else _pairs(text, most)


def _pairs(text: str, most: int) -> Pairs:
    try:
        pairs = tuple(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=most))
    except UnicodeDecodeError:
        raise InvalidParameter("a parameter is not UTF-8 after percent-decoding") from None
    except ValueError:
        raise InvalidParameter(f"there are more than {most} parameters") from None
    for name, value in pairs:
        if "\0" in name or "\0" in value:
            text = "a parameter holds the character U+0000, which no value in FHIR does"
            raise InvalidParameter(text, expression=(f"http.{name}".replace("\0", ""),))
    return pairs


_known_pairs = lru_cache(1024)(_pairs)
