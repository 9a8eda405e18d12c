"""`leadline db upgrade|check|backup`: the database's schema, its health, and a copy of it while calls run."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from cli.calls import told_plainly
from cli.places import Installation, find_installation

app = typer.Typer(no_args_is_help=True, help="The database: upgrade, check, backup.")

Stack = Annotated[str | None, typer.Option("--name", "-n", help="A local stack's name; else the environment's.")]


@app.command()
def upgrade(name: Stack = None) -> None:
    """Bring the schema to the newest version. The worker does it too when it starts."""
    with told_plainly():
        before, after = asyncio.run(_upgrade(find_installation(name)))
    typer.echo(f"schema {after}, nothing to do" if before == after else f"schema {before or 'none'} → {after}")


@app.command()
def check(name: Stack = None) -> None:
    """Say what is wrong with the database and its journals, and what to do; exit code 1 if anything is. Changes nothing."""
    with told_plainly():
        found = asyncio.run(_check(find_installation(name)))
    for problem in found:
        typer.echo(problem)
    if found:
        raise typer.Exit(1)
    typer.echo("the database is well")


@app.command()
def backup(
    target: Annotated[Path, typer.Argument(help="The file to write; it is replaced when the copy is whole.")],
    name: Stack = None,
) -> None:
    """Copy the database while calls run: one consistent moment. How to restore it: docs/data.md."""
    with told_plainly():
        size = _backup(find_installation(name), target)
    typer.echo(f"{target}: {size / 1e6:.1f} MB. It holds personal data: keep it as you keep the database")


async def _upgrade(found: Installation) -> tuple[str | None, str | None]:
    from store.database import migrate, open_engine, revision

    engine = open_engine(found.database_url)
    try:
        async with engine.connect() as connection:
            before = await connection.run_sync(revision)
        await migrate(engine)
        async with engine.connect() as connection:
            return before, await connection.run_sync(revision)
    finally:
        await engine.dispose()


async def _check(found: Installation) -> list[str]:
    from store.database import existing
    from store.upkeep import problems

    async with existing(found.database_url) as engine:
        return await problems(engine, found.places.journals)


def _backup(found: Installation, target: Path) -> int:
    import sqlalchemy as sa

    from store.upkeep import BackupFailed, backup_postgres, backup_sqlite

    url = sa.make_url(found.database_url)
    if url.get_backend_name() == "postgresql":
        return backup_postgres(url, target)
    if not url.database or not Path(url.database).exists():
        raise BackupFailed(f"there is no database {url.database!r} yet")
    return backup_sqlite(url.database, target)
