"""`leadline campaign list|status|watch|report`: which there are, how a campaign stands, live, and what it came to."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from cli.campaign_options import AsJson, Stack, database, out, print_json, told_plainly
from cli.campaign_run import Name, moment

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from campaigns.kpis import Kpi, Tried
    from store.campaigns import CampaignRow, Counts

_EVERY_S = 1.0
_OPEN = ("pending", "leased", "dialing", "in_call", "wait_retry", "wait_callback", "closed")


@dataclass(frozen=True, slots=True)
class Standing:
    """A campaign at a moment."""

    row: CampaignRow
    counts: Counts
    tried: tuple[Tried, ...]
    up: tuple[dict[str, Any], ...]
    callbacks: int
    opens_at: float | None
    warned: tuple[str, ...]


async def _standing(engine: AsyncEngine, name: str, now: float) -> Standing:
    from campaigns.breakers import Seen, warnings
    from campaigns.kpis import tried_of
    from store import attempts, campaigns
    from store.dialing import DialQueue
    from store.leads import callbacks_in

    row = await campaigns.get(engine, name)
    tried = tuple(tried_of(one) for one in await attempts.ended_since(engine, name, 0, limit=1_000_000))
    seen = [Seen(one.outcome, tuple(one.flags), one.talked_s) for one in tried[-500:]]
    return Standing(
        row,
        await campaigns.counts(engine, name),
        tried,
        await attempts.under_way(engine, campaign=name),
        len(await callbacks_in(engine, campaign=name, state="open")),
        await DialQueue(engine).next_opening(name, now),
        tuple(warnings(seen)),
    )


def _dialable(counts: Counts) -> int:
    never = ("suppressed", "no_consent", "invalid_number")
    return sum(counts.states.values()) - sum(counts.closed.get(reason, 0) for reason in never)


def _as_data(now: Standing) -> dict[str, Any]:
    from campaigns.kpis import by_outcome, kpis

    return {
        "campaign": now.row.name,
        "state": now.row.state,
        "reason": now.row.reason,
        "simulated": now.row.simulated,
        "start_at": now.row.start_at,
        "leads": dict(now.counts.states),
        "closed": dict(now.counts.closed),
        "calls_up": len(now.up),
        "callbacks_open": now.callbacks,
        "next_opening": now.opens_at,
        "outcomes": by_outcome(now.tried),
        "kpis": {kpi.name: kpi.value for kpi in kpis(now.tried, _dialable(now.counts))},
        "warnings": list(now.warned),
    }


def _shown(now: Standing) -> Group:
    from campaigns.kpis import by_outcome, kpis

    row = now.row
    head = f"[bold]{row.name}[/] is {_state(row)}{f': {escape(row.reason)}' if row.reason else ''}"
    leads = Table.grid(padding=(0, 2))
    for state in _OPEN:
        if count := now.counts.states.get(state, 0):
            told = ", ".join(f"{n:,} {why}" for why, n in sorted(now.counts.closed.items(), key=lambda p: -p[1]))
            leads.add_row(state, f"{count:,}", f"[dim]{told}[/]" if state == "closed" else "")
    calls = Table.grid(padding=(0, 2))
    for outcome, count in by_outcome(now.tried).items():
        calls.add_row(outcome, f"{count:,}")
    lines: list[Any] = [head, f"calls up: {len(now.up)} · callbacks asked for: {now.callbacks}"]
    if now.opens_at is not None and row.state == "running":
        lines.append(f"next lead: {'now' if now.opens_at <= time.time() else moment(now.opens_at)}")
    shown = {kpi.name: kpi for kpi in kpis(now.tried, _dialable(now.counts))}
    rates = [
        f"{name} {_told(shown[name])}" for name in ("connect rate", "qualified rate", "opt-out rate", "abandonment")
    ]
    lines += [leads, calls, " · ".join(rates), *(f"[yellow]{escape(one)}[/]" for one in now.warned)]
    return Group(*lines)


def _state(row: CampaignRow) -> str:
    """A campaign's state in words."""
    until = f" and begins {moment(row.start_at)}" if row.state == "scheduled" and row.start_at is not None else ""
    return f"{row.state}{until}{', simulated' if row.simulated else ''}"


