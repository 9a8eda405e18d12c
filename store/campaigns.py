"""Campaigns as rows: their state, and every version of their file that was ever in force."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from store.calls import StoreError
from store.campaign_tables import campaign_specs, campaigns, leads, shelves
from store.transaction import insert_into, rows_of, writing

#: From each state, those that may follow.
NEXT: Final[Mapping[str, tuple[str, ...]]] = {
    "draft": ("scheduled", "running", "canceled"),
    "scheduled": ("running", "paused", "canceled", "draft"),
    "running": ("paused", "draining", "completed", "canceled"),
    "paused": ("running", "scheduled", "draining", "completed", "canceled"),
    "draining": ("paused", "completed", "canceled", "running"),
    "completed": ("archived",),
    "canceled": ("archived",),
    "archived": (),
}
OVER: Final = ("completed", "canceled", "archived")


class UnknownCampaign(StoreError):
    """There is no campaign with this name."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"no campaign {name!r}; `leadline campaign init` writes a file, `campaign import` makes it known"
        )


class NotNow(StoreError):
    """The campaign's state does not allow this."""


@dataclass(frozen=True, slots=True)
class CampaignRow:
    """A campaign as it is now. `spec` is its file, checked, as JSON. Times are Unix seconds."""

    name: str
    state: str
    reason: str
    spec: Mapping[str, Any]
    spec_hash: str
    start_at: float | None
    end_at: float | None
    started_at: float | None
    ended_at: float | None
    dialer: Mapping[str, Any]
    simulated: bool = False


def hash_of_spec(spec: Mapping[str, Any]) -> str:
    """The name of a version of a campaign's file."""
    return hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:16]


async def get(engine: AsyncEngine, name: str) -> CampaignRow:
    """One campaign. Raises UnknownCampaign."""
    found = await _find(engine, campaigns.c.name == name)
    if not found:
        raise UnknownCampaign(name)
    return found[0]


async def every(engine: AsyncEngine) -> tuple[CampaignRow, ...]:
    """All campaigns, the newest first."""
    return await _find(engine, sa.true())


async def _find(engine: AsyncEngine, where: sa.ColumnElement[bool]) -> tuple[CampaignRow, ...]:
    joined = campaigns.join(campaign_specs, campaigns.c.spec_hash == campaign_specs.c.hash)
    query = sa.select(campaigns, campaign_specs.c.body.label("spec")).select_from(joined).where(where)
    async with engine.connect() as connection:
        rows = await rows_of(connection, query.order_by(campaigns.c.created_at.desc(), campaigns.c.name))
    return tuple(CampaignRow(**{name: row[name] for name in CampaignRow.__dataclass_fields__}) for row in rows)


#: Asked about a new version of a file with the campaign's state, the kept version and the new one: what speaks against it.
Check: TypeAlias = Callable[[str, Mapping[str, Any], Mapping[str, Any]], str]


async def put(engine: AsyncEngine, spec: Mapping[str, Any], now: float, by: str, check: Check = lambda *_: "") -> bool:
    """Keep a campaign's file: a new campaign as a draft, or a new version of one. Returns whether anything changed.

    `spec` has `name`, and `start_at`, `end_at` as Unix seconds or None. Raises NotNow for a campaign that is over, and
    when `check` says something.
    """
    name, version = str(spec["name"]), hash_of_spec(spec)
    times = {"start_at": spec.get("start_at"), "end_at": spec.get("end_at"), "spec_hash": version}
    async with writing(engine) as connection:
        kept = insert_into(connection, campaign_specs).on_conflict_do_nothing()
        await connection.execute(kept.values(hash=version, campaign=name, body=dict(spec), at=now))
        there = (await connection.execute(sa.select(campaigns).where(campaigns.c.name == name))).mappings().first()
        if there is None:
            row: dict[str, Any] = {"name": name, "state": "draft", "created_at": now, "created_by": by, "dialer": {}}
            row |= times
            await connection.execute(sa.insert(campaigns).values(row))
            return True
        check_open(name, there["state"])
        if there["spec_hash"] != version:
            known = sa.select(campaign_specs.c.body).where(campaign_specs.c.hash == there["spec_hash"])
            if why := check(there["state"], (await connection.execute(known)).scalar_one(), spec):
                await connection.rollback()
                raise NotNow(f"campaign {name!r} is {there['state']}: {why}")
        await connection.execute(sa.update(campaigns).where(campaigns.c.name == name).values(times))
        return bool(there["spec_hash"] != version)


async def move(engine: AsyncEngine, name: str, state: str, now: float, *, reason: str = "") -> CampaignRow:
    """Bring a campaign into another state; into the one it is in changes nothing but the reason.

    Raises UnknownCampaign, NotNow for a step that there is not.
    """
    async with writing(engine) as connection:
        there = await _locked(connection, name)
        if state != there["state"] and state not in NEXT[there["state"]]:
            raise NotNow(f"campaign {name!r} is {there['state']}: from there it cannot become {state}")
        values: dict[str, object] = {"state": state, "reason": reason}
        if state == "running" and there["started_at"] is None:
            values["started_at"] = now
        if state in OVER and there["ended_at"] is None:
            values["ended_at"] = now
        await connection.execute(sa.update(campaigns).where(campaigns.c.name == name).values(values))
    return await get(engine, name)


