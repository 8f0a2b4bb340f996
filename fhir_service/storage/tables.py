"""The tables. Every row of resource data carries its partition key (the patient, or a bucket) in the primary key.

Instants are milliseconds since 1970 UTC. `place` is the place of a change in the order of commits; `resource_key` is
the place of a resource's first version, kept for life. Migrations make the tables; a test holds the two together.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, LargeBinary, Text
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR
from sqlmodel import Field, SQLModel

from fhir_service.storage.index_rows import YEAR

ON_DATABASE = "database"
"""In `info` of a table or index: the one database it exists on."""


def _number(**options: Any) -> Any:
    return Column(BigInteger, nullable=False, **options)


def _words(**options: Any) -> Any:
    return Column(Text, nullable=False, **options)


def _key() -> Any:
    return _number(primary_key=True, autoincrement=False)


def _partition_key() -> Any:
    """Of index rows, which have no partitions on SQLite."""
    return _words(primary_key=True, info={ON_DATABASE: "postgresql"})


def _bytewise(**options: Any) -> Any:
    """Text in the order of its bytes, which SQLite has of itself."""
    return Column(Text(collation="C").with_variant(Text(), "sqlite"), nullable=False, **options)


_OF_ROWS = {"sqlite_with_rowid": False, "postgresql_partition_by": "HASH (partition_key)"}


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
        Index("resource_version_of_type", "type", "place"),
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
    sort_low: int = Field(sa_column=_number())
    """Its own date, the least and the greatest end; without one it stands last from either side."""
    sort_high: int = Field(sa_column=_number())
    sort_values: Any = Field(sa_column=Column(JSONB().with_variant(Text(), "sqlite"), nullable=False))
    """By parameter what it is sorted by: the least and the greatest value, as JSON."""
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
        *(
            Index(
                f"resource_current_{column}",
                *("type", column, "resource_key"),
                sqlite_where=sql("NOT deleted"),
                postgresql_where=sql("NOT deleted"),
            )
            for column in ("sort_low", "sort_high")
        ),
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
    """On SQLite: which resources have a term, in order of their keys, and for some terms where each stands in time."""

    __tablename__ = "posting"

    hash: int = Field(sa_column=_number(primary_key=True, autoincrement=False))
    resource_key: int = Field(sa_column=_number(primary_key=True, autoincrement=False))
    sort_high: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))

    __table_args__ = (
        Index("posting_in_time", "hash", "sort_high", "resource_key", sqlite_where=sql("sort_high IS NOT NULL")),
        {"sqlite_with_rowid": False, "info": {ON_DATABASE: "sqlite"}},
    )


class DateValue(SQLModel, table=True):
    """Half-open ranges of milliseconds under a scope: a hash of type and parameter."""

    __tablename__ = "date_value"

    scope: int = Field(sa_column=_key())
    low: int = Field(sa_column=_key())
    high: int = Field(sa_column=_key())
    resource_key: int = Field(sa_column=_key())
    partition_key: str = Field(sa_column=_partition_key())

    __table_args__ = (
        Index("date_value_of_resource", "resource_key", "scope"),
        Index(
            "date_value_long",
            *("scope", "high", "low", "resource_key"),
            sqlite_where=sql(f"high - low > {YEAR}"),
            postgresql_where=sql(f"high - low > {YEAR}"),
            info={ON_DATABASE: "sqlite"},
        ),
        _OF_ROWS,
    )


class NumberValue(SQLModel, table=True):
    """Closed ranges of numbers under a scope: a hash of type, parameter and, of a quantity, its unit."""

    __tablename__ = "number_value"

    scope: int = Field(sa_column=_key())
    low: float = Field(sa_column=Column(Double, primary_key=True, nullable=False))
    high: float = Field(sa_column=Column(Double, primary_key=True, nullable=False))
    resource_key: int = Field(sa_column=_key())
    partition_key: str = Field(sa_column=_partition_key())

    __table_args__ = (Index("number_value_of_resource", "resource_key", "scope"), _OF_ROWS)


class TextValue(SQLModel, table=True):
    """Texts under a scope. Only the head is in the index, since an index entry has to be short; `digest` tells texts
    with one head apart."""

    __tablename__ = "text_value"

    scope: int = Field(sa_column=_key())
    head: str = Field(sa_column=_bytewise(primary_key=True))
    resource_key: int = Field(sa_column=_key())
    digest: int = Field(sa_column=_key())
    rest: str = Field(sa_column=_bytewise())
    partition_key: str = Field(sa_column=_partition_key())

    __table_args__ = (Index("text_value_of_resource", "resource_key", "scope"), _OF_ROWS)


class Link(SQLModel, table=True):
    """References to resources on this server, under a scope of type and parameter."""

    __tablename__ = "link"

    resource_key: int = Field(sa_column=_key())
    scope: int = Field(sa_column=_key())
    target_type: str = Field(sa_column=_words(primary_key=True))
    target_id: str = Field(sa_column=_words(primary_key=True))
    partition_key: str = Field(sa_column=_partition_key())

    __table_args__ = (Index("link_target", "target_type", "target_id", "scope", "resource_key"), _OF_ROWS)


class FullText(SQLModel, table=True):
    """On PostgreSQL: the words of each resource. On SQLite a table of FTS5 has the same name and columns."""

    __tablename__ = "full_text"

    resource_key: int = Field(sa_column=_key())
    narrative: Any = Field(sa_column=Column(TSVECTOR, nullable=False))
    content: Any = Field(sa_column=Column(TSVECTOR, nullable=False))
    partition_key: str = Field(sa_column=_partition_key())

    __table_args__ = (
        Index("full_text_narrative", "narrative", postgresql_using="gin"),
        Index("full_text_content", "content", postgresql_using="gin"),
        {"postgresql_partition_by": "HASH (partition_key)", "info": {ON_DATABASE: "postgresql"}},
    )


class IndexState(SQLModel, table=True):
    """One row: by which definitions the index rows were made, and up to which resource where that is not `complete`."""

    __tablename__ = "index_state"

    id: int = Field(sa_column=_key())
    fingerprint: str = Field(sa_column=_words())
    after_type: str = Field(sa_column=_words())
    after_id: str = Field(sa_column=_words())
    complete: bool = Field(sa_column=Column(Boolean, nullable=False))


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
    reading: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    """What was read in it, as JSON, to map it anew by other maps."""


class ReportResource(SQLModel, table=True):
    """A resource that a report made. Not `present`: it makes it no longer, but versions of it are still stored.
    `version` is the last that the report made: a later one is a client's."""

    __tablename__ = "report_resource"

    source_key: str = Field(sa_column=_words(primary_key=True))
    type: str = Field(sa_column=_words(primary_key=True))
    id: str = Field(sa_column=_words(primary_key=True))
    present: bool = Field(sa_column=Column(Boolean, nullable=False))
    version: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))


