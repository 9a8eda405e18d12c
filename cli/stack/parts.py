"""The parts: how each is started, when it is ready, and how long it may take to start and to stop."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

from cli.stack import health
from cli.stack.config import ROOT, Endpoints, PartName, StackConfig
from cli.stack.livekit_config import derive
from cli.stack.livekit_server import provide_livekit_server
from cli.stack.progress import Progress
from cli.stack.redis_server import find_redis, redis_argv
from cli.stack.rundir import RunDir, write_private
from console.settings import ConsoleSettings

NUMBER = "+12025550100"  #: the first of sip-trunk.json
Check = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class PartSpec:
    """Everything the stack knows about one part."""

    name: PartName
    argv: list[str]
    #: Asked over and over until it is true.
    ready: Check
    where: str
    start_s_max: float
    #: Seconds between SIGTERM and SIGKILL.
    grace_s: float = 3.0
    env: dict[str, str] = field(default_factory=dict)


async def redis_part(config: StackConfig, at: Endpoints, progress: Progress) -> PartSpec:
    """Redis on its own port, with its own directory."""
    del progress
    port = _port(at.redis_url)
    directory = config.directory / "redis"
    argv = redis_argv(find_redis(config.settings.redis_server), port=port, directory=directory, durable=config.durable)
    return PartSpec("redis", argv, partial(health.redis_ready, at), at.redis_url, start_s_max=10.0)


async def livekit_part(config: StackConfig, at: Endpoints, progress: Progress, *, rtc_port: int) -> PartSpec:
    """livekit-server; builds it first if this machine has none."""
    binary = await provide_livekit_server(config.settings.livekit_server, config.settings.cache, progress)
    file = config.directory / "livekit.yaml"
    keys = (at.api_key, at.api_secret)
    text = derive(
        ROOT / "livekit.yaml", port=_port(at.livekit_url), rtc_port=rtc_port, redis_port=_port(at.redis_url), keys=keys
    )
    write_private(file, text)
    argv = [str(binary), "--config", str(file)]
    return PartSpec("livekit", argv, partial(health.livekit_ready, at), at.livekit_url, start_s_max=20.0)


async def gateway_part(config: StackConfig, at: Endpoints, progress: Progress) -> PartSpec:
    """The embedded SIP gateway; its keys travel in the environment."""
    del config, progress
    argv = [
        sys.executable, "-m", "sip.gateway", "--redis", at.redis_url, "--ws-url", at.livekit_url,
        "--ip", at.sip_ip, "--sip-port", str(at.sip_port),
    ]  # fmt: skip
    where = f"sip:{at.sip_ip}:{at.sip_port}"
    return PartSpec("gateway", argv, partial(health.gateway_ready, at), where, start_s_max=30.0)


async def worker_part(config: StackConfig, at: Endpoints, progress: Progress) -> PartSpec:
    """The bot's worker; it loads the speech models once, which takes a few seconds."""
    del at, progress
    ready = partial(health.says, RunDir(config.directory).log("worker"), health.WORKER_READY)
    argv = [sys.executable, "-m", "bot"]
    return PartSpec("worker", argv, ready, "registered as leadline", start_s_max=90.0, grace_s=8.0)


async def console_part(config: StackConfig, at: Endpoints, progress: Progress) -> PartSpec:
    """The page and its API; keys travel in the environment."""
    del progress
    ready = partial(health.says, RunDir(config.directory).log("console"), health.CONSOLE_READY)
    argv = [sys.executable, "-m", "console"]
    # Whoever talks in a browser has called the shipped trunk's first number, as a telephone would.
    env = {"LEADLINE_CONSOLE_NUMBER": ConsoleSettings().number or NUMBER}
    return PartSpec("console", argv, ready, f"http://127.0.0.1:{at.console_port}/", start_s_max=30.0, env=env)


def _port(url: str) -> int:
    return int(url.rsplit(":", 1)[1].split("/")[0])
