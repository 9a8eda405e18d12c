"""What this machine has and lacks for a local stack, each with the way to get it."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from bot.speech import weights
from cli.settings import StackSettings
from cli.stack import livekit_server, redis_server
from cli.stack.config import check_keys
from cli.stack.ports import is_free
from cli.stack.problem import StackError
from console.settings import PAGE

DISK_FREE_MIN = 2 * 1024**3  # bytes: the Go build takes 1.5 GB of cache once
PYTHON_MIN = (3, 11)


class Verdict(StrEnum):
    """How a check came out."""

    OK = "ok"
    #: Can be done without; what is lost is in the fix.
    OPTIONAL = "optional"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `leadline doctor`."""

    what: str
    verdict: Verdict
    found: str
    fix: str = ""


def examine(settings: StackSettings) -> Iterator[Finding]:
    """Yield the findings one by one; the slow one (weights are hashed) comes last."""
    yield _python()
    yield _finding("keys", lambda: _keys(settings))
    yield _finding("redis", lambda: str(redis_server.find_redis(settings.redis_server)))
    yield _livekit(settings)
    yield from _ports(settings)
    yield _disk(settings)
    yield _optional("sipp", shutil.which("sipp"), "interop tests are skipped; Debian: `apt-get install sip-tester`")
    yield _optional("baresip", _module("baresip"), "interop tests are skipped; `uv sync` brings it on Linux x86-64")
    yield _optional(
        "page", str(PAGE) if (PAGE / "index.html").is_file() else None, "calls do without; `make web` builds it"
    )
    yield _weights()


def _python() -> Finding:
    version = ".".join(str(number) for number in sys.version_info[:3])
    if sys.version_info < PYTHON_MIN:
        return Finding("python", Verdict.MISSING, version, "install Python 3.11 or later")
    return Finding("python", Verdict.OK, f"{version}, {sys.executable}")


def _keys(settings: StackSettings) -> str:
    check_keys(settings.api_key, settings.api_secret)
    return "from LIVEKIT_API_KEY and LIVEKIT_API_SECRET" if settings.api_key else "made by `leadline up`"


def _livekit(settings: StackSettings) -> Finding:
    def found() -> str:
        built = livekit_server.find_built(settings.livekit_server, settings.cache)
        if built is not None:
            return str(built)
        return f"not built yet, `leadline doctor --get` or the first start builds it with {livekit_server.find_go()[0]}"

    return _finding("livekit-server", found)


def _ports(settings: StackSettings) -> Iterator[Finding]:
    wanted = {
        "LEADLINE_SIP_PORT": (settings.sip_port, settings.sip_ip),
        "LEADLINE_LIVEKIT_PORT": (settings.livekit_port, "127.0.0.1"),
        "LEADLINE_RTC_PORT": (settings.rtc_port, "127.0.0.1"),
        "LEADLINE_REDIS_PORT": (settings.redis_port, "127.0.0.1"),
    }
    chosen = {name: place for name, place in wanted.items() if place[0] is not None}
    if not chosen:
        yield Finding("ports", Verdict.OK, "free ones are taken at each start")
    for name, (port, ip) in chosen.items():
        assert port is not None
        if is_free(port, ip):
            yield Finding("ports", Verdict.OK, f"{name}={port} is free")
        else:
            fix = f"fine if it is your own running stack; else stop that program or set {name}"
            yield Finding("ports", Verdict.OPTIONAL, f"{name}={port} is taken", fix)


def _disk(settings: StackSettings) -> Finding:
    place = next(path for path in (settings.cache_home, *settings.cache_home.parents, Path("/")) if path.exists())
    free = shutil.disk_usage(place).free
    found = f"{free / 1024**3:.1f} GB free at {place}"
    if free < DISK_FREE_MIN:
        return Finding("disk", Verdict.MISSING, found, "make room: building livekit-server once takes 2 GB")
    return Finding("disk", Verdict.OK, found)


def _weights() -> Finding:
    problems = weights.check()
    if problems:
        return Finding(
            "speech weights", Verdict.MISSING, problems[0], "choose a hosted provider, see docs/ARCHITECTURE.md"
        )
    return Finding("speech weights", Verdict.OK, "hashes fit")


def _finding(what: str, found: Callable[[], str]) -> Finding:
    """Ask, and turn a StackError into a finding."""
    try:
        return Finding(what, Verdict.OK, found())
    except StackError as error:
        return Finding(what, Verdict.MISSING, error.wrong, error.fix)


def _optional(what: str, found: str | None, fix: str) -> Finding:
    return Finding(what, Verdict.OK, found) if found else Finding(what, Verdict.OPTIONAL, "not found", fix)


def _module(name: str) -> str | None:
    spec = importlib.util.find_spec(name)
    return spec.origin if spec else None
