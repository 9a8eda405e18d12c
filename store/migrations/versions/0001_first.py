"""The first schema: calls, turns, answers, flow bodies and suppressions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create everything."""
    _create_calls()
    _create_turns_and_answers()
    op.create_table(
        "flows",
        sa.Column("hash", sa.String, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "suppressions",
        sa.Column("call_id", sa.String, primary_key=True),
        sa.Column("effect_id", sa.String, primary_key=True),
        sa.Column("number", sa.String, nullable=False),
        sa.Column("scope", sa.String, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("source", sa.String, nullable=False),
    )
    op.create_index("ix_suppressions_number", "suppressions", ["number"])


def _create_calls() -> None:
    op.create_table(
        "calls",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("direction", sa.String, nullable=False),
        sa.Column("flow", sa.String, nullable=False),
        sa.Column("flow_hash", sa.String, nullable=False),
        sa.Column("room", sa.String, nullable=False),
        sa.Column("caller", sa.String, nullable=False),
        sa.Column("callee", sa.String, nullable=False),
        sa.Column("lead", sa.JSON, nullable=False),
        sa.Column("sip_call_id", sa.String, nullable=False, server_default=""),
        sa.Column("sip_status", sa.Integer),
        sa.Column("sip_phrase", sa.String, nullable=False, server_default=""),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("answered_at", sa.Double),
        sa.Column("ended_at", sa.Double),
        sa.Column("disposition", sa.String),
        sa.Column("score", sa.Integer),
        sa.Column("record", sa.JSON, nullable=False),
    )
    op.create_index("ix_calls_created_at", "calls", ["created_at"])


def _create_turns_and_answers() -> None:
    op.create_table(
        "turns",
        sa.Column("call_id", sa.String, sa.ForeignKey("calls.id"), primary_key=True),
        sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("who", sa.String, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("mode", sa.String, nullable=False),
        sa.Column("slot", sa.String),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("response_ms", sa.Integer),
        sa.Column("interrupted", sa.Boolean, nullable=False),
    )
    op.create_table(
        "answers",
        sa.Column("call_id", sa.String, sa.ForeignKey("calls.id"), primary_key=True),
        sa.Column("slot", sa.String, primary_key=True),
        sa.Column("value", sa.JSON, nullable=False),
        sa.Column("raw", sa.Text, nullable=False),
        sa.Column("mode", sa.String, nullable=False),
        sa.Column("confirmed", sa.String, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("certainty", sa.Float, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
    )


def downgrade() -> None:
    """Drop everything."""
    for table in ("suppressions", "flows", "answers", "turns", "calls"):
        op.drop_table(table)
