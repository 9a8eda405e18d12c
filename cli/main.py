"""The command tree of `leadline`: a command's module is loaded when that command is run, so that none waits for the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a command is (`module:name`, a function or a `typer.Typer`), and its line in `leadline --help`."""

    at: str
    summary: str


COMMANDS: Final[Mapping[str, Entry]] = {
    "up": Entry("cli.up:up", "Start Redis, livekit-server, the SIP gateway and the worker; Ctrl-C stops them all."),
    "down": Entry("cli.up:down", "Stop a stack that runs in another terminal or in the background."),
    "status": Entry("cli.up:status", "Show the parts of a stack: where they are, whether they answer."),
    "logs": Entry("cli.up:logs", "Show what the parts wrote, also after they have ended."),
    "doctor": Entry("cli.up:doctor", "Say what is missing on this machine and how to get it."),
    "demo": Entry(
        "cli.demo:demo",
        "Start the stack, let a simulated caller phone the bot, print the call and the lead record, stop everything.",
    ),
    "call": Entry("cli.call:call", "Call a number, hold the conversation, print the result."),
    "calls": Entry("cli.calls_tail:app", "Past calls: list, show, transcript, rca, lost, play, export, tail."),
    "test-call": Entry(
        "cli.try_call:test_call",
        "Call yourself as the campaign would: its flow, its caller ID, its trunk, its ringing.",
    ),
    "sip": Entry("cli.sip:app", "Trunks and rules as files: diff, apply, export."),
    "trunk": Entry("cli.trunk:app", "Trunks: list, show, create, update, delete, test, new."),
    "dispatch": Entry("cli.dispatch:app", "Dispatch rules: list, show, create, update, delete, test."),
    "flow": Entry("cli.flow:app", "Flow files: check, show, try out, compare, begin a new one."),
    "eval": Entry(
        "cli.eval:eval_command",
        "Let simulated callers call and print slot accuracy, task success, turns per success and pass^k.",
    ),
    "listen": Entry(
        "cli.listen:listen",
        "Run the ear on a recording: what a caller's turns are, when each ended and when that was decided.",
    ),
    "campaign": Entry(
        "cli.campaign:app",
        "Outbound campaigns: from a file and a list to calls and a report. None of this is legal advice.",
    ),
    "dialer": Entry("cli.campaign_run:dialer", "Dial every campaign that runs, until Ctrl-C."),
    "consent": Entry(
        "cli.consent:app", "Permissions to call: add, import, show, revoke. Kept for years. Not legal advice."
    ),
    "dnc": Entry("cli.dnc:app", "Numbers that must not be called: add, remove, import, registry, export, check."),
    "lead": Entry("cli.lead:app", "Leads of campaigns: show, suppress, reset."),
    "callbacks": Entry("cli.callbacks:app", "Calls that people asked for: list."),
    "rules": Entry("cli.rules:app", "Calling rules: which are installed, and what they say. Not legal advice."),
    "db": Entry("cli.db:app", "The database: upgrade, check, backup."),
    "retention": Entry("cli.retention:app", "How long recordings, transcripts, events and records are kept."),
    "erase": Entry("cli.erase:erase", "Erase everything about a number, then search everywhere for what is left."),
    "audit": Entry("cli.erase:audit", "Who erased what, and when."),
    "web": Entry("cli.web:app", "The page to talk to the bot in a browser, and who may open it."),
    "worker": Entry("cli.worker:worker", "Register with livekit-server as agent `leadline` and take calls."),
}


class Tree(TyperGroup):
    """Lists the commands by their summaries; loads the one that is run."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = {name: TyperCommand(name, help=entry.summary) for name, entry in COMMANDS.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the arguments name, loaded; a usage error for a name that is none."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, load(str(name)), rest


def load(name: str) -> Any:
    """The command behind a name of `COMMANDS`."""
    module, _, what = COMMANDS[name].at.partition(":")
    found = getattr(import_module(module), what)
    if isinstance(found, typer.Typer):
        return typer.main.get_group(found)
    alone = typer.Typer(add_completion=False)
    alone.command(name)(found)
    return typer.main.get_command(alone)


app = typer.Typer(cls=Tree, no_args_is_help=True, add_completion=False)


@app.callback()
def _about() -> None:
    """A phone bot that qualifies sales leads."""


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
