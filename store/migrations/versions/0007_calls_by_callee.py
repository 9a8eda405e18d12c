"""What was tried with a number is found by the number."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the index."""
    op.create_index("ix_calls_callee", "calls", ["callee"])


def downgrade() -> None:
    """Drop it."""
    op.drop_index("ix_calls_callee")
