"""The accesses to patient data. A trigger refuses to change them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0010"
_NUMBERS = ("place", "recorded", "status")
_WORDS = ("request", "client", "address", "interaction", "about", "query", "resources", "patients", "action", "outcome")


def upgrade() -> None:
    op.create_table(
        "audit_event",
        *(sa.Column(name, sa.BigInteger, nullable=False, autoincrement=False) for name in _NUMBERS),
        *(sa.Column(name, sa.Text, nullable=False) for name in _WORDS),
        sa.Column("more", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("place"),
    )
    op.create_index("audit_event_of_client", "audit_event", ["client", "place"])
    op.create_index("audit_event_recorded", "audit_event", ["recorded"])
    op.create_table(
        "audit_entity",
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("place", sa.BigInteger, nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("type", "id", "place"),
        sqlite_with_rowid=False,
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'audit events are not changed'; END $$"
        )
        op.execute(
            "CREATE TRIGGER audit_event_stays BEFORE UPDATE ON audit_event "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
    else:
        op.execute(
            "CREATE TRIGGER audit_event_stays BEFORE UPDATE ON audit_event "
            "BEGIN SELECT RAISE(ABORT, 'audit events are not changed'); END"
        )
