"""The policy's ledger of a lead, built from rows: permissions, opt-outs, and what was tried with its number anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from campaigns.policy.terms import (
    Allowed,
    Attempt,
    CallerId,
    Consent,
    ConsentKind,
    Decision,
    Lead,
    Ledger,
    Purpose,
    Registry,
    Scope,
    Suppression,
)
from flows.model import Direction
from store import tables
from store.calls import NO_CONTACT
from store.campaign_tables import attempts
from store.consents import Kept, read_consents
from store.leads import LeadRow
from store.registry import word_of
from store.suppression import suppressed
from store.transaction import rows_of

#: How far back a number's history matters: the longest rule looks 72 hours back.
LOOKS_BACK: Final = timedelta(hours=72)
_DAY_S: Final = 86_400.0


async def ledger_of(engine: AsyncEngine, row: LeadRow, caller: CallerId | None, now: datetime) -> Ledger:
    """All that is on record about the number that a lead is called on, at this moment, in one read.

    `caller` is the number to be shown, as far as the telephone side knows it; its calls of the last day are added.
    """
    async with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            await connection.execution_options(isolation_level="REPEATABLE READ")
        kept = await read_consents(connection, [row.number])
        return Ledger(
            consents=tuple(map(consent_of, kept.get(row.number, ()))),
            suppressions=await _suppressions(connection, row.number),
            attempts=await _attempts(connection, row.number, now.timestamp()),
            tries=row.standing.tries,
            registry=await _registry(connection, row.number),
            caller_id=await _caller(connection, caller, now.timestamp()),
        )


def lead_of(row: LeadRow) -> Lead:
    """What the policy wants to know of a lead."""
    person = row.person
    return Lead(row.number, *(str(person.get(name, "")) for name in ("state", "postal_code", "timezone")))


def consent_of(kept: Kept) -> Consent:
    """A permission on record as the policy sees it."""
    given = kept.given
    return Consent(
        kind=cast(ConsentKind, given.kind),
        purpose=cast(Purpose, given.purpose),
        seller=given.seller,
        obtained_at=_moment(given.obtained_at),
        text=given.text,
        revoked_at=None if kept.revoked_at is None else _moment(kept.revoked_at),
    )


def as_told(decision: Decision, now: datetime) -> dict[str, Any]:
    """A decision as it is kept with the attempt or the lead, as JSON."""
    if isinstance(decision, Allowed):
        return {
            "allowed": True,
            "at": now.isoformat(),
            "states": list(decision.states),
            "local_times": [list(pair) for pair in decision.local_times],
            "rules": list(decision.rules),
            "closes_at": decision.closes_at.isoformat(),
        }
    retry_at = decision.retry_at.isoformat() if decision.retry_at else None
    return {"allowed": False, "at": now.isoformat(), "rule": decision.rule, "why": decision.why, "retry_at": retry_at}


async def _suppressions(connection: AsyncConnection, number: str) -> tuple[Suppression, ...]:
    rows = await rows_of(connection, sa.select(tables.suppressions).where(tables.suppressions.c.number == number))
    if not rows and await suppressed(connection, number):
        return (Suppression("global", _moment(0), source="an erased record"),)
    return tuple(_suppression(row) for row in rows)


def _suppression(row: sa.RowMapping) -> Suppression:
    """One that does not say which seller or campaign it is about is about all: no opt-out is read narrowly."""
    scope = cast(Scope, row["scope"] if row["about"] else "global")
    until = None if row["expires_at"] is None else _moment(row["expires_at"])
    return Suppression(scope, _moment(row["at"]), row["about"], until, row["source"])


async def _attempts(connection: AsyncConnection, number: str, now: float) -> tuple[Attempt, ...]:
    """Attempts of campaigns, and calls that were placed by hand: it is one telephone that rings."""
    since = now - LOOKS_BACK.total_seconds()
    tried = sa.select(attempts.c.begun_at, attempts.c.flags).where(
        attempts.c.number == number, attempts.c.begun_at > since, attempts.c.counts
    )
    found = [(row["begun_at"], "abandoned" in row["flags"]) for row in await rows_of(connection, tried)]
    calls = tables.calls.c
    by_hand = sa.select(calls.created_at).where(
        calls.created_at > since,
        calls.callee == number,
        calls.direction == Direction.OUTBOUND.value,
        calls.id.not_in(sa.select(attempts.c.id).where(attempts.c.number == number)),
        sa.or_(calls.disposition.is_(None), calls.disposition == NO_CONTACT, calls.answered_at.is_not(None)),
    )
    found += [(at, False) for at in (await connection.execute(by_hand)).scalars()]
    return tuple(Attempt(_moment(at), abandoned) for at, abandoned in sorted(found))


async def _registry(connection: AsyncConnection, number: str) -> Registry | None:
    word = await word_of(connection, number)
    return None if word is None else Registry(_moment(word[0]), word[1])


async def _caller(connection: AsyncConnection, caller: CallerId | None, now: float) -> CallerId | None:
    if caller is None:
        return None
    shown = sa.select(sa.func.count()).where(
        attempts.c.caller_id == caller.number, attempts.c.begun_at > now - _DAY_S, attempts.c.counts
    )
    return replace(caller, attempts_today=int(await connection.scalar(shown) or 0))


def permitted(kept: Sequence[Kept]) -> Ledger:
    """A ledger with nothing but permissions: what an import can check of a number that was never called."""
    return Ledger(consents=tuple(map(consent_of, kept)))


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
