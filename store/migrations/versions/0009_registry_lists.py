"""How far and from which day the national registry's lists are on record: who is not on a list was asked about, too."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "registry_lists",
        sa.Column("prefix", sa.String, primary_key=True),
        sa.Column("authority", sa.String, nullable=False),
        sa.Column("as_of", sa.Double, nullable=False),
        sa.Column("numbers", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("registry_lists")
