"""The worker: registers as agent `leadline`, keeps warm job processes, takes calls while it has room, drains on SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from http import HTTPStatus
from typing import Final

import aiohttp
from livekit import api
from livekit.agents import AgentServer, JobContext, JobProcess, JobRequest
from pydantic import ValidationError

from bot.orphans import close_orphans
from bot.providers import ProviderUnusable, check
from bot.settings import BotSettings, LiveKitSettings
from bot.speech import weights
from flows.schema import FlowError
from store.calls import StoreError
from store.database import open_calls
from store.flowfiles import load_flow
from store.settings import StoreSettings
from store.writer import replay

log = logging.getLogger("leadline.worker")

_ASK_S: Final = 3.0


class WorkerUnusable(RuntimeError):
    """The worker cannot start; the message says what to do."""


async def entry(ctx: JobContext) -> None:
    """One call. Imported late, so that the worker's parent process never loads the models."""
    from bot.job import take_call

    await take_call(ctx)


async def accept(request: JobRequest) -> None:
    """Take the call under an identity that tells one bot from another."""
    await request.accept(identity=f"bot-{request.id}", name="Leadline")


def warm(process: JobProcess) -> None:
    """Load the call's modules in an idle process: with the fork server's pages this takes milliseconds."""
    import bot.job  # noqa: F401

    os.nice(5)  # whoever carries packets comes first on a busy machine: late words are better than torn ones


def load(server: AgentServer) -> float:
    """Share of `calls_max` in use; 1.0 keeps livekit-server from offering more."""
    return min(1.0, len(server.active_jobs) / BotSettings().calls_max)


def build(settings: BotSettings, livekit: LiveKitSettings) -> AgentServer:
    """The server, with every default that bites a telephone bot set by hand (docs/ARCHITECTURE.md lists them)."""
    server = AgentServer(
        ws_url=livekit.url,
        api_key=livekit.api_key,
        api_secret=livekit.api_secret.get_secret_value(),
        preload_modules=["bot.preload", "bot.job"],
        setup_fnc=warm,
        load_fnc=load,
        load_threshold=0.999,
        num_idle_processes=settings.idle_processes,
        initialize_process_timeout=60.0,
        shutdown_process_timeout=20.0,
        job_memory_warn_mb=settings.memory_limit_mb / 2,
        job_memory_limit_mb=settings.memory_limit_mb,
        drain_timeout=settings.drain_s,
        host="127.0.0.1",
        port=settings.health_port,
        http_proxy=None,
        log_level="INFO",
    )
    server.rtc_session(entry, agent_name=settings.agent_name, on_request=accept)
    return server


async def run() -> None:
    """Serve until SIGTERM (finish the calls, limit `drain_s`) or a second signal (end at once).

    Raises:
        WorkerUnusable: wrong or missing settings, keys, weights or database.
    """
    settings, livekit = BotSettings(), LiveKitSettings()
    _check(settings, livekit)
    await _check_keys(livekit)
    await _open_store()
    server = build(settings, livekit)
    server.on("worker_registered", lambda *_: sys.stdout.write("worker ready\n") and sys.stdout.flush())
    serving = asyncio.create_task(server.run(devmode=False), name="worker.run")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: os._exit(1) if stop.is_set() else stop.set())
    stopping = asyncio.create_task(stop.wait(), name="worker.stop")
    orphans = asyncio.create_task(close_orphans(server, livekit, StoreSettings().database_url), name="worker.orphans")
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        serving.result()
        return
    log.info("draining: no new calls, %d running", len(server.active_jobs))
    with contextlib.suppress(TimeoutError):
        await server.drain(settings.drain_s)
    orphans.cancel()
    await server.aclose()
    await asyncio.gather(serving, orphans, return_exceptions=True)


def main() -> None:
    """Run the worker; what a person can mend is said in one line, with exit code 1."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for noisy in ("alembic", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        asyncio.run(run())
    except ValidationError as wrong:
        first = wrong.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        sys.exit(f"leadline: setting LEADLINE_BOT_{name} is {first['input']!r}: {first['msg']}")
    except (WorkerUnusable, ProviderUnusable, StoreError) as wrong:
        sys.exit(f"leadline: {wrong}")


def _check(settings: BotSettings, livekit: LiveKitSettings) -> None:
    if not livekit.api_key or not livekit.api_secret.get_secret_value():
        raise WorkerUnusable("LIVEKIT_API_KEY and LIVEKIT_API_SECRET are not set: take them from livekit.yaml's keys")
    if "local" in (settings.stt, settings.tts) and (problems := weights.check()):
        raise WorkerUnusable("; ".join(problems))
    for modality, choice in settings.providers().items():
        check(modality, choice)
    try:
        load_flow(settings.flow)
    except FlowError as wrong:
        raise WorkerUnusable(f"LEADLINE_BOT_FLOW: {wrong}") from None


async def _check_keys(livekit: LiveKitSettings) -> None:
    """Ask the server once whether it takes our keys: the framework would try again for minutes and never say why.

    A server that is away is no reason to stop: it may come.
    """
    timeout = aiohttp.ClientTimeout(total=_ASK_S)
    try:
        async with api.LiveKitAPI(
            livekit.url, livekit.api_key, livekit.api_secret.get_secret_value(), timeout=timeout
        ) as server:
            await server.room.list_rooms(api.ListRoomsRequest(names=["-"]))
    except api.TwirpError as refused:
        if refused.status == HTTPStatus.UNAUTHORIZED:
            raise WorkerUnusable(
                f"livekit-server at {livekit.url} does not take the keys: "
                "set LIVEKIT_API_KEY and LIVEKIT_API_SECRET to a pair from its configuration"
            ) from None
        log.warning("livekit-server at %s is not well yet (%s); trying on", livekit.url, refused.code)
    except (aiohttp.ClientError, TimeoutError) as away:
        log.warning("livekit-server at %s cannot be reached (%s); trying on", livekit.url, away or "no answer")


async def _open_store() -> None:
    """Bring the database up to date, and store what dead processes left in their journals."""
    settings = StoreSettings()
    async with open_calls(settings.database_url) as calls:
        if (done := await replay(settings.journal_dir, calls)) > 0:
            log.info("stored %d writes that had waited in the journal", done)
