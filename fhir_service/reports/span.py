"""Where in a report something is said."""

from __future__ import annotations

import msgspec


class SourceSpan(msgspec.Struct, frozen=True, order=True):
    """A stretch of the stored text: `text[offset:offset + length]`, in Unicode code points."""

    offset: int
    length: int

    @property
    def end(self) -> int:
        return self.offset + self.length

    def words(self, text: str) -> str:
        """The words this span stands for."""
        return text[self.offset : self.end]

    @classmethod
    def between(cls, start: int, end: int) -> SourceSpan:
        """The span from `start` up to, not including, `end`. Raises ValueError where that is empty."""
        if not 0 <= start < end:
            raise ValueError(f"a span needs 0 <= start < end, not {start}, {end}")
        return cls(start, end - start)
