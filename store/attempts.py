"""How an attempt goes on and ends: its row, its lead, its number and its callback change together or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from store.calls import StoreError
from store.campaign_tables import attempts, callbacks, campaigns, leads
from store.closing import cancel_callbacks, closed
from store.consents import revoke
from store.dialing import move_to_next_phone
from store.leads import LeadRow, lead_of
from store.suppression import UNDER_WAY, suppressed
from store.transaction import AT_ONCE, read, rows_of, writing

#: What may be noted of an attempt while it runs.
NOTED: Final = frozenset(
    {"state", "invited_at", "ringing_at", "answered_at", "sip_status", "sip_phrase", "amd", "first_audio_ms"}
    | {"disclosed_at", "cost"}
)


#: A number that is somebody else's: what its former owner permitted is void.
_SOMEBODY_ELSES: Final = ("wrong_number", "reassigned")


class UnknownAttempt(StoreError):
    """There is no attempt with this id."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Call again from `due_at` on. `same_try`: it was none in the sense of the campaign's limit (our own fault)."""

    due_at: float
    same_try: bool = False


@dataclass(frozen=True, slots=True)
class CallBack:
    """Call at the time that the person asked for: `local` (ISO, without offset) in `zone` comes to `due_at`."""

    due_at: float
    local: str
    zone: str
    spoken: str = ""
    reschedules: int = 0


@dataclass(frozen=True, slots=True)
class Close:
    """Do not call again. `phone` gives the number a status (invalid, wrong_number): then another number is tried first."""

    reason: str
    phone: str = ""


Then: TypeAlias = Retry | CallBack | Close


@dataclass(frozen=True, slots=True)
class Ended:
    """How an attempt ended. `flags` are for reports: human, contact, completed, machine, screened, abandoned, unworkable,
    dnc. `counts` False: nobody's telephone rang. `state` is ended, or unknown where nobody can say what happened."""

    outcome: str
    at: float
    disposition: str = ""
    flags: tuple[str, ...] = ()
    counts: bool = True
    score: int | None = None
    state: str = "ended"


async def note(engine: AsyncEngine, attempt: str, **values: Any) -> None:
    """Keep what is known of an attempt while it runs (NOTED). Answering makes its lead `in_call`, too.

    Raises UnknownAttempt.
    """
    assert values and set(values) <= NOTED, f"not among what is noted: {sorted(set(values) - NOTED)}"
    async with writing(engine) as connection:
        changed = await connection.execute(sa.update(attempts).where(attempts.c.id == attempt).values(**values))
        if not changed.rowcount:
            raise UnknownAttempt(f"no attempt {attempt!r}")
        if values.get("state") == "in_call":
            lead = sa.select(attempts.c.lead).where(attempts.c.id == attempt).scalar_subquery()
            dialing = (leads.c.id == lead) & (leads.c.state == "dialing")
            await connection.execute(sa.update(leads).where(dialing).values(state="in_call"))


async def hold(engine: AsyncEngine, attempt: str, owner: str, until: float) -> bool:
    """Hold the lead of an attempt longer, or take it over from whoever held it when that lease was over."""
    lead = sa.select(attempts.c.lead).where(attempts.c.id == attempt).scalar_subquery()
    mine = (leads.c.id == lead) & leads.c.state.in_(UNDER_WAY)
    async with writing(engine) as connection:
        return bool((await connection.execute(sa.update(leads).where(mine).values(owner=owner, due_at=until))).rowcount)


async def finish(engine: AsyncEngine, attempt: str, ended: Ended, then: Then) -> LeadRow:
    """End an attempt and say what becomes of its lead; returns the lead as it is then. Told again, it changes nothing.

    A number that opted out meanwhile closes its lead, whatever `then` says. Raises UnknownAttempt.
    """
    async with writing(engine) as connection:
        query = sa.select(attempts).where(attempts.c.id == attempt)
        if connection.dialect.name == "postgresql":
            query = query.with_for_update()
        row = (await connection.execute(query)).mappings().first()
        if row is None:
            raise UnknownAttempt(f"no attempt {attempt!r}")
        if row["ended_at"] is None:
            await _end(connection, row, ended)
            if await suppressed(connection, row["number"]):
                then = Close("dnc")
            await _move_lead(connection, row, ended, then)
        return lead_of((await rows_of(connection, sa.select(leads).where(leads.c.id == row["lead"])))[0])


