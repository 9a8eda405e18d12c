"""`leadline up|down|status|logs|doctor`: the local stack from the command line."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.settings import StackSettings
from cli.stack.problem import StackError
from cli.terminal import complain

if TYPE_CHECKING:
    from cli.stack.doctor import Finding
    from cli.stack.rundir import RunDir, RunState

# The stack itself is imported where it is used: `leadline flow …` need not wait for the LiveKit client to load.

_DETACH_S_MAX = 1200.0  # building livekit-server included
_DOWN_S_MAX = 40.0
_TAIL_EVERY_S = 0.2

Name = Annotated[str, typer.Option("--name", "-n", help="Which stack, if you run several.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


def up(
    name: Name = "local",
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Return when it is ready; stop it with `down`.")
    ] = False,
    web: Annotated[bool, typer.Option("--web", help="Serve the page to talk to the bot in a browser as well.")] = False,
    without: Annotated[
        list[str], typer.Option("--without", help="A part that you start yourself; its variables are in run/NAME/env.")
    ] = [],  # noqa: B006 -- Typer's way, never changed
) -> None:
    """Start Redis, livekit-server, the SIP gateway and the worker; Ctrl-C stops them all."""
    with told_plainly():
        settings = _settings()
        if detach:
            _up_detached(name, without, web=web)
        else:
            asyncio.run(_up(name, without, settings, web=web))


def down(name: Name = "local") -> None:
    """Stop a stack that runs in another terminal or in the background."""
    with told_plainly():
        run = _run_dir(name)
        state = run.read()
        if state is not None and state.alive():
            _end(state)
        # Whoever owned it is gone now: what it may have left is ours to end.
        run.lock()
        left = run.sweep()
        run.unlock()
        typer.echo("stopped" if state else "nothing runs here", err=state is None)
        if left:
            typer.echo(f"and {left} processes that it had left behind")


def status(name: Name = "local", as_json: AsJson = False) -> None:
    """Show the parts of a stack: where they are, whether they answer. Exit code 1 if one does not."""
    with told_plainly():
        run, state = _running(name)
        answers = asyncio.run(_ask(run, state))
        if as_json:
            typer.echo(json.dumps(dataclasses.asdict(state) | {"answers": answers}, indent=2))
        else:
            _print_status(state, answers)
        if not all(answers.values()):
            raise typer.Exit(1)


def logs(
    part: Annotated[
        str | None, typer.Argument(help="redis, livekit, gateway, worker, console or keeper; all if left out.")
    ] = None,
    name: Name = "local",
    lines: Annotated[int, typer.Option("--lines", "-l", min=0, help="How many of the last lines.")] = 40,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
) -> None:
    """Show what the parts wrote, also after they have ended."""
    with told_plainly():
        folder = _run_dir(name).logs
        files = sorted(folder.glob("*.log")) if part is None else [folder / f"{part}.log"]
        if not files or not all(file.exists() for file in files):
            there = ", ".join(sorted(file.stem for file in folder.glob("*.log"))) or "none"
            raise StackError(f"no log of {part or 'any part'} in {folder}", f"there are: {there}")
        sizes = {file: _tail(file, lines, len(files) > 1) for file in files}
        while follow:
            time.sleep(_TAIL_EVERY_S)
            sizes = {file: _more(file, size, len(files) > 1) for file, size in sizes.items()}


def doctor(
    get: Annotated[bool, typer.Option("--get", help="Get what can be got: builds livekit-server.")] = False,
    sip: Annotated[
        bool, typer.Option("--sip", help="Look at the telephone instead: LiveKit, clock, SIP edge, agent, every trunk.")
    ] = False,
    edge: Annotated[str, typer.Option("--edge", help="With --sip: host:port of the SIP edge.")] = "",
    as_json: AsJson = False,
    name: Annotated[str | None, typer.Option("--name", "-n", help="With --sip: a local stack's name.")] = None,
) -> None:
    """Say what is missing on this machine and how to get it. Exit code 1 if a call could not be made."""
    from cli.stack.doctor import Verdict, examine
    from sip.settings import SipSettingsError

    findings: list[Finding] = []

    def told(finding: Finding) -> None:
        findings.append(finding)
        if not as_json:
            sign = {"ok": "[green]✓[/]", "optional": "[yellow]-[/]", "missing": "[red]✗[/]"}[finding.verdict]
            Console().print(f"{sign} {finding.what:<15} {escape(finding.found)}", highlight=False, soft_wrap=True)
            if finding.fix:
                Console().print(f"  {'':<15} → {escape(finding.fix)}", highlight=False, soft_wrap=True)

    with told_plainly():
        if sip:
            try:
                asyncio.run(_examine_sip(name, edge, told))
            except SipSettingsError as wrong:
                raise StackError(*str(wrong).split(": ", 1)) from None
        else:
            settings = _settings()
            if get:
                asyncio.run(_get(settings))
            for finding in examine(settings):
                told(finding)
        if as_json:
            typer.echo(json.dumps([dataclasses.asdict(finding) for finding in findings], indent=2))
        if any(finding.verdict == Verdict.MISSING for finding in findings):
            raise typer.Exit(1)


async def _examine_sip(name: str | None, edge: str, told: Callable[[Finding], None]) -> None:
    from cli.stack.sip_doctor import examine_sip
    from cli.target import find_target

    target = find_target(name)
    async for finding in examine_sip(target, edge or target.sip_edge):
        told(finding)


async def _up(name: str, without: list[str], settings: StackSettings, *, web: bool) -> None:
    """Run a stack until a signal comes or a part has to be given up."""
    from cli.stack.config import ALL_PARTS, CALL_PARTS, StackConfig
    from cli.stack.progress import shown
    from cli.stack.stack import Stack

    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    if unknown := set(without) - set(ALL_PARTS):
        raise StackError(f"no part is called {', '.join(unknown)}", f"the parts are {', '.join(ALL_PARTS)}")
    parts = tuple(part for part in (ALL_PARTS if web else CALL_PARTS) if part not in without)
    console = Console()
    try:
        config = StackConfig(name, settings.run_dir, parts, durable=True, settings=settings)
        with shown(console) as progress:
            async with Stack(config, progress) as stack:
                progress.close()
                console.print(
                    f"\nCall [bold]sip:+12025550100@{stack.sip_ip}:{stack.sip_port}[/] (UDP) with any softphone."
                )
                if stack.at.console_port:
                    console.print(f"Talk to it in a browser: [bold]http://127.0.0.1:{stack.at.console_port}/[/]")
                console.print(f"Addresses and keys: {stack.at.run_dir / 'env'}. Ctrl-C or `leadline down` stops it.")
                raise StackError(await stack.failed, "mend that and start again")
    except asyncio.CancelledError:
        console.print("stopped")


def _up_detached(name: str, without: list[str], *, web: bool) -> None:
    """Start `leadline up` in the background and wait until it is ready."""
    run = _run_dir(name)
    run.logs.mkdir(parents=True, exist_ok=True)
    with run.log("up").open("wb") as log:
        options = [*(f"--without={part}" for part in without), *(["--web"] if web else [])]
        process = subprocess.Popen(  # noqa: S603 -- ourselves
            [sys.executable, "-m", "cli.main", "up", "--name", name, *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    until = time.monotonic() + _DETACH_S_MAX
    with Console().status("starting…"):
        while time.monotonic() < until:
            state = run.read()
            if state is not None and state.ready and state.pid == process.pid:
                if port := run.env().get("LEADLINE_CONSOLE_PORT"):
                    typer.echo(f"talk to it in a browser: http://127.0.0.1:{port}/")
                typer.echo(f"ready: sip:{state.sip}; `leadline status`, `leadline logs`, `leadline down`")
                return
            if process.poll() is not None:
                said = run.log("up").read_text(encoding="utf-8", errors="replace").strip().splitlines()
                typer.echo(said[-1] if said else "it ended without a word", err=True)
                raise typer.Exit(1)
            time.sleep(0.1)
    process.terminate()
    raise StackError(f"not ready within {_DETACH_S_MAX:.0f} s", f"see {run.log('up')}")


def _end(state: RunState) -> None:
    """Ask the owner of a stack to stop it and wait until it has."""
    import psutil

    try:
        owner = psutil.Process(state.pid)
        owner.terminate()
        owner.wait(_DOWN_S_MAX)
    except psutil.NoSuchProcess:
        pass
    except psutil.TimeoutExpired:
        owner.kill()  # its keeper ends the parts


async def _ask(run: RunDir, state: RunState) -> dict[str, bool]:
    """Ask each part whether it is ready, by the checks of its start."""
    from cli.stack import health
    from cli.stack.config import Endpoints

    at = Endpoints.of(run.path, run.env())
    answers = {name: part.pid is not None for name, part in state.parts.items()}
    checks = {"redis": health.redis_ready, "livekit": health.livekit_ready, "gateway": health.gateway_ready}
    for name in answers.keys() & checks.keys():
        answers[name] = answers[name] and await checks[name](at)
    return answers


async def _get(settings: StackSettings) -> None:
    from cli.stack.livekit_server import provide_livekit_server
    from cli.stack.progress import shown

    with shown(Console()) as progress:
        await provide_livekit_server(settings.livekit_server, settings.cache, progress)


def _print_status(state: RunState, answers: dict[str, bool]) -> None:
    table = Table("part", "answers", "pid", "deaths", "note")
    for name, part in state.parts.items():
        answer = "[green]yes[/]" if answers[name] else "[red]no[/]"
        table.add_row(name, answer, str(part.pid or "-"), str(part.deaths), escape(part.note))
    Console().print(table)
    Console().print(f"sip:{state.sip}   {state.livekit_url}   {state.redis_url}", highlight=False)


def _tail(file: Path, lines: int, named: bool) -> int:
    """Print a file's last lines; return its size in bytes."""
    text = file.read_bytes()
    for line in text.decode(errors="replace").splitlines()[-lines or len(text) :]:
        typer.echo(f"{file.stem:<8} {line}" if named else line)
    return len(text)


