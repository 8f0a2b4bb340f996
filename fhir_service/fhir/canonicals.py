"""Canonical URLs and their versions: `url|version`, and which of two versions is the newer (R4 references.html)."""

from __future__ import annotations

import re

_PART = re.compile(r"[.\-+_ ]")
_END = (1, 0, "")
VersionOrder = tuple[tuple[int, int, str], ...]


def version_order(version: str) -> VersionOrder:
    """Something to sort versions by: numbers as numbers, `1.0.0-alpha` before `1.0.0`, none at all before all numbers.

    R4 leaves the form of a version to its author; this fits numbers with dots, and dates.
    """
    parts = [part for part in _PART.split(version) if part]
    return (*((2, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts), _END)


def versioned(url: str, version: str) -> str:
    """`url|version`; the URL alone where there is no version."""
    return f"{url}|{version}" if version else url
