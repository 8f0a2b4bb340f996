"""Versions, current resources with their index, the clock of commits, and the books about loaded reports."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0001"
down_revision = None

PARTITIONS = 8
"""Hash partitions on PostgreSQL. A change of this number moves every row, so it stays as it was born."""
PARTITIONED = ("resource_version", "resource_current")


def upgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    _resource_version()
    _resource_current(sa.LargeBinary() if not postgresql else ARRAY(sa.BigInteger))
    if postgresql:
        for table in PARTITIONED:
            _partitions(table)
    _indexes(postgresql)
    if not postgresql:
        _posting()
    _clock()
    _reports()


def _resource_version() -> None:
    op.create_table(
        "resource_version",
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("partition_key", sa.Text, nullable=False),
        sa.Column("place", sa.BigInteger, nullable=False),
        sa.Column("last_updated", sa.BigInteger, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("type", "id", "version", "partition_key"),
        postgresql_partition_by="HASH (partition_key)",
    )


def _resource_current(hashes: sa.LargeBinary | ARRAY[int]) -> None:
    op.create_table(
        "resource_current",
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("partition_key", sa.Text, nullable=False),
        sa.Column("resource_key", sa.BigInteger, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("place", sa.BigInteger, nullable=False),
        sa.Column("last_updated", sa.BigInteger, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False),
        sa.Column("sort_date", sa.BigInteger, nullable=True),
        sa.Column("hashes", hashes, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("type", "id", "partition_key"),
        postgresql_partition_by="HASH (partition_key)",
    )


def _partitions(table: str) -> None:
    for number in range(PARTITIONS):
        op.execute(
            f"CREATE TABLE {table}_{number} PARTITION OF {table} "
            f"FOR VALUES WITH (MODULUS {PARTITIONS}, REMAINDER {number})"
        )


def _indexes(postgresql: bool) -> None:
    live = sa.text("NOT deleted")
    op.create_index("resource_version_place", "resource_version", ["place"])
    op.create_index(
        "resource_current_in_order",
        "resource_current",
        ["type", "resource_key"],
        sqlite_where=live,
        postgresql_where=live,
    )
    op.create_index("resource_current_last_updated", "resource_current", ["type", "last_updated"])
    if postgresql:
        op.create_index(
            "resource_current_hashes",
            "resource_current",
            ["hashes"],
            postgresql_using="gin",
            # Searches read the pending list from end to end: short, it costs them nothing and inserts little.
            postgresql_with={"gin_pending_list_limit": 64},
        )
    else:
        op.create_index("resource_current_key", "resource_current", ["resource_key"], unique=True)


def _posting() -> None:
    op.create_table(
        "posting",
        sa.Column("hash", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("resource_key", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("sort_date", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("hash", "resource_key"),
        sqlite_with_rowid=False,
    )


def _clock() -> None:
    clock = op.create_table(
        "commit_clock",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("place", sa.BigInteger, nullable=False),
        sa.Column("last_updated", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(clock, [{"id": 1, "place": 0, "last_updated": 0}])


def _reports() -> None:
    op.create_table(
        "loaded_report",
        sa.Column("source_key", sa.Text, primary_key=True),
        sa.Column("fingerprint", sa.Text, nullable=True),
    )
    op.create_table(
        "report_resource",
        sa.Column("source_key", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("present", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("source_key", "type", "id"),
    )
