"""A campaign that is simulated says so in its row: no dialer with telephones takes it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; campaigns that are there are real ones."""
    op.add_column("campaigns", sa.Column("simulated", sa.Boolean, nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("campaigns", "simulated")
