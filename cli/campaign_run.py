"""`leadline campaign start|pause|resume|cancel` and `leadline dialer`: a campaign is set going, held, and ended."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from campaigns.rulefiles import SHIPPED, load_packs
from cli.campaign_files import callers, check_rules, check_words
from cli.campaign_import import resolve
from cli.campaign_options import (
    NO,
    AsJson,
    DryRun,
    Stack,
    Wrong,
    Yes,
    database,
    out,
    print_json,
    told_plainly,
)
from cli.places import whoever_runs_this
from cli.terminal import complain

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from campaigns.campaign_file import CampaignFile
    from campaigns.forecast import Forecast
    from campaigns.policy.terms import CallerId
    from cli.dialing import How
    from store.campaigns import CampaignRow

Name = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="A campaign's name.")]
FileOrName = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="A campaign's file, or the name of a known one.")]
Detach = Annotated[
    bool, typer.Option("--detach", help="Do not dial here: a `leadline dialer` that runs elsewhere does.")
]
Simulate = Annotated[bool, typer.Option("--simulate", help="A far end without telephones; fictional numbers only.")]
Id = Annotated[str, typer.Option("--id", help="This dialer's name, the same after a restart. Default: the host's.")]
Inbound = Annotated[int, typer.Option("--keep-free", min=0, help="So many agents are left to people who call us.")]
Rules = Annotated[Path, typer.Option("--rules", help="A folder with rule packs of your own (*.yaml).")]
INTERRUPTED, PAUSED = 130, 5


def start(
    campaign: FileOrName,
    detach: Detach = False,
    simulate: Simulate = False,
    owner: Id = "",
    inbound: Inbound = 1,
    rules: Rules = SHIPPED,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
    name: Stack = None,
) -> None:
    """Say what would happen, ask, then call. Runs until the campaign is over; Ctrl-C lets calls end, and `resume` goes on.

    Exit code 4: something speaks against starting. 5: it was paused, by a person or by a breaker. 130: Ctrl-C.
    """
    from cli.dialing import How

    with told_plainly():
        how = How(owner, inbound, simulate, rules)
        row = asyncio.run(_start(name, campaign, how, detach, _Asked(dry_run, yes, as_json)))
        _leave(row, as_json, detach)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the person wants to be asked and shown."""

    dry_run: bool
    yes: bool
    as_json: bool


async def _start(stack: str | None, campaign: str, how: How, detach: bool, asked: _Asked) -> CampaignRow:
    from campaigns.edits import at_start
    from store import campaigns

    async with database(stack) as engine:
        file = await resolve(engine, campaign)
        with contextlib.suppress(campaigns.UnknownCampaign):
            known = await campaigns.get(engine, file.campaign)
            campaigns.check_open(known.name, known.state)
        callers_ = await asyncio.to_thread(_checked, file, how, stack)
        told = await _foreseen(engine, file, callers_, how)
        if asked.as_json and asked.dry_run:
            print_json(_as_data(file, told))
        elif not asked.as_json:
            _print_forecast(file, told)
        if asked.dry_run:
            raise typer.Exit(0)
        if not told.waiting:
            raise Wrong(f"{file.campaign} has no leads that wait; `leadline campaign import {campaign} LIST.csv` first")
        if not asked.yes and not typer.confirm("Start calling?", err=True):
            raise typer.Exit(NO)
        now = time.time()
        await campaigns.put(engine, file.spec(), now, whoever_runs_this(), at_start)
        row = await campaigns.set_going(engine, file.campaign, now, simulated=how.simulate)
    return row if detach else await _dial(stack, how, row.name, quiet=asked.as_json)


def _checked(file: CampaignFile, how: How, stack: str | None) -> tuple[CallerId, ...]:
    """The numbers to be shown. Leaves with 4 when `campaign validate` would say no."""
    from campaigns.policy.terms import CallerId

    wrong = [one for one in (*check_words(file), *check_rules(file, how.rules)) if not one.well]
    found = () if how.simulate else callers(file, None, stack)
    for one in wrong:
        complain(f"{one.what}: {one.told} → {one.fix}")
    for shown in found:
        if shown.why:
            complain(f"caller ID: {shown.why}")
    if wrong or any(shown.why for shown in found):
        complain(f"{file.campaign} is not started; `leadline campaign validate` tells more")
        raise typer.Exit(NO)
    if how.simulate:
        return tuple(CallerId(number, owned=True, answered=True) for number in file.caller_ids)
    return tuple(shown.caller for shown in found)