class Job(SQLModel, table=True):
    """Long work that survives a restart. `state` is `running`, `complete`, `failed` or `cancelled`; `place` and
    `moment` are the last that were given out when it began: whatever was committed before has no higher ones, whatever
    was committed later has no lower ones."""

    __tablename__ = "job"

    id: str = Field(sa_column=_words(primary_key=True))
    kind: str = Field(sa_column=_words())
    owner: str = Field(sa_column=_words())
    """The client that began it; empty where nobody has to say who they are."""
    request: str = Field(sa_column=_words())
    """What is to be done, as JSON of that kind of job."""
    state: str = Field(sa_column=_words())
    place: int = Field(sa_column=_number())
    moment: int = Field(sa_column=_number())
    begun: int = Field(sa_column=_number())
    expires: int = Field(sa_column=_number())
    """When it is forgotten with all it made; 0 while it runs."""
    failure: str = Field(sa_column=_words())
    """What is told of why it failed."""

    __table_args__ = (Index("job_of_state", "state", "begun"),)


class JobShard(SQLModel, table=True):
    """A part of a job that one worker does at a time, as long as it holds the lease. Those of a later `phase` begin
    when all of the earlier ones are done."""

    __tablename__ = "job_shard"

    job_id: str = Field(sa_column=_words(primary_key=True))
    number: int = Field(sa_column=_key())
    phase: int = Field(sa_column=_number())
    work: str = Field(sa_column=_words())
    """What is to be done, as JSON."""
    done: bool = Field(sa_column=Column(Boolean, nullable=False))
    checkpoint: str = Field(sa_column=_words())
    """How far it has come and what it has made, as JSON; empty before the first."""
    worker: str = Field(sa_column=_words())
    leased_until: int = Field(sa_column=_number())
    attempts: int = Field(sa_column=_number())
    """Times in a row that it failed."""


class ClientRow(SQLModel, table=True):
    """A program that may ask for tokens. It has its public keys at a URL or here; a secret is never stored."""

    __tablename__ = "client"

    id: str = Field(sa_column=_words(primary_key=True))
    name: str = Field(sa_column=_words())
    scopes: str = Field(sa_column=_words())
    jwks_url: str = Field(sa_column=_words())
    jwks: str = Field(sa_column=_words())
    created: int = Field(sa_column=_number())
    revoked: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))


class UsedAssertion(SQLModel, table=True):
    """An assertion that was used, by the hash of its `jti`, until it expires: it is good for one token."""

    __tablename__ = "used_assertion"

    client_id: str = Field(sa_column=_words(primary_key=True))
    jti: str = Field(sa_column=_words(primary_key=True))
    expires: int = Field(sa_column=_number())

    __table_args__ = (Index("used_assertion_expires", "expires"),)


class AuditEvent(SQLModel, table=True):
    """An access to patient data. Rows are added; a trigger refuses to change one."""

    __tablename__ = "audit_event"

    place: int = Field(sa_column=_key())
    recorded: int = Field(sa_column=_number())
    request: str = Field(sa_column=_words())
    client: str = Field(sa_column=_words())
    address: str = Field(sa_column=_words())
    interaction: str = Field(sa_column=_words())
    about: str = Field(sa_column=_words())
    query: str = Field(sa_column=_words())
    status: int = Field(sa_column=_number())
    resources: str = Field(sa_column=_words())
    """Type, id and version of each, as JSON."""
    patients: str = Field(sa_column=_words())
    """Their ids, as JSON."""
    more: bool = Field(sa_column=Column(Boolean, nullable=False))
    action: str = Field(sa_column=_words())
    outcome: str = Field(sa_column=_words())

    __table_args__ = (
        Index("audit_event_of_client", "client", "place"),
        Index("audit_event_recorded", "recorded"),
    )


class AuditEntity(SQLModel, table=True):
    """What an access touched, and whose data that was: what an AuditEvent is found by."""

    __tablename__ = "audit_entity"

    type: str = Field(sa_column=_words(primary_key=True))
    id: str = Field(sa_column=_words(primary_key=True))
    place: int = Field(sa_column=_key())

    __table_args__ = ({"sqlite_with_rowid": False},)
