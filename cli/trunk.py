"""`leadline trunk`: the trunks that LiveKit has, over which calls come and go."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from cli import telephone
from cli.telephone import Allow, AsJson, DryRun, Failure, Stack, Yes, ask_livekit, told_plainly

if TYPE_CHECKING:
    from livekit import api
    from livekit.protocol.sip import SIPInboundTrunkInfo, SIPOutboundTrunkInfo

    from sip.trunk_files import Plan

app = typer.Typer(
    no_args_is_help=True, help=f"Trunks: list, show, create, update, delete, test, new.\n{telephone.EXIT_CODES}"
)

TEMPLATES = Path(__file__).parents[1] / "deploy" / "sip" / "templates"
Which = Annotated[str, typer.Argument(help="A trunk's name or id.")]
File = Annotated[Path, typer.Argument(help="A JSON file with trunks.")]


@app.command("list")
def list_trunks(as_json: AsJson = False, name: Stack = None) -> None:
    """List inbound and outbound trunks."""
    from sip.trunks import stored

    with told_plainly():
        there = ask_livekit(name, stored)
        trunks = there.trunks
        if as_json:
            shown = [{"kind": telephone.kind_of(trunk)} | telephone.as_dict(trunk) for trunk in trunks]
            typer.echo(json.dumps(shown, indent=2))
        elif not trunks:
            typer.echo("no trunks yet: `leadline trunk new` writes a file, `leadline sip apply` applies it")
        else:
            telephone.out().print(_table(there))


@app.command()
def show(which: Which, as_json: AsJson = False, name: Stack = None) -> None:
    """Show one trunk, as `lk` would take it; passwords are hidden."""
    from sip.trunks import stored

    with told_plainly():
        there = ask_livekit(name, stored)
        trunk = telephone.pick(there.trunks, which, "trunk")
        typer.echo(json.dumps(telephone.as_dict(trunk), indent=None if as_json else 2))


@app.command()
def create(
    file: File, dry_run: DryRun = False, allow: Allow = None, as_json: AsJson = False, name: Stack = None
) -> None:
    """Create the trunks of a file; one whose name is taken is an error."""
    telephone.put(file, "create", "trunk", dry_run=dry_run, allow=allow, as_json=as_json, name=name)


@app.command()
def update(
    file: File, dry_run: DryRun = False, allow: Allow = None, as_json: AsJson = False, name: Stack = None
) -> None:
    """Make the trunks that are called as those in the file be as those in the file."""
    telephone.put(file, "update", "trunk", dry_run=dry_run, allow=allow, as_json=as_json, name=name)


@app.command()
def delete(
    which: Which, dry_run: DryRun = False, yes: Yes = False, as_json: AsJson = False, name: Stack = None
) -> None:
    """Delete a trunk. One that dispatch rules still name is kept: its calls would find no rule."""
    from sip.trunks import Change, stored

    async def go(lk: api.LiveKitAPI) -> None:
        there = await stored(lk)
        trunk = telephone.pick(there.trunks, which, "trunk")
        users = [rule.name or rule.sip_dispatch_rule_id for rule in there.rules if trunk.sip_trunk_id in rule.trunk_ids]
        if users:
            raise Failure(f"rules name this trunk: delete {', '.join(users)} first", telephone.REFUSED)
        change = Change("delete", telephone.kind_of(trunk), trunk, trunk.sip_trunk_id)
        await telephone.do_changes(lk, telephone.out(), [change], dry_run=dry_run, yes=yes, as_json=as_json)

    with told_plainly():
        ask_livekit(name, go)


@app.command()
def test(which: Which, as_json: AsJson = False, name: Stack = None) -> None:
    """Try a trunk: an outbound one's peer is asked by OPTIONS; an inbound one's numbers are matched with the rules."""
    from livekit.protocol.sip import SIPInboundTrunkInfo

    from sip.trunks import stored

    with told_plainly():
        there = ask_livekit(name, stored)
        trunk = telephone.pick(there.trunks, which, "trunk")
        good = (
            _test_inbound(there, trunk, as_json)
            if isinstance(trunk, SIPInboundTrunkInfo)
            else _test_outbound(trunk, as_json)
        )
        raise typer.Exit(0 if good else telephone.DIFFERS)


@app.command()
def new(
    template: Annotated[str, typer.Argument(help="twilio or pbx.")],
    number: Annotated[list[str], typer.Option("--number", help="A number of yours, as +12025550100.")],
    address: Annotated[str, typer.Option("--address", help="The carrier's or switchboard's host.")],
    flow: Annotated[str, typer.Option("--flow", help="The conversation that callers get.")] = "b2b-software",
    to: Annotated[Path, typer.Option("--to", help="The file to write.")] = Path("sip.json"),
) -> None:
    """Write a file for a carrier: trunks both ways and the rule for its calls, ready for `leadline sip apply`."""
    with told_plainly():
        source = TEMPLATES / f"{template}.json"
        if not source.is_file():
            there = ", ".join(sorted(path.stem for path in TEMPLATES.glob("*.json")))
            raise Failure(f"there is no template {template!r} (there are: {there})", telephone.UNKNOWN)
        if to.exists():
            raise Failure(f"{to} is there already: move it away, or write elsewhere with --to", telephone.WRONG)
        data = json.loads(source.read_text(encoding="utf-8"))
        for trunk in data["trunks"]:
            trunk["numbers"] = number
            if "address" in trunk:
                trunk["address"] = address
            elif template == "pbx":
                trunk["allowed_addresses"] = [address.rpartition(":")[0] or address]
        data["dispatch_rules"][0]["flow"] = flow
        to.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
        secrets = sorted(
            {str(trunk[key]).strip("${}") for trunk in data["trunks"] for key in trunk if key.startswith("auth_")}
        )
        typer.echo(
            f"wrote {to}: set {' and '.join(secrets)} in the environment or .env, then `leadline sip apply {to}`"
        )


def _table(there: Plan) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for column in ("name", "way", "id", "numbers", "from / to", "credentials"):
        table.add_column(column)
    for inbound in there.inbound:
        where = ", ".join(inbound.allowed_addresses) or "[red]anywhere[/]"
        table.add_row(*_cells(inbound, "in"), where, "yes" if inbound.auth_username else "no")
    for outbound in there.outbound:
        table.add_row(*_cells(outbound, "out"), escape(outbound.address), "yes" if outbound.auth_username else "no")
    return table


def _cells(trunk: SIPInboundTrunkInfo | SIPOutboundTrunkInfo, way: str) -> tuple[str, str, str, str]:
    return escape(trunk.name), way, trunk.sip_trunk_id, escape(", ".join(trunk.numbers) or "any")


def _test_outbound(trunk: SIPOutboundTrunkInfo, as_json: bool) -> bool:
    import asyncio
    from dataclasses import asdict

    from sip.guards import of_outbound
    from sip.reach import options, transport_of

    reached = asyncio.run(options(trunk.address, transport_of(trunk.transport)))
    objections = [f"{no.wrong}; {no.fix}" for no in of_outbound(trunk)]
    if as_json:
        typer.echo(json.dumps(asdict(reached) | {"objections": objections}, indent=2))
    else:
        console = telephone.out()
        if reached.status is None:
            console.print(f"[red]✗[/] {trunk.address} ({reached.transport}): {escape(reached.wrong)}")
            console.print(f"  → {escape(reached.fix)}")
        else:
            said = f"answered OPTIONS with {reached.status} {reached.phrase} after {reached.ms} ms"
            console.print(f"[green]✓[/] {trunk.address} ({reached.transport}) {escape(said)} {escape(reached.product)}")
        for no in objections:
            console.print(f"[yellow]-[/] {escape(no)}")
        console.print(
            "[dim]This asks from here; the SIP edge may have another way out. A test call proves it: leadline call[/]"
        )
    return reached.status is not None and not objections


def _test_inbound(there: Plan, trunk: SIPInboundTrunkInfo, as_json: bool) -> bool:
    from sip.guards import of_inbound
    from sip.matching import Incoming, match

    caller = next(iter(trunk.allowed_numbers), "+12025550199")
    found = {}
    for number in list(trunk.numbers) or ["+12025550100"]:
        matched = match(there, Incoming(number, caller))
        ours = matched.trunk is not None and matched.trunk.sip_trunk_id == trunk.sip_trunk_id
        found[number] = (matched.rule.name if ours and matched.rule else "", matched.agents if ours else ())
    objections = [f"{no.wrong}; {no.fix}" for no in of_inbound(trunk)]
    if as_json:
        rules = {number: {"rule": rule, "agents": list(agents)} for number, (rule, agents) in found.items()}
        typer.echo(json.dumps({"numbers": rules, "objections": objections}, indent=2))
    else:
        console = telephone.out()
        for number, (rule, agents) in found.items():
            if rule:
                console.print(f"[green]✓[/] {number} → rule {escape(rule)} → agent {escape(', '.join(agents))}")
            else:
                console.print(
                    f"[red]✗[/] {number}: no rule of this trunk takes it; `leadline dispatch test --to {number}`"
                )
        for no in objections:
            console.print(f"[yellow]-[/] {escape(no)}")
    return all(rule for rule, _ in found.values()) and not objections
