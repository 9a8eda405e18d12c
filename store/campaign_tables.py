"""The tables of campaigns: who is to be called, by which permission, what was tried. Times are Unix seconds in UTC.

A lead is a person in one campaign; numbers are E.164 everywhere. The next lead is found by two indexes, however many
there are: fresh leads lie on shelves, all others are due at a time.
"""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

# state: draft scheduled running paused draining completed canceled archived; `reason` says why it is paused.
# `dialer` is the dialer's own: canary, breakers. `spec_hash` names the version of the campaign's file. `simulated`: its
# calls reach no telephone; which it is is said at its first start, and stays so.
campaigns = sa.Table(
    "campaigns",
    metadata,
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
    sa.Column("simulated", sa.Boolean, nullable=False, server_default=sa.false()),
)

# Every version of every campaign's file, as it was checked; attempts keep the version that they ran.
campaign_specs = sa.Table(
    "campaign_specs",
    metadata,
    sa.Column("hash", sa.String, primary_key=True),
    sa.Column("campaign", sa.String, nullable=False),
    sa.Column("body", sa.JSON, nullable=False),
    sa.Column("at", sa.Double, nullable=False),
)

# kind: leads, consent, dnc. state: running, done. `counts` by result; `beat_at` is when the importer was last alive.
imports = sa.Table(
    "imports",
    metadata,
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

# Leads of one import which may be in the same states and zones, and so have the same hours. `opens_at` None: the import
# is not finished, none of its leads is taken. Else: from when on it is worth taking one.
shelves = sa.Table(
    "shelves",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("campaign", sa.ForeignKey("campaigns.name"), nullable=False, index=True),
    sa.Column("import_id", sa.ForeignKey("imports.id"), nullable=False),
    sa.Column("country", sa.String, nullable=False),
    sa.Column("states", sa.JSON, nullable=False),
    sa.Column("zones", sa.JSON, nullable=False),
    sa.Column("opens_at", sa.Double),
)

# state: pending (fresh), wait_retry and wait_callback (due at `due_at`), leased, dialing, in_call (held by `owner` until
# `due_at`), closed (for `closed_reason`). `number` is the one to dial next. `person` is what the list said.
leads = sa.Table(
    "leads",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("campaign", sa.ForeignKey("campaigns.name"), nullable=False),
    sa.Column("import_id", sa.ForeignKey("imports.id"), nullable=False, index=True),
    sa.Column("line", sa.Integer, nullable=False),
    sa.Column("shelf", sa.ForeignKey("shelves.id"), nullable=False),
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
sa.Index("ix_leads_fresh", leads.c.shelf, leads.c.state, leads.c.priority.desc(), leads.c.id)
sa.Index("ix_leads_due", leads.c.campaign, leads.c.state, leads.c.due_at)

# A number belongs to one lead of a campaign. status: ok, invalid, wrong_number, reassigned, suppressed.
phones = sa.Table(
    "phones",
    metadata,
    sa.Column("campaign", sa.ForeignKey("campaigns.name"), primary_key=True),
    sa.Column("number", sa.String, primary_key=True, index=True),
    sa.Column("lead", sa.ForeignKey("leads.id"), nullable=False, index=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("shelf", sa.ForeignKey("shelves.id"), nullable=False),
    sa.Column("status", sa.String, nullable=False, server_default="ok"),
)

# One INVITE, kept before it is sent; `id` is also the call's id. state: dialing, in_call, ended, unknown. `counts` False:
# it is no attempt in the sense of the caps (congestion, our own fault). `decision` is why it was allowed.
attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("lead", sa.ForeignKey("leads.id"), nullable=False, index=True),
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
sa.Index("ix_attempts_number", attempts.c.number, attempts.c.begun_at)
sa.Index("ix_attempts_caller_id", attempts.c.caller_id, attempts.c.begun_at)
sa.Index("ix_attempts_campaign", attempts.c.campaign, attempts.c.begun_at)
sa.Index("ix_attempts_state", attempts.c.state, attempts.c.owner)

# A time that the person asked for. state: open, kept, missed, cancelled. `local` and `zone` are what was agreed; `due_at`
# is what they come to. `call_id` is the call in which it was asked for.
callbacks = sa.Table(
    "callbacks",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("lead", sa.ForeignKey("leads.id"), nullable=False, index=True),
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
sa.Index("ix_callbacks_due", callbacks.c.state, callbacks.c.due_at)

consent_texts = sa.Table(
    "consent_texts",
    metadata,
    sa.Column("hash", sa.String, primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
)

# kind: written, express, inquiry. 16 CFR 310.5: the record, with the request exactly as it was shown, is kept five years.
consents = sa.Table(
    "consents",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("number", sa.String, nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("purpose", sa.String, nullable=False),
    sa.Column("seller", sa.String, nullable=False),
    sa.Column("obtained_at", sa.Double, nullable=False),
    sa.Column("person", sa.String, nullable=False),
    sa.Column("source", sa.String, nullable=False),
    sa.Column("text_hash", sa.ForeignKey("consent_texts.hash"), nullable=False),
    sa.Column("evidence", sa.String, nullable=False, server_default=""),
    sa.Column("import_id", sa.ForeignKey("imports.id"), index=True),
    sa.Column("kept_at", sa.Double, nullable=False),
    sa.Column("revoked_at", sa.Double),
    sa.Column("revoked_how", sa.String, nullable=False, server_default=""),
    sa.UniqueConstraint("number", "seller", "purpose", "kind", "obtained_at"),
)

# What the national do-not-call registry said about a number when it was last asked.
registry_checks = sa.Table(
    "registry_checks",
    metadata,
    sa.Column("number", sa.String, primary_key=True),
    sa.Column("checked_at", sa.Double, nullable=False),
    sa.Column("listed", sa.Boolean, nullable=False),
)

# Whose whole list of an area is on record, and from which day it is: numbers of the area that are not on it are not listed.
registry_lists = sa.Table(
    "registry_lists",
    metadata,
    sa.Column("prefix", sa.String, primary_key=True),
    sa.Column("authority", sa.String, nullable=False),
    sa.Column("as_of", sa.Double, nullable=False),
    sa.Column("numbers", sa.Integer, nullable=False),
)
