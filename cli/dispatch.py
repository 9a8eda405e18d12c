"""`leadline dispatch`: which calls reach which agent, and who would take a call from here to there."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli import telephone
from cli.telephone import Allow, AsJson, DryRun, Files, Stack, Yes, ask_livekit, told_plainly

if TYPE_CHECKING:
    from livekit import api
    from livekit.protocol.sip import SIPDispatchRuleInfo

    from sip.matching import Incoming, Matched
    from sip.trunk_files import Plan

app = typer.Typer(
    no_args_is_help=True, help=f"Dispatch rules: list, show, create, update, delete, test.\n{telephone.EXIT_CODES}"
)

_LIVE_S = 10.0
Which = Annotated[str, typer.Argument(help="A rule's name or id.")]
File = Annotated[Path, typer.Argument(help="A JSON file with dispatch rules.")]


@app.command("list")
def list_rules(as_json: AsJson = False, name: Stack = None) -> None:
    """List the rules in the order in which they are tried."""
    from sip.matching import priority
    from sip.trunks import stored

    with told_plainly():
        there = ask_livekit(name, stored)
        rules = sorted(there.rules, key=priority)
        if as_json:
            typer.echo(json.dumps([telephone.as_dict(rule) for rule in rules], indent=2))
        elif not rules:
            typer.echo("no dispatch rules yet: no inbound call is answered")
        else:
            telephone.out().print(_table(there, rules))


@app.command()
def show(which: Which, as_json: AsJson = False, name: Stack = None) -> None:
    """Show one rule, as `lk` would take it."""
    from sip.trunks import stored

    with told_plainly():
        rule = telephone.pick(ask_livekit(name, stored).rules, which, "dispatch rule")
        typer.echo(json.dumps(telephone.as_dict(rule), indent=None if as_json else 2))


@app.command()
def create(
    file: File, dry_run: DryRun = False, allow: Allow = None, as_json: AsJson = False, name: Stack = None
) -> None:
    """Create the rules of a file; one whose name is taken is an error."""
    telephone.put(file, "create", "dispatch rule", dry_run=dry_run, allow=allow, as_json=as_json, name=name)


@app.command()
def update(
    file: File, dry_run: DryRun = False, allow: Allow = None, as_json: AsJson = False, name: Stack = None
) -> None:
    """Make the rules that are called as those in the file be as those in the file."""
    telephone.put(file, "update", "dispatch rule", dry_run=dry_run, allow=allow, as_json=as_json, name=name)


@app.command()
def delete(
    which: Which, dry_run: DryRun = False, yes: Yes = False, as_json: AsJson = False, name: Stack = None
) -> None:
    """Delete a rule: the calls that it took are not answered any more."""
    from sip.trunks import Change, stored

    async def go(lk: api.LiveKitAPI) -> None:
        rule = telephone.pick((await stored(lk)).rules, which, "dispatch rule")
        change = Change("delete", "rule", rule, telephone.id_of(rule))
        await telephone.do_changes(lk, telephone.out(), [change], dry_run=dry_run, yes=yes, as_json=as_json)

    with told_plainly():
        ask_livekit(name, go)


@app.command()
def test(
    to: Annotated[str, typer.Option("--to", help="The number called, exactly as the carrier sends it.")],
    from_: Annotated[str, typer.Option("--from", help="The number that calls.")] = "",
    source: Annotated[
        str, typer.Option("--source", help="The carrier's IP address; without it addresses don't count.")
    ] = "",
    pin: Annotated[str, typer.Option("--pin", help="What the caller enters.")] = "",
    files: Files = None,
    live: Annotated[bool, typer.Option("--live", help="Also send the agent into a room for a moment.")] = False,
    as_json: AsJson = False,
    name: Stack = None,
) -> None:
    """Say which trunk and rule would take a call, and which agent. With files: as if they were applied.

    Exit code 4 when nobody would answer.
    """
    from sip.matching import Incoming, match
    from sip.trunks import stored

    async def go(lk: api.LiveKitAPI) -> tuple[Matched, Mapping[str, bool]]:
        there = await stored(lk)
        if files:
            there = _as_if_applied(there, telephone.read_files(files, None, [trunk.name for trunk in there.inbound]))
        matched = match(there, call)
        reached = {}
        if live and matched.rule is not None:
            for agent in matched.rule.room_config.agents:
                reached[agent.agent_name] = await _takes_jobs(lk, agent.agent_name, agent.metadata)
        return matched, reached

    call = Incoming(to, from_, source, pin=pin)
    with told_plainly():
        matched, reached = ask_livekit(name, go)
        if as_json:
            typer.echo(json.dumps(_as_json(matched, call, reached), indent=2))
        else:
            _tell(telephone.out(), matched, call, reached)
        answered = matched.rule is not None and not matched.problem and all(reached.values())
        raise typer.Exit(0 if answered else telephone.DIFFERS)


def _as_if_applied(there: Plan, wanted: Plan) -> Plan:
    """What LiveKit would have: ids that are not given yet are the names."""
    from sip.trunks import changes

    planned = changes(wanted, there)
    named = {change.name for change in planned if change.kind == "inbound"}
    inbound = [trunk for trunk in there.inbound if trunk.name not in named]
    rules = {rule.name: rule for rule in there.rules}
    for change in planned:
        thing = change.thing
        if change.kind == "inbound":
            thing.sip_trunk_id = change.id or change.name  # type: ignore[union-attr]
            inbound.append(thing)  # type: ignore[arg-type]
        elif change.kind == "rule":
            rules[change.name] = thing  # type: ignore[assignment]
    return type(there)(tuple(inbound), there.outbound, tuple(rules.values()))


async def _takes_jobs(lk: api.LiveKitAPI, agent: str, metadata: str) -> bool:
    """Whether a worker of this agent takes a job now: it gets one, in a room that is deleted at once."""
    from sip.rooms import agent_ready, room_with_agent

    async with room_with_agent(lk, f"probe-{secrets.token_hex(8)}", metadata, agent) as (room, _):
        return await agent_ready(lk, room, _LIVE_S)


def _tell(console: Console, matched: Matched, call: Incoming, reached: Mapping[str, bool]) -> None:
    from sip.matching import room_of

    if matched.problem:
        console.print(f"[red]✗[/] {escape(matched.problem)}")
    trunk = escape(matched.trunk.name or matched.trunk.sip_trunk_id) if matched.trunk else "[red]none[/]"
    console.print(f"trunk  {trunk}")
    if matched.rule is None:
        console.print("rule   [red]none[/]: livekit-sip gives no final answer, the caller hears nothing and gives up")
    else:
        console.print(f"rule   {escape(matched.rule.name)}{' (asks for a PIN first)' if matched.asks_pin else ''}")
        console.print(f"room   {escape(room_of(matched.rule, call))}")
        for agent in matched.rule.room_config.agents:
            state = {True: "[green]takes jobs[/]", False: f"[red]no worker took the job within {_LIVE_S:g} s[/]"}
            told = state[reached[agent.agent_name]] if agent.agent_name in reached else "(not asked; --live asks)"
            console.print(f"agent  {escape(agent.agent_name)} {escape(agent.metadata)} {told}")
        if not matched.agents:
            console.print("agent  [yellow]none[/]: only a worker that has no name would come")
    for line in matched.why:
        console.print(f"  [dim]{escape(line)}[/]")


def _as_json(matched: Matched, call: Incoming, reached: Mapping[str, bool]) -> dict[str, Any]:
    from sip.matching import room_of

    rule = matched.rule
    return {
        "trunk": matched.trunk.name if matched.trunk else None,
        "trunk_id": matched.trunk.sip_trunk_id if matched.trunk else None,
        "rule": rule.name if rule else None,
        "rule_id": rule.sip_dispatch_rule_id if rule else None,
        "room": room_of(rule, call) if rule else None,
        "agents": [{"agent_name": a.agent_name, "metadata": a.metadata} for a in rule.room_config.agents]
        if rule
        else [],
        "asks_pin": matched.asks_pin,
        "takes_jobs": dict(reached) or None,
        "problem": matched.problem or None,
        "why": list(matched.why),
    }


def _table(there: Plan, rules: list[SIPDispatchRuleInfo]) -> Table:
    names = {trunk.sip_trunk_id: trunk.name for trunk in there.inbound}
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for column in ("name", "id", "trunks", "called", "callers", "room", "agent"):
        table.add_column(column)
    for rule in rules:
        kind = rule.rule.WhichOneof("rule") or "none"
        trunks = ", ".join(names.get(id_, id_) for id_ in rule.trunk_ids) or "[red]any[/]"
        agents = ", ".join(f"{a.agent_name} {a.metadata}".strip() for a in rule.room_config.agents) or "[red]none[/]"
        called, callers = ", ".join(rule.numbers) or "any", ", ".join(rule.inbound_numbers) or "any"
        table.add_row(
            escape(rule.name),
            rule.sip_dispatch_rule_id,
            trunks,
            called,
            callers,
            kind.removeprefix("dispatch_rule_"),
            agents,
        )
    return table
