"""What the commands about campaigns share: their options, their exit codes, and errors as one line."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from cli.stack.problem import StackError
from cli.terminal import complain
from store.calls import StoreError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

EXIT_CODES = """
Exit codes: 0 done, or nothing to do · 1 wrong file, input or state · 2 wrong usage · 3 LiveKit refuses or cannot be
reached · 4 `check`, `explain`, `validate`: the answer is no.
"""
WRONG, REFUSED, NO = 1, 3, 4

AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
By = Annotated[str, typer.Option("--by", help="Who does it, for the audit; default: your system name.")]
Stack = Annotated[
    str | None, typer.Option("--name", "-n", help="A local stack's name; else the environment's database.")
]


class Wrong(StoreError):
    """A person can mend it; the message says how."""


@contextmanager
def told_plainly() -> Iterator[None]:
    """Show what a person can mend as one line, with its exit code."""
    from pydantic import ValidationError
    from sqlalchemy.exc import OperationalError

    from campaigns.policy.rulepack import RulePackError
    from flows.yamltext import FlowError

    try:
        yield
    except (StoreError, StackError, FlowError, RulePackError, ValidationError) as wrong:
        complain(str(wrong))
        raise typer.Exit(WRONG) from None
    except OSError as wrong:
        complain(f"{wrong.filename or 'a file'}: {wrong.strerror or wrong}")
        raise typer.Exit(WRONG) from None
    except OperationalError as locked:
        complain(f"the database cannot be used: {locked.orig}; is another program holding it? Try again")
        raise typer.Exit(WRONG) from None


@asynccontextmanager
async def database(stack: str | None) -> AsyncIterator[AsyncEngine]:
    """The database of a stack, or the environment's, its schema the newest."""
    from cli.places import find_installation
    from store.database import opened

    async with opened(find_installation(stack).database_url) as engine:
        yield engine


def out() -> Console:
    """The terminal as wide as it is; a file or a pipe as wide as the lines want."""
    console = Console(highlight=False, soft_wrap=True)
    return console if console.is_terminal else Console(width=200, highlight=False, soft_wrap=True)


def print_json(data: Mapping[str, Any] | list[Any]) -> None:
    """One JSON document on stdout."""
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False, default=str))


def number_of(written: str, region: str = "US") -> str:
    """The number in full. Raises Wrong."""
    from campaigns.numbers import classify

    found = classify(written, region)
    if not found.e164:
        raise Wrong(f"{written!r} is no telephone number; write it with its country code, like +12025550134")
    return found.e164