async def _end(connection: AsyncConnection, row: sa.RowMapping, ended: Ended) -> None:
    values = {"state": ended.state, "outcome": ended.outcome, "ended_at": ended.at, "disposition": ended.disposition}
    values |= {"flags": list(ended.flags), "counts": ended.counts}
    await connection.execute(sa.update(attempts).where(attempts.c.id == row["id"]).values(values))
    kept = "kept" if "human" in ended.flags else "missed"
    if row["kind"] == "callback":
        due = (callbacks.c.lead == row["lead"]) & (callbacks.c.state == "open") & (callbacks.c.due_at <= ended.at)
        await connection.execute(sa.update(callbacks).where(due).values(state=kept, closed_at=ended.at))


async def _move_lead(connection: AsyncConnection, row: sa.RowMapping, ended: Ended, then: Then) -> None:
    lead: dict[str, Any] = {"owner": "", "changed_at": ended.at, "last_outcome": ended.outcome}
    if ended.disposition:
        lead["disposition"] = ended.disposition
    if ended.score is not None:
        lead["score"] = ended.score
    match then:
        case Retry(due_at, same_try):
            lead |= {"state": "wait_retry", "due_at": due_at}
            if same_try:
                lead["tries"] = sa.case((leads.c.tries > 0, leads.c.tries - 1), else_=0)
        case CallBack():
            lead |= {"state": "wait_callback", "due_at": then.due_at}
            await _keep_callback(connection, row, then, ended.at)
        case Close(reason):
            lead |= {"state": "closed", "closed_reason": reason, "due_at": None}
    await connection.execute(sa.update(leads).where(leads.c.id == row["lead"]).values(**lead))
    if isinstance(then, Close):
        if then.phone in _SOMEBODY_ELSES:
            await revoke(connection, row["number"], ended.at, f"{then.phone} in call {row['id']}")
        if then.phone and await move_to_next_phone(connection, row["lead"], row["number"], then.phone, ended.at):
            await connection.execute(sa.update(leads).where(leads.c.id == row["lead"]).values(closed_reason=""))
            return
        await cancel_callbacks(connection, callbacks.c.lead == row["lead"], ended.at)


async def _keep_callback(connection: AsyncConnection, row: sa.RowMapping, then: CallBack, at: float) -> None:
    """The new time takes the place of an earlier one."""
    await cancel_callbacks(connection, callbacks.c.lead == row["lead"], at)
    values = {name: getattr(then, name) for name in CallBack.__dataclass_fields__}
    values |= {"lead": row["lead"], "campaign": row["campaign"], "number": row["number"], "call_id": row["id"]}
    await connection.execute(sa.insert(callbacks).values(**values, state="open", made_at=at))


async def under_way(engine: AsyncEngine, *, owner: str = "", campaign: str = "") -> tuple[dict[str, Any], ...]:
    """Attempts that have not ended, every column: what a dialer that comes back has to ask about."""
    query = sa.select(attempts).where(attempts.c.state.in_(UNDER_WAY)).order_by(attempts.c.begun_at)
    if owner:
        query = query.where(attempts.c.owner == owner)
    if campaign:
        query = query.where(attempts.c.campaign == campaign)
    return await read(engine, query)


async def left_behind(engine: AsyncEngine, now: float) -> tuple[dict[str, Any], ...]:
    """Attempts under way whose lease is over: their dialer died, any other one may ask about them."""
    over = attempts.join(leads, attempts.c.lead == leads.c.id)
    query = sa.select(attempts).select_from(over).where(attempts.c.state.in_(UNDER_WAY), leads.c.due_at <= now)
    return await read(engine, query)


async def release_leases(engine: AsyncEngine, now: float, *, owner: str = "") -> int:
    """Put back leads that were taken and never dialled: leases that are over, and all of `owner`, which begins anew."""
    over = leads.c.due_at <= now
    if owner:
        over |= leads.c.owner == owner
    fresh = sa.case((leads.c.tries == 0, "pending"), else_="wait_retry")
    asked = sa.exists().where(callbacks.c.lead == leads.c.id, callbacks.c.state == "open")
    back = {"state": sa.case((asked, "wait_callback"), else_=fresh), "owner": "", "due_at": now, "changed_at": now}
    async with writing(engine) as connection:
        where = leads.c.campaign.in_(sa.select(campaigns.c.name)) & (leads.c.state == "leased") & over  # by the index
        return (await connection.execute(sa.update(leads).where(where).values(back))).rowcount


