"""What was read in a report, and in which version it left each resource that it made."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("loaded_report", sa.Column("reading", sa.Text, nullable=True))
    op.add_column("report_resource", sa.Column("version", sa.BigInteger, nullable=True))
