"""What the files of an export are called: after their type and their number, never as a server calls them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

Part = Literal["output", "deleted", "error"]
_FOLDERS: dict[Part, str] = {"output": "", "deleted": "deleted/", "error": "error/"}


@dataclass(slots=True)
class Names:
    """Gives each file of one export a name of its own."""

    _seen: Counter[str] = field(default_factory=Counter)

    def next(self, part: Part, kind: str) -> str:
        stem = f"{_FOLDERS[part]}{kind}"
        number = self._seen[stem]
        self._seen[stem] += 1
        return f"{stem}.{number:03}.ndjson"
