"""Where a local stack, or the installation that the environment names, keeps its data outside the database."""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from pathlib import Path

from cli.settings import StackSettings
from cli.stack.problem import StackError
from cli.stack.rundir import RunDir
from cli.target import DEFAULT_STACK
from store.settings import StoreSettings
from store.traces import Places


@dataclass(frozen=True, slots=True)
class Installation:
    """A database and what belongs to it."""

    database_url: str
    places: Places


def find_installation(stack: str | None = None) -> Installation:
    """A stack named by the person wins; then what the environment or `.env` sets; then the stack `local`, if there is one.

    Raises StackError if the named stack was never started here.
    """
    rows, run_dir = StoreSettings(), (StackSettings().run_dir / (stack or DEFAULT_STACK)).resolve()
    directory = RunDir(run_dir)
    kept = directory.env()
    if stack and not kept:
        raise StackError(f"there is no stack called {stack}", f"start it with `leadline up --name {stack}`")
    if not kept or ("database_url" in rows.model_fields_set and not stack):
        return Installation(rows.database_url, Places(rows.redis_url, rows.recordings_dir, rows.journal_dir))
    places = Places(
        kept.get("LEADLINE_REDIS_URL", rows.redis_url),
        Path(kept.get("LEADLINE_RECORDINGS_DIR", run_dir / "recordings")),
        Path(kept.get("LEADLINE_JOURNAL_DIR", run_dir / "journal")),
        (directory.logs,),
    )
    return Installation(kept.get("LEADLINE_DATABASE_URL", rows.database_url), places)


def whoever_runs_this() -> str:
    """The system's name of the person at the terminal, for the audit."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