def _told(kpi: Kpi) -> str:
    if kpi.value is None:
        return "-"
    if kpi.parts is not None:
        return f"{kpi.value:.1%} ({kpi.parts[0]}/{kpi.parts[1]})"
    return f"{kpi.value:,.2f}".rstrip("0").rstrip(".")


def list_(as_json: AsJson = False, name: Stack = None) -> None:
    """List all campaigns, the newest first."""
    from store import campaigns

    async def read() -> tuple[CampaignRow, ...]:
        async with database(name) as engine:
            return await campaigns.every(engine)

    with told_plainly():
        rows = asyncio.run(read())
    if as_json:
        shown = ("name", "state", "reason", "simulated", "start_at", "end_at", "started_at", "ended_at")
        print_json([{key: getattr(row, key) for key in shown} for row in rows])
        return
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(row.name, _state(row), escape(row.reason))
    out().print(table if rows else "no campaign yet; `leadline campaign init NAME` begins one")


def status(campaign: Name, as_json: AsJson = False, name: Stack = None) -> None:
    """Say how a campaign stands: leads by state, calls by outcome, rates, what comes next."""

    async def read() -> Standing:
        async with database(name) as engine:
            return await _standing(engine, campaign, time.time())

    with told_plainly():
        now = asyncio.run(read())
    if as_json:
        print_json(_as_data(now))
    else:
        out().print(_shown(now))


def watch(campaign: Name, name: Stack = None) -> None:
    """Show how a campaign stands, anew each second, until it is over or Ctrl-C."""

    async def follow() -> None:
        async with database(name) as engine:
            now = await _standing(engine, campaign, time.time())
            with Live(_shown(now), console=out(), refresh_per_second=4) as live:
                while now.row.state in ("running", "draining", "paused", "scheduled", "draft"):
                    await asyncio.sleep(_EVERY_S)
                    now = await _standing(engine, campaign, time.time())
                    live.update(_shown(now))

    with told_plainly():
        try:
            asyncio.run(follow())
        except KeyboardInterrupt:
            raise typer.Exit(0) from None


def report(
    campaign: Name,
    explain: Annotated[bool, typer.Option("--explain", help="Print each figure's formula.")] = False,
    as_json: AsJson = False,
    name: Stack = None,
) -> None:
    """Say what a campaign came to: attempts by outcome, its figures, and who was reached by hour and by caller ID."""
    from campaigns.kpis import by_outcome, connected_by, kpis

    async def read() -> Standing:
        async with database(name) as engine:
            return await _standing(engine, campaign, time.time())

    with told_plainly():
        now = asyncio.run(read())
    figures = kpis(now.tried, _dialable(now.counts))
    reached = {
        "by hour where it rang": connected_by(now.tried, lambda made: made.hour),
        "by caller ID": connected_by(now.tried, lambda made: made.caller_id),
    }
    if as_json:
        told = [{"name": k.name, "value": k.value, "parts": k.parts, "formula": k.formula} for k in figures]
        print_json({**_as_data(now), "kpis": told, "reached": reached})
        return
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for kpi in figures:
        table.add_row(kpi.name, _told(kpi), f"[dim]{kpi.formula}[/]" if explain else "")
    out().print(f"[bold]{now.row.name}[/]: {len(now.tried):,} attempts of {sum(now.counts.states.values()):,} leads")
    for outcome, count in by_outcome(now.tried).items():
        out().print(f"  {count:>6,} {outcome}")
    out().print(table)
    for what, parts in reached.items():
        if parts:
            out().print(f"people reached {what}:")
        for key, (human, sent) in parts.items():
            out().print(f"  {key:<12} {human / sent:>6.1%} ({human:,}/{sent:,})")