async def _foreseen(engine: AsyncEngine, file: CampaignFile, shown: tuple[CallerId, ...], how: How) -> Forecast:
    from campaigns.forecast import forecast
    from campaigns.settings import GateSettings

    per_minute = file.cost_per_minute if file.cost_per_minute is not None else GateSettings().rate
    return await forecast(engine, file, shown[0], load_packs(how.rules), time.time(), per_minute)


def _as_data(file: CampaignFile, told: Forecast) -> dict[str, Any]:
    return {
        "campaign": file.campaign,
        "waiting": told.waiting,
        "callable_now": told.of_all(told.now),
        "refused_now": {rule: told.of_all(count) for rule, count in told.refused.items()},
        "refused_for_good": {rule: told.of_all(count) for rule, count in told.for_good.items()},
        "sampled": told.asked if told.asked < told.waiting else None,
        "next_opening": told.opens_at,
        "calling_hours": round(told.calling_hours, 2),
        "cost": None if told.cost is None else round(told.cost, 2),
    }


def _print_forecast(file: CampaignFile, told: Forecast) -> None:
    from campaigns import forecast

    say = out().print
    say(
        f"[bold]{file.campaign}[/] calls for {escape(file.seller)}, {file.purpose}, showing {', '.join(file.caller_ids)}"
    )
    drawn = f" (by a sample of {told.asked:,})" if told.asked < told.waiting else ""
    say(f"  {told.waiting:,} leads wait; {told.of_all(told.now):,} may be called now{drawn}")
    for title, counts in (("not now", told.refused), ("not at all", told.for_good)):
        for rule, count in sorted(counts.items(), key=lambda pair: -pair[1]):
            say(f"  {told.of_all(count):,} {title}: {escape(rule)}")
    if told.opens_at is not None:
        say(f"  the next of them from {moment(told.opens_at)} on")
    pacing = file.pacing
    say(f"  {pacing.concurrency} calls at once, {pacing.cps:g} a second at most; the first {pacing.canary} one by one")
    cost = "" if told.cost is None else f", about {told.cost:,.2f} in calls"
    say(
        f"  about {told.calling_hours:,.1f} hours of calling{cost} [dim](assumed: {forecast.TRIES:g} calls a lead, "
        f"{forecast.ANSWERED:.0%} answered, {forecast.TALK_S:.0f} s of talk)[/]"
    )
    say("  [dim]None of this is legal advice.[/]")


