"""`leadline web`: the page to talk to the bot in a browser, beside a stack that runs; `leadline web login` lets people in."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from cli.stack.problem import StackError
from cli.up import told_plainly

app = typer.Typer(help="The page to talk to the bot in a browser, and who may open it.")


@app.callback(invoke_without_command=True)
def web(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Option("--name", "-n", help="A local stack's name; else the environment's LiveKit.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="The address to listen on; any but loopback needs logins.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535)] = None,
) -> None:
    """Serve the page until Ctrl-C. `leadline up --web` does this together with everything else."""
    if context.invoked_subcommand is not None:
        return
    with told_plainly():
        chosen = _stack(name)
        if host is not None:
            chosen["LEADLINE_CONSOLE_HOST"] = host
        if port is not None:
            chosen["LEADLINE_CONSOLE_PORT"] = str(port)
        environment = {**os.environ, **chosen}  # noqa: TID251 -- handed on, not read
        os.execve(sys.executable, [sys.executable, "-m", "console"], environment)  # noqa: S606 -- ourselves


@app.command()
def login(
    name: Annotated[str, typer.Argument(help="Whom to let in.")],
    role: Annotated[
        str, typer.Option(help="operator: sees every call; visitor: talks to the bot and sees those calls only.")
    ] = "operator",
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="Else LEADLINE_CONSOLE_LOGINS, or logins in this folder.")
    ] = None,
) -> None:
    """Give somebody a password, or a new one, which ends their sessions. Restart the console to use it."""
    from console.logins import ROLES, LoginsUnusable, line_of, put_line
    from console.settings import ConsoleSettings

    with told_plainly():
        chosen = next((known for known in ROLES if known == role), None)
        if chosen is None:
            raise StackError(f"there is no role {role}", f"the roles are {' and '.join(ROLES)}")
        place = file or ConsoleSettings().logins or Path("logins")
        password = typer.prompt(f"Password for {name}", hide_input=True, confirmation_prompt=True)
        try:
            put_line(place, line_of(name, chosen, password))
        except LoginsUnusable as wrong:
            raise StackError(str(wrong), "try again") from None
        typer.echo(f"{name} may come in as {role}; start the console with LEADLINE_CONSOLE_LOGINS={place.resolve()}")


def _stack(name: str | None) -> dict[str, str]:
    """The variables of a local stack: the one named, or `local` where the environment names no LiveKit."""
    from cli.settings import StackSettings
    from cli.stack.rundir import RunDir
    from cli.target import DEFAULT_STACK
    from sip.settings import SipSettings

    if name is None and SipSettings().api_key:
        return {}
    run = RunDir((StackSettings().run_dir / (name or DEFAULT_STACK)).resolve())
    kept, state = run.env(), run.read()
    if state is None or not state.alive() or not kept:
        raise StackError(
            f"no stack runs in {run.path}", "start one with `leadline up`, or both with `leadline up --web`"
        )
    kept.pop("LEADLINE_CONSOLE_PORT", None)  # that of the stack's own console
    return kept
