"""`leadline lead show|suppress|reset`, `campaign explain`: one lead, what was done with it, and why it may be called or not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from campaigns.rulefiles import SHIPPED, load_packs
from cli.campaign_options import EXIT_CODES, NO, AsJson, By, Stack, Wrong, Yes, database, out, print_json, told_plainly
from cli.consent import day, moment_of
from cli.places import whoever_runs_this
from cli.terminal import complain

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from campaigns.policy.terms import CallerId
    from store.leads import LeadRow, Phone

app = typer.Typer(no_args_is_help=True, help="Leads of campaigns: show, suppress, reset.\n" + EXIT_CODES)

Which = Annotated[str, typer.Argument(metavar="LEAD", help="A lead's id, external id or telephone number.")]
InCampaign = Annotated[str, typer.Option("--campaign", help="In which campaign, when the lead is in several.")]


@app.command()
def show(lead: Which, campaign: InCampaign = "", as_json: AsJson = False, name: Stack = None) -> None:
    """Show a lead: what the list said, its numbers, its attempts with outcome and decision, what comes next."""

    async def go() -> dict[str, Any]:
        from store import leads

        async with database(name) as engine:
            row = await one_lead(engine, lead, campaign)
            return {
                "lead": row,
                "phones": await leads.phones_of(engine, row.id),
                "attempts": await leads.attempts_of(engine, row.id),
                "callbacks": await leads.callbacks_in(engine, lead=row.id),
            }

    with told_plainly():
        told = asyncio.run(go())
    row, phones = told["lead"], told["phones"]
    if as_json:
        print_json({**told, "lead": asdict(row), "phones": [asdict(phone) for phone in phones]})
        return
    _print_lead(row, phones)
    for attempt in told["attempts"]:
        _print_attempt(attempt)
    for agreed in told["callbacks"]:
        when = f"{agreed['local']} {agreed['zone']} ({day(agreed['due_at'])})"
        out().print(f"callback {escape(agreed['state'])}: {when}, asked for in call {agreed['call_id']}")


@app.command()
def suppress(
    lead: Which,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the record.")] = "",
    campaign: InCampaign = "",
    yes: Yes = False,
    by: By = "",
    as_json: AsJson = False,
    name: Stack = None,
) -> None:
    """Never call this person again: all numbers of the lead go on the list, in every campaign, at once."""
    from store.permissions import add_opt_outs
    from store.suppression import OptOut

    async def go() -> list[str]:
        from store import leads

        async with database(name) as engine:
            row = await one_lead(engine, lead, campaign)
            numbers = [phone.number for phone in await leads.phones_of(engine, row.id)]
            if not yes and not typer.confirm(f"Never call {', '.join(numbers)} again?", err=as_json):
                raise typer.Exit(1)
            now = time.time()
            entries = [OptOut(one, "global", now, "operator", f"lead-{row.id}", "", reason=reason) for one in numbers]
            await add_opt_outs(engine, entries, now, by or whoever_runs_this())
            return numbers

    with told_plainly():
        numbers = asyncio.run(go())
    if as_json:
        print_json({"suppressed": numbers})
    else:
        out().print(f"{', '.join(numbers)}: on the list, no campaign calls again")


@app.command()
def reset(
    lead: Which, campaign: InCampaign = "", yes: Yes = False, as_json: AsJson = False, name: Stack = None
) -> None:
    """Begin anew with a lead: fresh, no tries. Its attempts stay on record, so caps and gaps of the number still hold."""

    async def go() -> LeadRow:
        from store import leads
        from store.suppression import suppressed

        async with database(name) as engine:
            row = await one_lead(engine, lead, campaign)
            async with engine.connect() as connection:
                if await suppressed(connection, row.number):
                    raise Wrong(
                        f"{row.number} has opted out; only `leadline dnc remove` at its owner's word changes that"
                    )
            if not yes and not typer.confirm(f"Begin anew with lead {row.id} of {row.campaign}?", err=as_json):
                raise typer.Exit(1)
            return await leads.reset(engine, row.id, time.time())

    with told_plainly():
        row = asyncio.run(go())
    if as_json:
        print_json(asdict(row))
    else:
        out().print(f"lead {row.id} of {row.campaign}: {row.standing.state}, {row.number}")


def explain(
    lead: Which,
    campaign: InCampaign = "",
    at: Annotated[str, typer.Option("--at", help="At which moment, like 2026-12-01T09:00-05:00; default now.")] = "",
    rules: Annotated[Path, typer.Option("--rules", help="A folder with rule packs of your own (*.yaml).")] = SHIPPED,
    as_json: AsJson = False,
    name: Stack = None,
) -> None:
    """Say in words whether a lead may be called, by which rules, and what is on record. Exit code 4: it may not.

    It is what the dialer asks before each call. Not legal advice.
    """
    with told_plainly():
        now = datetime.fromtimestamp(moment_of("--at", at), UTC) if at else datetime.now(UTC)
        told = asyncio.run(_explain(name, lead, campaign, now, rules))
    if as_json:
        print_json(told)
    else:
        for number, line in enumerate(told["words"]):
            out().print(f"[bold]{escape(line)}[/]" if number == 0 else f"  {escape(line)}")
        out().print("[dim]Not legal advice.[/]")
    raise typer.Exit(0 if told["decision"]["allowed"] else NO)


async def _explain(stack: str | None, lead: str, campaign: str, now: datetime, rules: Path) -> dict[str, Any]:
    from campaigns.campaign_file import from_spec
    from campaigns.explaining import explained, kept
    from campaigns.ledger import as_told, lead_of, ledger_of
    from campaigns.policy.decide import decide
    from store import campaigns

    packs = load_packs(rules)
    async with database(stack) as engine:
        row = await one_lead(engine, lead, campaign)
        file = from_spec((await campaigns.get(engine, row.campaign)).spec)
        caller = await _caller(stack, file.caller_ids[0], file.seller)
        ledger = await ledger_of(engine, row, caller, now)
    policy, person = file.for_policy(), lead_of(row)
    asked_for = row.standing.state == "wait_callback"
    decision = decide(person, policy, ledger, now, packs, asked_for=asked_for)
    words = list(explained(decision, person, policy, ledger, now, packs))
    standing = row.standing
    where = f"lead {row.id} of {row.campaign} is {standing.state} {standing.closed_reason}".rstrip()
    words.append(f"{where}; last decision: {kept(standing.decision)}")
    if standing.state == "closed":
        words.append("a closed lead is not called, whatever the rules say; `leadline lead reset` begins anew with it")
    return {"lead": row.id, "campaign": row.campaign, "decision": as_told(decision, now), "words": words}


async def _caller(stack: str | None, number: str, seller: str) -> CallerId:
    """What LiveKit knows of the number shown; taken as good, and said so, where LiveKit cannot be asked."""
    import aiohttp
    from livekit import api

    from campaigns.caller_ids import shown
    from campaigns.policy.terms import CallerId
    from cli.target import find_target
    from sip.settings import SipSettingsError, open_api
    from sip.trunks import stored

    try:
        async with open_api(find_target(stack).sip) as lk:
            return next(shown(await stored(lk), [number], seller)).caller
    except (SipSettingsError, api.ServerError, aiohttp.ClientError, TimeoutError) as away:
        complain(
            f"LiveKit cannot be asked about the caller ID ({away or 'no answer in time'}); it is taken as good here"
        )
        return CallerId(number, owned=True, answered=True)


async def one_lead(engine: AsyncEngine, key: str, campaign: str) -> LeadRow:
    """The lead that is meant. Raises UnknownLead, Wrong when there are several."""
    from campaigns.numbers import classify
    from store import leads

    found = await leads.find(engine, key, campaign)
    if not found and (number := classify(key).e164):
        found = await leads.find(engine, number, campaign)
    if not found:
        raise leads.UnknownLead(
            f"no lead {key!r}{f' in {campaign}' if campaign else ''}: give an id, an external id or a number"
        )
    if len(found) > 1:
        ids = ", ".join(f"{row.id} ({row.campaign})" for row in found)
        raise Wrong(f"several leads are called {key!r}: {ids}; name one by its id, or give --campaign")
    return found[0]


def _print_lead(row: LeadRow, phones: tuple[Phone, ...]) -> None:
    standing, person = row.standing, row.person
    who = " ".join(str(person[part]) for part in ("first_name", "last_name", "company") if person.get(part))
    reason = f" ({standing.closed_reason})" if standing.closed_reason else ""
    out().print(f"[bold]lead {row.id}[/] {escape(row.external_id)} of {row.campaign}: {standing.state}{reason}")
    out().print(f"  {escape(who) or 'no name'} · {standing.tries} tries · priority {row.priority}")
    for phone in phones:
        mark = "→" if phone.number == row.number else " "
        out().print(f"  {mark} {phone.number} {phone.kind} {phone.status}")
    if standing.due_at is not None:
        out().print(f"  next: {day(standing.due_at)}")
    if standing.disposition or standing.last_outcome:
        score = f", {standing.score} points" if standing.score is not None else ""
        out().print(f"  {standing.last_outcome} {standing.disposition}{score}")


def _print_attempt(attempt: Mapping[str, Any]) -> None:
    from campaigns.explaining import kept

    told = " ".join(
        str(attempt[part]) for part in ("outcome", "disposition", "sip_status", "sip_phrase") if attempt[part]
    )
    out().print(
        f"{day(attempt['begun_at'])} {attempt['kind']} call {attempt['id']}: {escape(told or attempt['state'])}"
    )
    out().print(f"  [dim]{escape(kept(attempt['decision']))}[/]")