def _more(file: Path, size: int, named: bool) -> int:
    """Print the whole lines that a file has gained since it had `size` bytes; return where the next begin."""
    with file.open("rb") as grown:
        grown.seek(size)
        gained = grown.read()
    whole = gained[: gained.rfind(b"\n") + 1]
    for line in whole.decode(errors="replace").splitlines():
        typer.echo(f"{file.stem:<8} {line}" if named else line)
    return size + len(whole)


def _run_dir(name: str) -> RunDir:
    from cli.stack.rundir import RunDir

    return RunDir((_settings().run_dir / name).resolve())


def _running(name: str) -> tuple[RunDir, RunState]:
    run = _run_dir(name)
    state = run.read()
    if state is None or not state.alive():
        raise StackError(f"no stack runs in {run.path}", "start one with `leadline up`")
    return run, state


def _settings() -> StackSettings:
    try:
        return StackSettings()
    except ValidationError as error:
        first = error.errors()[0]
        field = str(first["loc"][0])
        setting = f"LEADLINE_{field.upper()}" if field in StackSettings.model_fields else field
        raise StackError(
            f"{setting} is {first['input']!r}, {first['msg']}",
            "mend it in the environment, .env or leadline.toml",
        ) from None


@contextmanager
def told_plainly() -> Iterator[None]:
    """Show a StackError as one line, and Ctrl-C as the end of the command."""
    try:
        yield
    except StackError as error:
        complain(str(error))
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
