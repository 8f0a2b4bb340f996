"""A table in the order of a key, page by page, in bounded memory and without holding anything between two pages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from fhir_service.storage.dialects import Dialect
from fhir_service.storage.sessions import Row, Session

ROWS = 500
"""Most rows of a page."""
BYTES = 8 * 1024 * 1024
"""Most characters of text in a page, one resource at least."""

Seen = Callable[[int], None]
"""Is told how many rows more were looked at."""


def _nobody(_: int) -> None:
    """Wants to be told."""


@dataclass(frozen=True, slots=True)
class Walk:
    """`key` are the first columns of the table and of each row. `columns` may use them as `t`."""

    table: str
    key: tuple[str, ...]
    columns: str
    has_text: bool = True

    def page(self) -> str:
        """The rows behind a key given as parameters, as many as memory has room for."""
        names = ", ".join(self.key)
        given = ", ".join(f"${number}" for number in range(1, len(self.key) + 1))
        keys = f"SELECT {names}{', text' if self.has_text else ''} FROM {self.table} WHERE ({names}) > ({given})"
        next_keys = f"{keys} ORDER BY {names} LIMIT {ROWS}"
        total = f"SELECT {names}, sum(length(text)) OVER (ORDER BY {names}) - length(text) AS before"
        page = f"{total} FROM ({next_keys}) n" if self.has_text else f"SELECT {names}, 0 AS before FROM ({next_keys}) n"
        same = " AND ".join(f"t.{name} = k.{name}" for name in self.key)
        ordered = ", ".join(f"t.{name}" for name in self.key)
        return (
            f"SELECT {ordered}, {self.columns} FROM ({page}) k CROSS JOIN {self.table} t "
            f"WHERE k.before < {BYTES} AND {same} ORDER BY {ordered}"
        )

    async def pages(
        self, session: Session, dialect: Dialect, start: Row, seen: Seen = _nobody
    ) -> AsyncIterator[list[Row]]:
        """Each page within a snapshot, which ends when the next page is asked for; then `seen` is told of its rows."""
        after, statement = tuple(start), self.page()
        while True:
            await session.fetch(dialect.snapshot)
            rows = list(await session.fetch(statement, *after))
            if rows:
                yield rows
                seen(len(rows))
                after = tuple(rows[-1][: len(self.key)])
            await session.fetch("ROLLBACK")
            if not rows:
                return
