"""The worker: registers as agent `leadline`, keeps warm job processes, takes calls while it has room, drains on SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any, Final

import aiohttp
import psutil
from livekit import api
from livekit.agents import AgentServer, JobContext, JobProcess, JobRequest
from pydantic import ValidationError

from bot.admission import Admission, Cost
from bot.footprint import Footprints, job_processes, processor_seconds
from bot.providers import ProviderUnusable, check
from bot.reports import keep_reports
from bot.rooms import Rooms, open_rooms
from bot.settings import BotSettings, LiveKitSettings
from bot.speech import weights
from bot.stores import Stores, open_stores
from bot.supervisor import Serving, Supervisor
from flows.schema import FlowError
from sip.redaction import log_to_stderr
from store.calls import StoreError
from store.database import open_calls
from store.flowfiles import load_flow
from store.journal import keep_reserve
from store.settings import StoreSettings
from store.writer import keep_replaying, replay

log = logging.getLogger("leadline.worker")

_ASK_S: Final = 3.0
_EXPECTED_COST: Final = 0.11  #: of a processor, for a call, until it is measured (docs/performance.md)
_APOLOGIES_S: Final = 15.0


class WorkerUnusable(RuntimeError):
    """The worker cannot start; the message says what to do."""


async def entry(ctx: JobContext) -> None:
    """One call. Imported late, so that the worker's parent process never loads the models."""
    from bot.job import take_call

    await take_call(ctx)


def warm(process: JobProcess) -> None:
    """Load the call's modules in an idle process: with the fork server's pages this takes milliseconds."""
    import bot.job  # noqa: F401

    os.nice(2)  # whoever carries packets comes first on a busy machine: late words are better than torn ones


def load(server: AgentServer) -> float:
    """Share of `calls_max` in use, so that livekit-server spreads calls, and always below its `agents.target_load` (0.7),
    above which nothing is offered: a call whose process died must get in. Admission decides, call by call."""
    return 0.5 * min(1.0, len(server.active_jobs) / BotSettings().calls_max)


