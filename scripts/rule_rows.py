"""Rows of the pages of rules: cells of Markdown, and JSON as it is shown in one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any


def row(cells: Iterable[str]) -> str:
    """One line of a table."""
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def as_shown(value: Any) -> str:
    """JSON on one line, with numbers as they are printed."""

    def number(found: Any) -> float:
        if isinstance(found, Decimal):
            return float(found)
        raise TypeError

    return json.dumps(value, default=number, ensure_ascii=False)
