"""What goes to a database and comes back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Row = Sequence[Any]
Step = tuple[str, Sequence[Row]]
"""A statement and the rows of values it is run with."""