def build(
    settings: BotSettings, livekit: LiveKitSettings, accept: Callable[[JobRequest], Coroutine[Any, Any, None]]
) -> AgentServer:
    """The server, with every default that bites a telephone bot set by hand (docs/ARCHITECTURE.md lists them)."""
    server = AgentServer(
        ws_url=livekit.url,
        api_key=livekit.api_key,
        api_secret=livekit.api_secret.get_secret_value(),
        # What a job process would import by itself is its own: this module, which names its entry, and how it is joined.
        preload_modules=["bot.preload", "bot.job", "bot.worker", "multiprocessing.popen_forkserver", "bot.frozen"],
        setup_fnc=warm,
        load_fnc=load,
        load_threshold=math.inf,
        num_idle_processes=settings.idle_processes,
        initialize_process_timeout=60.0,
        shutdown_process_timeout=20.0,
        job_memory_warn_mb=0,  # bot/footprint.py watches
        job_memory_limit_mb=0,
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
    async with open_stores() as stores, open_rooms(livekit, settings.agent_name) as rooms:
        await asyncio.to_thread(stores.shelf.sweep, time.time())
        await _serve(settings, livekit, stores, rooms)


async def _serve(settings: BotSettings, livekit: LiveKitSettings, stores: Stores, rooms: Rooms) -> None:
    jobs = Jobs()
    cost = Cost((os.cpu_count() or 1) * settings.cpu_share, _EXPECTED_COST)
    name = f"{socket.gethostname()}:{os.getpid()}"
    admission = Admission(jobs.ids, settings.calls_max, cost, stores.live, rooms, name)
    server = jobs.server = build(settings, livekit, admission.asked)
    server.on("worker_registered", lambda *_: sys.stdout.write("worker ready\n") and sys.stdout.flush())
    stopping = Stopping()
    serving = asyncio.create_task(server.run(devmode=False), name="worker.run")
    helpers = [
        asyncio.create_task(Supervisor(jobs.serving, rooms, stores).run(), name="worker.supervisor"),
        asyncio.create_task(admission.run(processor_seconds), name="worker.admission"),
        asyncio.create_task(Footprints(settings.memory_limit_mb).run(), name="worker.footprints"),
        asyncio.create_task(keep_replaying(stores.journal_dir, stores.calls), name="worker.journals"),
        asyncio.create_task(keep_reports(StoreSettings().redis_url, stores.calls), name="worker.reports"),
    ]
    asked = asyncio.create_task(stopping.asked.wait(), name="worker.stop")
    await asyncio.wait({serving, asked, *helpers}, return_when=asyncio.FIRST_COMPLETED)
    for task in (serving, *helpers):
        if task.done():
            task.result()
            return
    admission.closed = True
    await _drain(server, jobs, stopping, settings.drain_s)
    for task in helpers:
        task.cancel()
    await server.aclose()
    await asyncio.gather(serving, *helpers, return_exceptions=True)


async def _drain(server: AgentServer, jobs: Jobs, stopping: Stopping, limit_s: float) -> None:
    """Let running calls finish. At the limit, or when told a second time, they end with an apology."""
    log.info("draining: no new calls, %d running; they may take %.0f s", len(jobs.ids()), limit_s)
    drained = asyncio.create_task(server.drain(None), name="worker.drain")
    at_once = asyncio.create_task(stopping.at_once.wait(), name="worker.at-once")
    await asyncio.wait({drained, at_once}, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
    if not drained.done():
        log.warning("ending %d calls with an apology", len(jobs.ids()))
        await asyncio.to_thread(dismiss)
        await asyncio.wait({drained}, timeout=_APOLOGIES_S)
    for task in (drained, at_once):
        task.cancel()
    await asyncio.gather(drained, at_once, return_exceptions=True)


class Jobs:
    """The job processes of a server that is made later."""

    def __init__(self) -> None:
        self.server: AgentServer | None = None

    def serving(self) -> dict[str, Serving]:
        """What runs now, by job."""
        active = self.server.active_jobs if self.server is not None else []
        return {info.job.id: Serving(info.job.id, info.job.room.name, info.job.metadata) for info in active}

    def ids(self) -> set[str]:
        """The jobs that run now."""
        return set(self.serving())


class Stopping:
    """SIGTERM or SIGINT: `asked` at the first, `at_once` at the second; a third ends the process."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.at_once = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._told)

    def _told(self) -> None:
        if self.at_once.is_set():
            os._exit(1)
        (self.at_once if self.asked.is_set() else self.asked).set()


def dismiss() -> None:
    """Tell every job process to apologise and hang up. Idle ones just end. Blocking."""
    for job in job_processes():
        with contextlib.suppress(psutil.Error):
            job.send_signal(signal.SIGUSR1)


def main() -> None:
    """Run the worker; what a person can mend is said in one line, with exit code 1."""
    log_to_stderr()
    # The framework's watch over the event loop wakes two threads of every call 50 times a second. Set it to look.
    os.environ.setdefault("LIVEKIT_AGENTS_LOOP_BLOCK_WARN_MS", "0")  # noqa: TID251 - its only switch
    # The SDK's runtime, in each job process: with two threads for one call they mostly wake each other.
    os.environ.setdefault("TOKIO_WORKER_THREADS", "1")  # noqa: TID251 - its only switch
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
        check(modality, choice, settings.base_url(modality))
    try:
        flow = load_flow(settings.flow)
    except FlowError as wrong:
        raise WorkerUnusable(f"LEADLINE_BOT_FLOW: {wrong}") from None
    plan = flow.closing.transfer
    if plan is not None and not plan.to.startswith(("+", "sip")) and plan.to not in settings.destinations:
        log.info(
            "flow %s puts callers through to %r, which LEADLINE_BOT_DESTINATIONS does not name: they are offered a callback",
            *(flow.name, plan.to),
        )


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
    if not keep_reserve(settings.journal_dir):
        log.warning(
            "the disk of %s is nearly full: make space, or writes will wait in memory only", settings.journal_dir
        )
