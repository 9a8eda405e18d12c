"""Campaigns: leads, numbers, permissions, attempts, callbacks, imports; opt-outs say what they are about."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables and widen `suppressions`."""
    _lists()
    _leads()
    _tries()
    _permissions()
    op.add_column("suppressions", sa.Column("about", sa.String, nullable=False, server_default=""))
    op.add_column("suppressions", sa.Column("expires_at", sa.Double))
    op.add_column("suppressions", sa.Column("reason", sa.String, nullable=False, server_default=""))


def _lists() -> None:
    """Who is to be called."""
    op.create_table(
        "campaigns",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("reason", sa.String, nullable=False, server_default=""),
        sa.Column("spec_hash", sa.String, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("created_by", sa.String, nullable=False),
        sa.Column("start_at", sa.Double),
        sa.Column("end_at", sa.Double),
        sa.Column("started_at", sa.Double),
        sa.Column("ended_at", sa.Double),
        sa.Column("dialer", sa.JSON, nullable=False, server_default="{}"),
    )
    op.create_table(
        "campaign_specs",
        sa.Column("hash", sa.String, primary_key=True),
        sa.Column("campaign", sa.String, nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
    )
    op.create_table(
        "imports",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("campaign", sa.String, nullable=False, server_default=""),
        sa.Column("sha256", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("counts", sa.JSON, nullable=False),
        sa.Column("columns", sa.JSON, nullable=False),
        sa.Column("by", sa.String, nullable=False),
        sa.Column("begun_at", sa.Double, nullable=False),
        sa.Column("beat_at", sa.Double, nullable=False),
        sa.Column("finished_at", sa.Double),
        sa.UniqueConstraint("kind", "campaign", "sha256"),
    )
    op.create_table(
        "shelves",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("campaign", sa.String, sa.ForeignKey("campaigns.name"), nullable=False),
        sa.Column("import_id", sa.Integer, sa.ForeignKey("imports.id"), nullable=False),
        sa.Column("country", sa.String, nullable=False),
        sa.Column("states", sa.JSON, nullable=False),
        sa.Column("zones", sa.JSON, nullable=False),
        sa.Column("opens_at", sa.Double),
    )
    op.create_index("ix_shelves_campaign", "shelves", ["campaign"])


def _leads() -> None:
    """Leads and their numbers."""
    op.create_table(
        "leads",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("campaign", sa.String, sa.ForeignKey("campaigns.name"), nullable=False),
        sa.Column("import_id", sa.Integer, sa.ForeignKey("imports.id"), nullable=False),
        sa.Column("line", sa.Integer, nullable=False),
        sa.Column("shelf", sa.Integer, sa.ForeignKey("shelves.id"), nullable=False),
        sa.Column("external_id", sa.String),
        sa.Column("number", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("due_at", sa.Double),
        sa.Column("expires_at", sa.Double),
        sa.Column("owner", sa.String, nullable=False, server_default=""),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("last_outcome", sa.String, nullable=False, server_default=""),
        sa.Column("disposition", sa.String, nullable=False, server_default=""),
        sa.Column("score", sa.Integer),
        sa.Column("closed_reason", sa.String, nullable=False, server_default=""),
        sa.Column("decision", sa.JSON, nullable=False),
        sa.Column("person", sa.JSON, nullable=False),
        sa.Column("changed_at", sa.Double, nullable=False),
        sa.UniqueConstraint("campaign", "external_id"),
    )
    op.create_index("ix_leads_import_id", "leads", ["import_id"])
    op.create_index("ix_leads_fresh", "leads", ["shelf", "state", sa.text("priority DESC"), "id"])
    op.create_index("ix_leads_due", "leads", ["campaign", "state", "due_at"])
    op.create_table(
        "phones",
        sa.Column("campaign", sa.String, sa.ForeignKey("campaigns.name"), primary_key=True),
        sa.Column("number", sa.String, primary_key=True),
        sa.Column("lead", sa.Integer, sa.ForeignKey("leads.id"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("shelf", sa.Integer, sa.ForeignKey("shelves.id"), nullable=False),
        sa.Column("status", sa.String, nullable=False, server_default="ok"),
    )
    op.create_index("ix_phones_number", "phones", ["number"])
    op.create_index("ix_phones_lead", "phones", ["lead"])


def _tries() -> None:
    """What was tried and agreed."""
    op.create_table(
        "attempts",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("lead", sa.Integer, sa.ForeignKey("leads.id"), nullable=False),
        sa.Column("campaign", sa.String, nullable=False),
        sa.Column("number", sa.String, nullable=False),
        sa.Column("caller_id", sa.String, nullable=False),
        sa.Column("spec_hash", sa.String, nullable=False),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("decision", sa.JSON, nullable=False),
        sa.Column("begun_at", sa.Double, nullable=False),
        sa.Column("invited_at", sa.Double),
        sa.Column("ringing_at", sa.Double),
        sa.Column("answered_at", sa.Double),
        sa.Column("ended_at", sa.Double),
        sa.Column("sip_status", sa.Integer),
        sa.Column("sip_phrase", sa.String, nullable=False, server_default=""),
        sa.Column("outcome", sa.String, nullable=False, server_default=""),
        sa.Column("disposition", sa.String, nullable=False, server_default=""),
        sa.Column("counts", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.Column("flags", sa.JSON, nullable=False),
        sa.Column("amd", sa.String, nullable=False, server_default=""),
        sa.Column("first_audio_ms", sa.Integer),
        sa.Column("disclosed_at", sa.Double),
        sa.Column("cost", sa.Double),
    )
    op.create_index("ix_attempts_lead", "attempts", ["lead"])
    op.create_index("ix_attempts_number", "attempts", ["number", "begun_at"])
    op.create_index("ix_attempts_caller_id", "attempts", ["caller_id", "begun_at"])
    op.create_index("ix_attempts_campaign", "attempts", ["campaign", "begun_at"])
    op.create_index("ix_attempts_state", "attempts", ["state", "owner"])
    op.create_table(
        "callbacks",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("lead", sa.Integer, sa.ForeignKey("leads.id"), nullable=False),
        sa.Column("campaign", sa.String, nullable=False),
        sa.Column("number", sa.String, nullable=False),
        sa.Column("due_at", sa.Double, nullable=False),
        sa.Column("local", sa.String, nullable=False),
        sa.Column("zone", sa.String, nullable=False),
        sa.Column("spoken", sa.String, nullable=False),
        sa.Column("call_id", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("reschedules", sa.Integer, nullable=False, server_default="0"),
        sa.Column("made_at", sa.Double, nullable=False),
        sa.Column("closed_at", sa.Double),
    )
    op.create_index("ix_callbacks_lead", "callbacks", ["lead"])
    op.create_index("ix_callbacks_due", "callbacks", ["state", "due_at"])


def _permissions() -> None:
    """What was permitted and forbidden."""
    op.create_table(
        "consent_texts",
        sa.Column("hash", sa.String, primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_table(
        "consents",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("number", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("purpose", sa.String, nullable=False),
        sa.Column("seller", sa.String, nullable=False),
        sa.Column("obtained_at", sa.Double, nullable=False),
        sa.Column("person", sa.String, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("text_hash", sa.String, sa.ForeignKey("consent_texts.hash"), nullable=False),
        sa.Column("evidence", sa.String, nullable=False, server_default=""),
        sa.Column("import_id", sa.Integer, sa.ForeignKey("imports.id")),
        sa.Column("kept_at", sa.Double, nullable=False),
        sa.Column("revoked_at", sa.Double),
        sa.Column("revoked_how", sa.String, nullable=False, server_default=""),
        sa.UniqueConstraint("number", "seller", "purpose", "kind", "obtained_at"),
    )
    op.create_index("ix_consents_import_id", "consents", ["import_id"])
    op.create_table(
        "registry_checks",
        sa.Column("number", sa.String, primary_key=True),
        sa.Column("checked_at", sa.Double, nullable=False),
        sa.Column("listed", sa.Boolean, nullable=False),
    )


def downgrade() -> None:
    """Drop them."""
    for column in ("about", "expires_at", "reason"):
        op.drop_column("suppressions", column)
    for table in (
        "registry_checks",
        "consents",
        "consent_texts",
        "callbacks",
        "attempts",
        "phones",
        "leads",
        "shelves",
        "imports",
        "campaign_specs",
        "campaigns",
    ):
        op.drop_table(table)
