"""Rows for searches by date, number, text and link, full text, values to sort by, and how far they have been made."""

from __future__ import annotations

from itertools import chain
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR

revision = "0002"
down_revision = "0001"

PARTITIONS = 8
"""Hash partitions on PostgreSQL, as many as those of the resources."""
NO_LOW, NO_HIGH = 2**63 - 1, -(2**63)
"""Where a resource without a date stands in time: last in both directions."""


def upgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    _resource_current(postgresql)
    if not postgresql:
        op.alter_column("posting", "sort_date", new_column_name="sort_high")
        op.create_index(
            "posting_in_time",
            "posting",
            ["hash", "sort_high", "resource_key"],
            sqlite_where=sa.text("sort_high IS NOT NULL"),
        )
    op.create_index("resource_version_of_type", "resource_version", ["type", "place"])
    _values(postgresql)
    if not postgresql:
        _long_dates()
    _links(postgresql)
    _full_text(postgresql)
    _index_state()


def _resource_current(postgresql: bool) -> None:
    live = sa.text("NOT deleted")
    table = "resource_current"
    op.drop_column(table, "sort_date")
    for column, default in (("sort_low", NO_LOW), ("sort_high", NO_HIGH)):
        # The least number is written as a word: SQLite reads a minus sign as an operation on a number too large.
        op.add_column(table, sa.Column(column, sa.BigInteger, nullable=False, server_default=sa.text(f"'{default}'")))
        op.create_index(
            f"{table}_{column}", table, ["type", column, "resource_key"], sqlite_where=live, postgresql_where=live
        )
    kind = JSONB() if postgresql else sa.Text()
    op.add_column(table, sa.Column("sort_values", kind, nullable=False, server_default="{}"))


def _create(postgresql: bool, name: str, columns: list[sa.Column[Any]], key: tuple[str, ...]) -> None:
    """On PostgreSQL with the partition key, in hash partitions; on SQLite a tree in the order of its key."""
    if postgresql:
        columns, key = [*columns, sa.Column("partition_key", sa.Text, nullable=False)], (*key, "partition_key")
    op.create_table(
        name,
        *columns,
        sa.PrimaryKeyConstraint(*key),
        sqlite_with_rowid=False,
        postgresql_partition_by="HASH (partition_key)",
    )
    for number in range(PARTITIONS) if postgresql else ():
        op.execute(
            f"CREATE TABLE {name}_{number} PARTITION OF {name} "
            f"FOR VALUES WITH (MODULUS {PARTITIONS}, REMAINDER {number})"
        )


def _number(name: str, kind: Any = sa.BigInteger) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, autoincrement=False)


def _values(postgresql: bool) -> None:
    words = sa.Text(collation="C" if postgresql else None)
    ends: dict[str, Any] = {"date_value": sa.BigInteger, "number_value": sa.Double}
    for name, kind in ends.items():
        columns = [_number("scope"), _number("low", kind), _number("high", kind), _number("resource_key")]
        _create(postgresql, name, columns, ("scope", "low", "high", "resource_key"))
    texts: list[sa.Column[Any]] = [
        *(_number("scope"), sa.Column("head", words, nullable=False), _number("resource_key"), _number("digest")),
        sa.Column("rest", words, nullable=False),
    ]
    _create(postgresql, "text_value", texts, ("scope", "head", "resource_key", "digest"))
    for name in chain(ends, ("text_value",)):
        op.create_index(f"{name}_of_resource", name, ["resource_key", "scope"])


def _long_dates() -> None:
    """For most dates it is enough to look at what begins in the year before; these are the others."""
    year = sa.text("high - low > 31622400000")
    op.create_index("date_value_long", "date_value", ["scope", "high", "low", "resource_key"], sqlite_where=year)


def _links(postgresql: bool) -> None:
    columns: list[sa.Column[Any]] = [
        *(_number("scope"), _number("resource_key")),
        *(sa.Column("target_type", sa.Text, nullable=False), sa.Column("target_id", sa.Text, nullable=False)),
    ]
    _create(postgresql, "link", columns, ("resource_key", "scope", "target_type", "target_id"))
    op.create_index("link_target", "link", ["target_type", "target_id", "scope", "resource_key"])


def _full_text(postgresql: bool) -> None:
    if not postgresql:
        # Words come as they are to be found, split and folded: the tokenizer has nothing left to do.
        op.execute(
            "CREATE VIRTUAL TABLE full_text USING fts5("
            "narrative, content, detail=column, columnsize=0, tokenize='ascii')"
        )
        return
    columns: list[sa.Column[Any]] = [
        _number("resource_key"),
        *(sa.Column(name, TSVECTOR, nullable=False) for name in ("narrative", "content")),
    ]
    _create(postgresql, "full_text", columns, ("resource_key",))
    for name in ("narrative", "content"):
        op.create_index(f"full_text_{name}", "full_text", [name], postgresql_using="gin")


def _index_state() -> None:
    state = op.create_table(
        "index_state",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("after_type", sa.Text, nullable=False),
        sa.Column("after_id", sa.Text, nullable=False),
        sa.Column("complete", sa.Boolean, nullable=False),
    )
    op.bulk_insert(state, [{"id": 1, "fingerprint": "", "after_type": "", "after_id": "", "complete": False}])
