"""One thing that was looked at, how it is, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Point:
    """`good`, `doubtful` (it works, and may not be meant so) or `bad`; `advice` is what to do, where there is
    anything."""

    name: str
    state: Literal["good", "doubtful", "bad"]
    text: str
    advice: str = ""