def moment(at: float) -> str:
    """A moment as a person reads it."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


async def _dial(stack: str | None, how: How, name: str, quiet: bool) -> CampaignRow:
    from cli.dialing import dial_one, room

    def told(said: str) -> None:
        if not quiet:
            out().print(f"  {escape(said)}")

    if not quiet:
        out().print(f"dialling; see `leadline campaign watch {name}` in another terminal. Ctrl-C lets calls end")
    async with room(stack, how, told) as where:
        return await dial_one(where, name)


def _leave(row: CampaignRow, as_json: bool, detached: bool) -> None:
    """Say how it stands, and leave with the code for it."""
    if as_json:
        print_json({"campaign": row.name, "state": row.state, "reason": row.reason})
    else:
        why = f": {escape(row.reason)}" if row.reason else ""
        if row.state == "scheduled" and row.start_at is not None:
            why = f" until {moment(row.start_at)}"
        out().print(f"{row.name} is {row.state}{why}")
    if row.state == "paused":
        raise typer.Exit(PAUSED)
    if row.state in ("running", "scheduled") and not detached:
        raise typer.Exit(INTERRUPTED)


def pause(
    campaign: Name,
    hangup: Annotated[bool, typer.Option("--hangup", help="End calls that are up, too.")] = False,
    as_json: AsJson = False,
    name: Stack = None,
) -> None:
    """Call nobody more. Calls that are up go on to their end, unless --hangup."""
    with told_plainly():
        row, ended = asyncio.run(_pause(name, campaign, hangup))
    if as_json:
        print_json({"campaign": row.name, "state": row.state, "hung_up": ended})
        return
    out().print(
        f"{row.name} is paused{f'; {ended} calls were hung up' if hangup else ''}. `leadline campaign resume` goes on"
    )


async def _pause(stack: str | None, campaign: str, hangup: bool) -> tuple[CampaignRow, int]:
    from campaigns.gate import hang_up
    from cli.target import find_target
    from sip.settings import open_api
    from store import attempts, campaigns

    async with database(stack) as engine:
        row = await campaigns.move(engine, campaign, "paused", time.time(), reason=f"by {whoever_runs_this()}")
        up = await attempts.under_way(engine, campaign=campaign) if hangup and not row.simulated else ()
    if up:
        async with open_api(find_target(stack).sip) as lk:
            for one in up:
                await hang_up(lk, one["id"])
    return row, len(up)


def resume(
    campaign: Name,
    detach: Detach = False,
    simulate: Simulate = False,
    owner: Id = "",
    inbound: Inbound = 1,
    rules: Rules = SHIPPED,
    as_json: AsJson = False,
    name: Stack = None,
) -> None:
    """Go on with a paused campaign, or dial one that runs. Breakers begin to count anew. Exit codes as of `start`."""
    from cli.dialing import How

    with told_plainly():
        row = asyncio.run(_resume(name, campaign, How(owner, inbound, simulate, rules), detach, as_json))
        _leave(row, as_json, detach)


async def _resume(stack: str | None, campaign: str, how: How, detach: bool, quiet: bool) -> CampaignRow:
    from campaigns.campaign_file import from_spec
    from store import campaigns

    async with database(stack) as engine:
        row = await campaigns.get(engine, campaign)
        if row.state != "draft":
            campaigns.check_kind(campaign, row.simulated, how.simulate)
        if row.state not in ("running", "scheduled"):
            await asyncio.to_thread(_checked, from_spec(row.spec), how, stack)
            row = await campaigns.set_going(engine, campaign, time.time(), simulated=how.simulate, held=True)
    return row if detach else await _dial(stack, how, campaign, quiet)


def cancel(
    campaign: Name,
    drop_callbacks: Annotated[
        bool, typer.Option("--drop-callbacks", help="Also drop calls that people asked for.")
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
    name: Stack = None,
) -> None:
    """End a campaign for good: nobody who was not called yet ever will be. Calls that are up go on to their end."""
    with told_plainly():
        closed = asyncio.run(_cancel(name, campaign, drop_callbacks, dry_run, yes))
    if as_json:
        print_json({"campaign": campaign, "closed": closed, "dry_run": dry_run})
        return
    out().print(f"{campaign}: {closed:,} leads {'would be' if dry_run else 'are'} closed and not called any more")


async def _cancel(stack: str | None, campaign: str, drop: bool, dry_run: bool, yes: bool) -> int:
    from store import attempts, campaigns
    from store.leads import callbacks_in

    async with database(stack) as engine:
        row = await campaigns.get(engine, campaign)
        if row.state == "canceled":
            return 0
        asked = await callbacks_in(engine, campaign=campaign, state="open")
        if asked and not drop:
            raise Wrong(
                f"{len(asked)} people asked to be called back (`leadline callbacks list`): --drop-callbacks drops them"
            )
        counts = (await campaigns.counts(engine, campaign)).states
        waiting = sum(counts.get(state, 0) for state in ("pending", "wait_retry", "wait_callback", "leased"))
        if dry_run:
            return waiting
        if not yes and not typer.confirm(f"End {campaign} for good, with {waiting:,} leads not called?", err=True):
            raise typer.Exit(NO)
        now = time.time()
        await campaigns.move(engine, campaign, "canceled", now, reason=f"by {whoever_runs_this()}")
        return await attempts.end_all(engine, campaign, "canceled", now)


def dialer(owner: Id = "", inbound: Inbound = 1, rules: Rules = SHIPPED, name: Stack = None) -> None:
    """Dial every campaign that runs, until Ctrl-C. Several may run, on several machines with one database (Postgres)."""
    from cli.dialing import How, room, serve

    async def run() -> None:
        async with room(name, How(owner, inbound, False, rules), lambda said: out().print(escape(said))) as where:
            out().print(f"dialer {where.how.name}: dials campaigns that run; Ctrl-C lets calls end")
            await serve(where)

    with told_plainly():
        asyncio.run(run())
