"""What outbound legs may cost, and what happened to calls outside their conversations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "charges",
        sa.Column("call_id", sa.String, primary_key=True),
        sa.Column("leg", sa.String, primary_key=True),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("rate", sa.Double, nullable=False),
        sa.Column("longest_s", sa.Double, nullable=False),
        sa.Column("settled_s", sa.Double),
    )
    op.create_index("ix_charges_at", "charges", ["at"])
    op.create_table(
        "happenings",
        sa.Column("call_id", sa.String, primary_key=True),
        sa.Column("at", sa.Double, primary_key=True),
        sa.Column("source", sa.String, primary_key=True),
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("facts", sa.JSON, nullable=False),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("happenings")
    op.drop_table("charges")
