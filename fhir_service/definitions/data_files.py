"""The compiled data beside this module (made by scripts/compile_definitions.py)."""

from __future__ import annotations

from importlib.resources import files
from typing import TypeVar

import msgspec

T = TypeVar("T")


def read_data(name: str, shape: type[T]) -> T:
    """The content of data/`name` as `shape`."""
    return msgspec.json.decode(files(__package__).joinpath("data", name).read_bytes(), type=shape)
