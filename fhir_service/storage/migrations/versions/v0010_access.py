"""Who may ask: registered clients, and the assertions they have used."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "client",
        sa.Column("id", sa.Text, primary_key=True, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("jwks_url", sa.Text, nullable=False),
        sa.Column("jwks", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("revoked", sa.BigInteger, nullable=True),
    )
    op.create_table(
        "used_assertion",
        sa.Column("client_id", sa.Text, primary_key=True, nullable=False),
        sa.Column("jti", sa.Text, primary_key=True, nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
        sa.Index("used_assertion_expires", "expires"),
    )