async def set_going(
    engine: AsyncEngine, name: str, now: float, *, simulated: bool = False, held: bool = False
) -> CampaignRow:
    """Let a campaign run, or be scheduled until its `start_at`; breakers count from `now` on. `held`: only one that is
    paused, runs or waits for its time.

    A simulated campaign is never called by a telephone later, nor a real one simulated. Raises UnknownCampaign, NotNow.
    """
    async with writing(engine) as connection:
        there = await _locked(connection, name)
        state, start_at = there["state"], there["start_at"]
        if held and state == "draft":
            raise NotNow(f"campaign {name!r} was not started yet; `leadline campaign start {name}` does")
        goal = "scheduled" if start_at is not None and now < start_at else "running"
        if state != goal and goal not in NEXT[state]:
            raise NotNow(f"campaign {name!r} is {state}: from there it cannot become {goal}")
        if "since" in there["dialer"]:
            check_kind(name, there["simulated"], simulated)
        values = {"state": goal, "reason": "", "simulated": simulated, "dialer": {**there["dialer"], "since": now}}
        if goal == "running" and there["started_at"] is None:
            values["started_at"] = now
        await connection.execute(sa.update(campaigns).where(campaigns.c.name == name).values(values))
    return await get(engine, name)


def check_open(name: str, state: str) -> None:
    """Raise NotNow for a campaign that is over."""
    if state in OVER:
        raise NotNow(f"campaign {name!r} is {state}; a new one needs a name of its own")


def check_kind(name: str, is_simulated: bool, simulated: bool) -> None:
    """Raise NotNow when a simulated campaign is to be called by telephone, or a real one to be simulated."""
    if is_simulated == simulated:
        return
    was, other = ("simulated", "a real one") if is_simulated else ("real", "a simulation")
    fix = "add --simulate, or " if is_simulated else ""
    raise NotNow(f"campaign {name!r} is {was}: {fix}give {other} a name of its own in another file")


async def begin_if_due(engine: AsyncEngine, row: CampaignRow, now: float) -> CampaignRow:
    """The campaign as it is at `now`: one that was scheduled until then runs."""
    if row.state != "scheduled" or (row.start_at is not None and now < row.start_at):
        return row
    async with writing(engine) as connection:
        still = (campaigns.c.name == row.name) & (campaigns.c.state == "scheduled")
        begun = {"state": "running", "started_at": sa.func.coalesce(campaigns.c.started_at, now)}
        await connection.execute(sa.update(campaigns).where(still).values(begun))
    return await get(engine, row.name)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many leads there are, by state and by reason for the closed; and fresh ones by when their shelf opens."""

    states: Mapping[str, int]
    closed: Mapping[str, int]
    fresh: tuple[tuple[tuple[str, ...], tuple[str, ...], float, int], ...]  #: states, zones, opens at, leads


async def counts(engine: AsyncEngine, name: str) -> Counts:
    """Count a campaign's leads; those of an import that is not finished are left out."""
    finished = sa.select(shelves.c.id).where(shelves.c.campaign == name, shelves.c.opens_at.is_not(None))
    mine = (leads.c.campaign == name) & leads.c.shelf.in_(finished)
    async with engine.connect() as connection:
        states = await _tally(connection, leads.c.state, mine)
        closed = await _tally(connection, leads.c.closed_reason, mine & (leads.c.state == "closed"))
        fresh = (
            sa.select(leads.c.shelf, sa.func.count()).where(mine, leads.c.state == "pending").group_by(leads.c.shelf)
        )
        lying = {row[0]: row[1] for row in (await connection.execute(fresh)).all()}
        places = await rows_of(connection, sa.select(shelves).where(shelves.c.id.in_(finished)))
    shown: dict[tuple[tuple[str, ...], tuple[str, ...], float], int] = {}
    for row in places:
        if row["id"] in lying:
            key = (tuple(row["states"]), tuple(row["zones"]), float(row["opens_at"]))
            shown[key] = shown.get(key, 0) + lying[row["id"]]
    return Counts(states, closed, tuple((*key, count) for key, count in sorted(shown.items())))


async def _locked(connection: AsyncConnection, name: str) -> sa.RowMapping:
    """A campaign's row, which nobody else changes before this transaction ends. Raises UnknownCampaign."""
    query = sa.select(campaigns).where(campaigns.c.name == name)
    if connection.dialect.name == "postgresql":
        query = query.with_for_update()
    there = (await connection.execute(query)).mappings().first()
    if there is None:
        raise UnknownCampaign(name)
    return there


async def _tally(connection: AsyncConnection, column: sa.Column[Any], where: sa.ColumnElement[bool]) -> dict[str, int]:
    rows = (await connection.execute(sa.select(column, sa.func.count()).where(where).group_by(column))).all()
    return {str(name): int(count) for name, count in rows}
