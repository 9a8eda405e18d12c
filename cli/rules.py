"""`leadline rules`: the calling rules that are installed, and what they say about a number at a moment."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from campaigns.explaining import told_hours
from campaigns.numbers import DIALABLE, classify
from campaigns.policy.decide import Case, windows_of
from campaigns.policy.places import places_of
from campaigns.policy.rulepack import RulePack, RulePackError, hours_of
from campaigns.policy.terms import Campaign, Lead, Ledger
from campaigns.policy.windows import openings
from campaigns.rulefiles import SHIPPED, load_packs

app = typer.Typer(no_args_is_help=True, help="Calling rules: which are installed, and what they say. Not legal advice.")

_NO_CAMPAIGN: Final = hours_of({"mon-sun": "00:00-24:00"})

Folder = Annotated[Path, typer.Option("--rules", help="A folder with rule packs of your own (*.yaml).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _packs(folder: Path) -> dict[str, RulePack]:
    try:
        return dict(load_packs(folder))
    except (RulePackError, OSError) as wrong:
        typer.echo(f"leadline: {wrong}", err=True)
        raise typer.Exit(2) from None


@app.command()
def show(
    country: Annotated[str, typer.Argument(help="ISO country code; all when left out.")] = "",
    rules: Folder = SHIPPED,
    as_json: AsJson = False,
) -> None:
    """Print the rule packs: hours, caps, where each rule comes from and how well it is known."""
    packs = _packs(rules)
    if country and country.upper() not in packs:
        typer.echo(f"leadline: no rule pack for {country.upper()}; there are {', '.join(sorted(packs))}", err=True)
        raise typer.Exit(2)
    chosen = [packs[country.upper()]] if country else list(packs.values())
    if as_json:
        typer.echo(json.dumps([pack.model_dump(mode="json") for pack in chosen], indent=2))
        return
    for pack in chosen:
        table = Table("state", "hours", "holidays", "per 24 h", "known by", "source", "verified")
        table.title = f"{pack.country} {pack.version}: {told_hours(pack.hours)} ({pack.source.cite})"
        for name, rule in pack.states.items():
            if rule.source is None:
                continue
            table.add_row(
                name,
                told_hours(rule.hours) if rule.hours else rule.acknowledge or "as the country",
                "calls" if rule.holidays else "no calls",
                str(rule.per_24h or ""),
                rule.source.read,
                rule.source.cite,
                rule.source.verified_on.isoformat(),
            )
        Console().print(table)
        Console().print("States without a row have the country's hours. None of this is legal advice.")


@app.command()
def check(
    number: Annotated[str, typer.Option("--number", help="The number to call, like +12025550134.")],
    at: Annotated[
        str, typer.Option("--at", help="ISO time with an offset, like 2026-12-01T09:00-05:00; default now.")
    ] = "",
    state: Annotated[str, typer.Option("--state", help="Where the list says the person is.")] = "",
    postal_code: Annotated[str, typer.Option("--postal-code")] = "",
    rules: Folder = SHIPPED,
    as_json: AsJson = False,
) -> None:
    """Say whether the law's hours allow a call to a number at a moment. Exit code 1: not now, 2: wrong input.

    Consent, opt-outs, caps and the campaign's own hours are not looked at: they belong to a lead and a campaign.
    """
    packs, now = _packs(rules), _moment(at)
    verdict = _verdict(Lead(number, state, postal_code), now, packs)
    if as_json:
        typer.echo(json.dumps(verdict, indent=2))
    else:
        for key, value in verdict.items():
            typer.echo(f"{key:14} {', '.join(value) if isinstance(value, list) else value}")
    raise typer.Exit(0 if verdict["allowed"] else 1)


def _moment(at: str) -> datetime:
    if not at:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            raise ValueError("no offset")
    except ValueError:
        typer.echo(f"leadline: --at {at!r} is no time with an offset; write it like 2026-12-01T09:00-05:00", err=True)
        raise typer.Exit(2) from None
    return moment.astimezone(UTC)


def _verdict(lead: Lead, now: datetime, packs: dict[str, RulePack]) -> dict[str, object]:
    number = classify(lead.number)
    if number.kind not in DIALABLE:
        return {"allowed": False, "why": f"numbers of this kind are never dialled: {number.kind.value}"}
    if number.country not in packs:
        return {"allowed": False, "why": f"no rule pack for {number.country} is installed"}
    pack = packs[number.country]
    places = places_of(lead, number.e164, pack)
    if places.unknown:
        return {"allowed": False, "why": places.unknown}
    campaign = Campaign("", "telemarketing", "", frozenset({number.country}), _NO_CAMPAIGN)
    case = Case(lead, campaign, Ledger(), now, number, pack, places, asked_for=True)
    span = next(openings(windows_of(case), now), None)
    allowed = span is not None and span[0] <= now
    needs = [f"{name}: {rule.acknowledge}" for name, rule in case.states.items() if rule.acknowledge]
    return {
        "allowed": allowed,
        "states": list(places.states),
        "zones": list(places.zones),
        "rules": [window.name for window in windows_of(case)],
        "opens": "" if span is None or allowed else span[0].isoformat(),
        "closes": span[1].isoformat() if span is not None and allowed else "",
        "needs": needs,
    }
