"""The command tree of `leadline`."""

from __future__ import annotations

import typer

from cli import (
    call,
    calls,
    calls_out,
    campaign,
    db,
    demo,
    dispatch,
    erase,
    flow,
    listen,
    retention,
    rules,
    sip,
    trunk,
    up,
    web,
    worker,
)
from cli.eval import eval_command

app = typer.Typer(no_args_is_help=True, add_completion=False, help="A phone bot that qualifies sales leads.")

up.mount(app)
calls.app.command()(calls_out.export)
calls.app.command()(calls_out.play)
app.add_typer(calls.app, name="calls")
app.add_typer(sip.app, name="sip")
app.add_typer(trunk.app, name="trunk")
app.add_typer(dispatch.app, name="dispatch")
app.add_typer(flow.app, name="flow")
app.add_typer(web.app, name="web")
app.add_typer(campaign.app, name="campaign")
app.add_typer(rules.app, name="rules")
app.add_typer(db.app, name="db")
app.add_typer(retention.app, name="retention")
app.command()(erase.erase)
app.command()(erase.audit)
app.command("eval")(eval_command)
app.command()(call.call)
app.command()(worker.worker)
app.command()(demo.demo)
app.command()(listen.listen)


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
