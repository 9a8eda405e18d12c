"""Recordings: the parts of each call's sound."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "recordings",
        sa.Column("call_id", sa.String, sa.ForeignKey("calls.id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("began_at", sa.Double, nullable=False),
        sa.Column("seconds", sa.Double),
        sa.Column("ended", sa.String, nullable=False, server_default=""),
    )


def downgrade() -> None:
    """Drop it; the files stay."""
    op.drop_table("recordings")
