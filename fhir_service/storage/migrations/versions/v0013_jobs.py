"""Long work that survives a restart: jobs, and the parts they are done in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "job",
        sa.Column("id", sa.Text, primary_key=True, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("place", sa.BigInteger, nullable=False),
        sa.Column("moment", sa.BigInteger, nullable=False),
        sa.Column("begun", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
        sa.Column("failure", sa.Text, nullable=False),
    )
    op.create_index("job_of_state", "job", ["state", "begun"])
    op.create_table(
        "job_shard",
        sa.Column("job_id", sa.Text, primary_key=True, nullable=False),
        sa.Column("number", sa.BigInteger, primary_key=True, nullable=False, autoincrement=False),
        sa.Column("phase", sa.BigInteger, nullable=False),
        sa.Column("work", sa.Text, nullable=False),
        sa.Column("done", sa.Boolean, nullable=False),
        sa.Column("checkpoint", sa.Text, nullable=False),
        sa.Column("worker", sa.Text, nullable=False),
        sa.Column("leased_until", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.BigInteger, nullable=False),
    )