async def end_all(engine: AsyncEngine, campaign: str, reason: str, now: float) -> int:
    """Close all leads of a campaign that have no call under way, in batches; returns how many there were."""
    idle = (leads.c.campaign == campaign) & leads.c.state.in_(["pending", "wait_retry", "wait_callback", "leased"])
    count = 0
    while True:
        some = sa.select(leads.c.id).where(idle).limit(10 * AT_ONCE)
        async with writing(engine) as connection:
            done = (
                await connection.execute(sa.update(leads).where(leads.c.id.in_(some)).values(closed(reason, now)))
            ).rowcount
        count += done
        if not done:
            break
    async with writing(engine) as connection:
        await cancel_callbacks(connection, callbacks.c.campaign == campaign, now)
    return count


async def attempts_of_number(engine: AsyncEngine, number: str, since: float) -> tuple[dict[str, Any], ...]:
    """What was tried with a number since then, in all campaigns, oldest first."""
    query = sa.select(attempts).where(attempts.c.number == number, attempts.c.begun_at >= since)
    return await read(engine, query.order_by(attempts.c.begun_at))


async def invite(engine: AsyncEngine, attempt: str, owner: str, now: float) -> bool:
    """Keep that the INVITE of an attempt is sent now, as the last thing before it. False: it must not be sent, because it
    was sent before, the attempt has ended, somebody else holds the lead, the campaign stands still, or the number opted
    out. So a resumed attempt never rings anybody, and one without `invited_at` certainly rang nobody.
    """
    mine = sa.exists().where(leads.c.id == attempts.c.lead, leads.c.owner == owner, leads.c.state == "dialing")
    runs = sa.exists().where(campaigns.c.name == attempts.c.campaign, campaigns.c.state == "running")
    this = (attempts.c.id == attempt) & (attempts.c.state == "dialing") & attempts.c.invited_at.is_(None)
    async with writing(engine) as connection:
        kept = await connection.execute(sa.update(attempts).where(this, mine, runs).values(invited_at=now))
        number = await connection.scalar(sa.select(attempts.c.number).where(attempts.c.id == attempt))
        if not kept.rowcount or await suppressed(connection, str(number)):
            await connection.rollback()
            return False
    return True


async def ended_since(
    engine: AsyncEngine, campaign: str, begun: float, ended: float = 0.0, limit: int = 1000
) -> tuple[dict[str, Any], ...]:
    """A campaign's last attempts that were begun since `begun` and ended since `ended`, by their end, the newest last."""
    query = sa.select(attempts).where(attempts.c.campaign == campaign, attempts.c.begun_at >= begun)
    query = query.where(attempts.c.ended_at >= ended).order_by(attempts.c.ended_at.desc()).limit(limit)
    return (await read(engine, query))[::-1]


async def move_callback(engine: AsyncEngine, lead: int, owner: str, then: CallBack | Retry, now: float) -> bool:
    """A callback was missed: its row says so, the lead waits for the next time. False when `owner` has not got it."""
    state = "wait_callback" if isinstance(then, CallBack) else "wait_retry"
    held = (leads.c.id == lead) & (leads.c.owner == owner) & (leads.c.state == "leased")
    values = {"state": state, "owner": "", "due_at": then.due_at, "changed_at": now}
    open_one = (callbacks.c.lead == lead) & (callbacks.c.state == "open")
    async with writing(engine) as connection:
        if not (await connection.execute(sa.update(leads).where(held).values(**values))).rowcount:
            return False
        row = (await connection.execute(sa.select(callbacks).where(open_one).limit(1))).mappings().first()
        await connection.execute(sa.update(callbacks).where(open_one).values(state="missed", closed_at=now))
        if row is not None and isinstance(then, CallBack):
            again = {name: row[name] for name in ("lead", "campaign", "number", "zone", "spoken", "call_id")}
            again |= {"due_at": then.due_at, "local": then.local, "reschedules": then.reschedules, "state": "open"}
            await connection.execute(sa.insert(callbacks).values(**again, made_at=now))
    return True


async def get(engine: AsyncEngine, attempt: str) -> dict[str, Any]:
    """One attempt, every column. Raises UnknownAttempt."""
    rows = await read(engine, sa.select(attempts).where(attempts.c.id == attempt))
    if not rows:
        raise UnknownAttempt(f"no attempt {attempt!r}")
    return rows[0]
