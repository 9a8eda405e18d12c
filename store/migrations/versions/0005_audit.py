"""Audit: who erased what and when, append-only; and the salt under which erased numbers stay suppressed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_REFUSE = "audit entries are never changed"
_SQLITE = "CREATE TRIGGER audit_no_{0} BEFORE {0} ON audit BEGIN SELECT RAISE(ABORT, '" + _REFUSE + "'); END"
_POSTGRES = (
    "CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION '" + _REFUSE + "'; END $$"
)


def upgrade() -> None:
    """Create both tables and what refuses changes."""
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("details", sa.JSON, nullable=False),
    )
    op.create_table(
        "installation",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("value", sa.String, nullable=False),
    )
    if op.get_bind().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(_SQLITE.format(change))
    else:
        op.execute(_POSTGRES)
        op.execute(
            "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()"
        )


def downgrade() -> None:
    """Drop both."""
    op.drop_table("audit")
    op.drop_table("installation")
    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP FUNCTION audit_refuse()")
