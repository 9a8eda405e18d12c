"""The tables as SQLAlchemy Core sees them; `store/migrations` creates them. Times are Unix seconds in UTC."""

from __future__ import annotations

import sqlalchemy as sa

from store import campaign_tables

metadata = campaign_tables.metadata

calls = sa.Table(
    "calls",
    metadata,
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

turns = sa.Table(
    "turns",
    metadata,
    sa.Column("call_id", sa.ForeignKey("calls.id"), primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("who", sa.String, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("mode", sa.String, nullable=False),
    sa.Column("slot", sa.String),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("response_ms", sa.Integer),
    sa.Column("interrupted", sa.Boolean, nullable=False),
    sa.Column("timing", sa.JSON, nullable=False, server_default="{}"),
)

answers = sa.Table(
    "answers",
    metadata,
    sa.Column("call_id", sa.ForeignKey("calls.id"), primary_key=True),
    sa.Column("slot", sa.String, primary_key=True),
    sa.Column("value", sa.JSON, nullable=False),
    sa.Column("raw", sa.Text, nullable=False),
    sa.Column("mode", sa.String, nullable=False),
    sa.Column("confirmed", sa.String, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("certainty", sa.Float, nullable=False),
    sa.Column("at", sa.Double, nullable=False),
)

# The sound itself is a file: store/recordings.py says where.
recordings = sa.Table(
    "recordings",
    metadata,
    sa.Column("call_id", sa.ForeignKey("calls.id"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("began_at", sa.Double, nullable=False),
    sa.Column("seconds", sa.Double),
    sa.Column("ended", sa.String, nullable=False, server_default=""),
)

flows = sa.Table(
    "flows",
    metadata,
    sa.Column("hash", sa.String, primary_key=True),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
)

# `scope` is global, seller or campaign, `about` the seller or the campaign, "" any. Only entries of scope campaign expire.
# No foreign key to calls: an opt-out must be storable whatever else went wrong with its call.
suppressions = sa.Table(
    "suppressions",
    metadata,
    sa.Column("call_id", sa.String, primary_key=True),
    sa.Column("effect_id", sa.String, primary_key=True),
    sa.Column("number", sa.String, nullable=False, index=True),
    sa.Column("scope", sa.String, nullable=False),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("source", sa.String, nullable=False),
    sa.Column("about", sa.String, nullable=False, server_default=""),
    sa.Column("expires_at", sa.Double),
    sa.Column("reason", sa.String, nullable=False, server_default=""),
)

# No foreign keys: a leg is charged before its call has a row, and a call that no agent took never has one.
charges = sa.Table(
    "charges",
    metadata,
    sa.Column("call_id", sa.String, primary_key=True),
    sa.Column("leg", sa.String, primary_key=True),
    sa.Column("at", sa.Double, nullable=False, index=True),
    sa.Column("rate", sa.Double, nullable=False),
    sa.Column("longest_s", sa.Double, nullable=False),
    sa.Column("settled_s", sa.Double),
)

happenings = sa.Table(
    "happenings",
    metadata,
    sa.Column("call_id", sa.String, primary_key=True),
    sa.Column("at", sa.Double, primary_key=True),
    sa.Column("source", sa.String, primary_key=True),
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("facts", sa.JSON, nullable=False),
)

# Append-only: triggers refuse any change.
audit = sa.Table(
    "audit",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("actor", sa.String, nullable=False),
    sa.Column("action", sa.String, nullable=False),
    sa.Column("subject", sa.String, nullable=False),
    sa.Column("details", sa.JSON, nullable=False),
)

# Facts about this installation: the salt of the suppressions of erased numbers.
installation = sa.Table(
    "installation",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("value", sa.String, nullable=False),
)

sa.Index("ix_calls_created_at", calls.c.created_at)
sa.Index("ix_calls_callee", calls.c.callee)
