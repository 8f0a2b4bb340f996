"""The small grammar inside parameter values: commas, bars and backslashes (rest-rules AND-1, ESC-1)."""

from __future__ import annotations

import re

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


def unescaped(text: str) -> str:
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text
