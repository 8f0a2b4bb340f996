"""The tables. Every row of resource data carries its partition key (the patient, or a bucket) in the primary key.

Instants are milliseconds since 1970 UTC. `place` is the place of a change in the order of commits; `resource_key` is
the place of a resource's first version, kept for life. Migrations make the tables; a test holds the two together.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Index, LargeBinary, Text
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

ON_DATABASE = "database"
"""In `info` of a table or index: the one database it exists on."""


def _number(**options: Any) -> Any:
    return Column(BigInteger, nullable=False, **options)


def _words(**options: Any) -> Any:
    return Column(Text, nullable=False, **options)


class ResourceVersion(SQLModel, table=True):
    """Every version of every resource, deletions too; rows are added, and removed only to erase a resource for good."""

    __tablename__ = "resource_version"

    type: str = Field(sa_column=_words(primary_key=True))
    id: str = Field(sa_column=_words(primary_key=True))
    version: int = Field(sa_column=_number(primary_key=True, autoincrement=False))
    partition_key: str = Field(sa_column=_words(primary_key=True))
    place: int = Field(sa_column=_number())
    last_updated: int = Field(sa_column=_number())
    action: str = Field(sa_column=_words())
    """`created`, `created-by-update` (the first version, or one that brings back, under an id that the client chose),
    `updated` or `deleted`."""
    text: str = Field(sa_column=_words())
    """The exact JSON; empty for a deletion."""

    __table_args__ = (
        Index("resource_version_place", "place"),
        {"postgresql_partition_by": "HASH (partition_key)"},
    )


class ResourceCurrent(SQLModel, table=True):
    """The newest version of every resource, with what it is found by. A deleted one stays, empty, to answer 410."""

    __tablename__ = "resource_current"

    type: str = Field(sa_column=_words(primary_key=True))
    id: str = Field(sa_column=_words(primary_key=True))
    partition_key: str = Field(sa_column=_words(primary_key=True))
    resource_key: int = Field(sa_column=_number())
    version: int = Field(sa_column=_number())
    place: int = Field(sa_column=_number())
    last_updated: int = Field(sa_column=_number())
    deleted: bool = Field(sa_column=Column(Boolean, nullable=False))
    sort_date: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    hashes: Any = Field(
        sa_column=Column(ARRAY(BigInteger).with_variant(LargeBinary(), "sqlite"), nullable=False),
    )
    """Hashes of the terms it is found by: an array on PostgreSQL, on SQLite packed, to know the postings it has."""
    text: str = Field(sa_column=_words())

    __table_args__ = (
        Index(
            "resource_current_in_order",
            "type",
            "resource_key",
            sqlite_where=sql("NOT deleted"),
            postgresql_where=sql("NOT deleted"),
        ),
        Index("resource_current_last_updated", "type", "last_updated"),
        Index("resource_current_key", "resource_key", unique=True, info={ON_DATABASE: "sqlite"}),
        Index(
            "resource_current_hashes",
            "hashes",
            postgresql_using="gin",
            postgresql_with={"gin_pending_list_limit": 64},
            info={ON_DATABASE: "postgresql"},
        ),
        {"postgresql_partition_by": "HASH (partition_key)"},
    )


class Posting(SQLModel, table=True):
    """On SQLite: which resources have a term, in order of their keys, and where each stands in time."""

    __tablename__ = "posting"

    hash: int = Field(sa_column=_number(primary_key=True, autoincrement=False))
    resource_key: int = Field(sa_column=_number(primary_key=True, autoincrement=False))
    sort_date: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))

    __table_args__ = ({"sqlite_with_rowid": False, "info": {ON_DATABASE: "sqlite"}},)


class CommitClock(SQLModel, table=True):
    """One row: the last place and instant given out. Whoever commits holds it, so places become visible in order."""

    __tablename__ = "commit_clock"

    id: int = Field(sa_column=_number(primary_key=True, autoincrement=False))
    place: int = Field(sa_column=_number())
    last_updated: int = Field(sa_column=_number())


class LoadedReport(SQLModel, table=True):
    """A report that was loaded; no fingerprint once it was taken out again."""

    __tablename__ = "loaded_report"

    source_key: str = Field(sa_column=_words(primary_key=True))
    fingerprint: str | None = Field(default=None, sa_column=Column(Text, nullable=True))


class ReportResource(SQLModel, table=True):
    """A resource that a report made. Not `present`: it makes it no longer, but versions of it are still stored."""

    __tablename__ = "report_resource"

    source_key: str = Field(sa_column=_words(primary_key=True))
    type: str = Field(sa_column=_words(primary_key=True))
    id: str = Field(sa_column=_words(primary_key=True))
    present: bool = Field(sa_column=Column(Boolean, nullable=False))
