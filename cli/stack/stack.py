"""A whole local stack as one object: `async with Stack(StackConfig(…)) as stack:` and a phone can call it."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from cli.stack.config import Endpoints, PartName, StackConfig
from cli.stack.owner import Owner, PartEvent
from cli.stack.parts import PartSpec, console_part, gateway_part, livekit_part, redis_part, worker_part
from cli.stack.ports import pick
from cli.stack.problem import StackError
from cli.stack.progress import Progress, Silent
from cli.stack.rundir import PartState, RunDir, RunState, process_started
from cli.stack.telephony import trunks_kept

_ASK_EVERY_S = 0.05
_SERVERS = ("redis", "livekit")


class Stack:
    """Starts the parts in order, each when the one before is healthy, and stops them in reverse.

    Inside `async with`, parts that die are started again with back-off. `failed` is set, with a sentence, when one
    had to be given up. Raises StackError on entry if the stack cannot start; nothing is left running then.
    """

    def __init__(self, config: StackConfig, progress: Progress | None = None) -> None:
        self.config = config
        self.at: Endpoints
        self.failed: asyncio.Future[str]
        self._progress = progress or Silent()
        self._dir = RunDir(config.directory)
        self._state: RunState
        self._owner: Owner | None = None
        self._specs: dict[str, PartSpec] = {}
        self._exit = AsyncExitStack()
        self._exited: dict[str, PartEvent] = {}

    async def __aenter__(self) -> Self:
        self.failed = asyncio.get_running_loop().create_future()
        try:
            await self._begin()
        except BaseException:
            await self._exit.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exit.aclose()

    async def _begin(self) -> None:
        """Start everything, each step with its undoing."""
        lock = await asyncio.to_thread(self._dir.lock)
        self._dir.rotate([*self.config.parts, "keeper"])
        self._exit.callback(self._dir.unlock)
        self._exit.push_async_callback(asyncio.to_thread, self._dir.sweep)
        await asyncio.to_thread(self._dir.sweep)
        rtc_port = self._choose_endpoints()
        self._owner = Owner.begin(lock, self._dir.log("keeper"), self._heard)
        self._exit.push_async_callback(self._end_parts)
        self._owner.ended.add_done_callback(lambda _: self._fail("the keeper process was killed"))
        servers = [part for part in self.config.parts if part in _SERVERS]
        for name in servers:
            await self._start(name, rtc_port)
        if "livekit" in servers and self.config.trunk_file is not None:
            await self._exit.enter_async_context(trunks_kept(self.config, self.at))
        try:
            # The two that need servers do not need each other; both load for seconds.
            async with asyncio.TaskGroup() as together:
                for name in self.config.parts:
                    if name not in servers:
                        together.create_task(self._start(name, rtc_port))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        self._state.ready = True
        self._dir.write(self._state)

    async def _end_parts(self) -> None:
        assert self._owner is not None
        # A second Ctrl-C ends the waiting, not the stopping: the keeper has its order by then.
        await asyncio.shield(self._owner.close())

    @property
    def sip_ip(self) -> str:
        """The SIP edge's address."""
        return self.at.sip_ip

    @property
    def sip_port(self) -> int:
        """The SIP edge's UDP port."""
        return self.at.sip_port

    @property
    def livekit_url(self) -> str:
        """livekit-server, as ws://…"""
        return self.at.livekit_url

    @property
    def redis_url(self) -> str:
        """Redis, as redis://…"""
        return self.at.redis_url

    @property
    def database_url(self) -> str:
        """The database, as SQLAlchemy writes it."""
        return self.at.database_url

    @property
    def api_key(self) -> str:
        """LiveKit's API key."""
        return self.at.api_key

    @property
    def api_secret(self) -> str:
        """LiveKit's API secret."""
        return self.at.api_secret

    def env(self) -> dict[str, str]:
        """Return the variables by which a program finds this stack, keys included."""
        return {**self.at.env(), **(self.config.extra_env or {})}

    def pid(self, part: PartName) -> int | None:
        """Return the process id of a part, None while it is down."""
        return self._state.parts[part].pid

    def kill(self, part: PartName) -> None:
        """Kill a part as a crash would (SIGKILL); it is started again. Callable from any thread."""
        if (pid := self.pid(part)) is not None:
            os.kill(pid, signal.SIGKILL)

    def stop(self, part: PartName) -> None:
        """Stop a part and leave it stopped, for tests of an outage. Callable from any thread."""
        assert self._owner is not None, "inside async with only"
        self._owner.stop(part)

    def start(self, part: PartName) -> None:
        """Start a stopped part again, where it was. Callable from any thread."""
        assert self._owner is not None, "inside async with only"
        self._owner.start(self._specs[part], self.env() | self._specs[part].env, self._dir.log(part))
        self._owner.keep(part)

    def _choose_endpoints(self) -> int:
        """Choose ports and keys; return the one port that only livekit-server itself needs."""
        chosen, taken = self.config.settings, set[int]()
        redis_port = pick(chosen.redis_port, "127.0.0.1", "LEADLINE_REDIS_PORT", taken=taken)
        livekit_port = pick(chosen.livekit_port, "127.0.0.1", "LEADLINE_LIVEKIT_PORT", taken=taken)
        rtc_port = pick(chosen.rtc_port, "127.0.0.1", "LEADLINE_RTC_PORT", taken=taken)
        sip_port = pick(chosen.sip_port, chosen.sip_ip, "LEADLINE_SIP_PORT", taken=taken)
        console_port = 0
        if "console" in self.config.parts:
            console_port = pick(chosen.console_port, "127.0.0.1", "LEADLINE_CONSOLE_PORT", taken=taken)
        key, secret = self._dir.keys(self.config)
        self.at = Endpoints(
            run_dir=self.config.directory,
            sip_ip=chosen.sip_ip,
            sip_port=sip_port,
            livekit_url=f"ws://127.0.0.1:{livekit_port}",
            redis_url=f"redis://127.0.0.1:{redis_port}/0",
            database_url=chosen.database_url or f"sqlite+aiosqlite:///{self.config.directory / 'leadline.db'}",
            api_key=key,
            api_secret=secret,
            console_port=console_port,
        )
        self._dir.write_env(self.at)
        at, me = self.at, os.getpid()
        sip = f"{at.sip_ip}:{at.sip_port}"
        self._state = RunState(
            self.config.name, me, process_started(me), sip, at.livekit_url, at.redis_url, at.database_url
        )
        self._dir.write(self._state)
        return rtc_port

    async def _spec(self, name: PartName, rtc_port: int) -> PartSpec:
        match name:
            case "redis":
                return await redis_part(self.config, self.at, self._progress)
            case "livekit":
                return await livekit_part(self.config, self.at, self._progress, rtc_port=rtc_port)
            case "gateway":
                return await gateway_part(self.config, self.at, self._progress)
            case "worker":
                return await worker_part(self.config, self.at, self._progress)
            case "console":
                return await console_part(self.config, self.at, self._progress)

    async def _start(self, name: PartName, rtc_port: int) -> None:
        """Start one part and wait until it is ready, as long as its limit."""
        assert self._owner is not None
        self._progress.step(name, "starting")
        spec = self._specs[name] = await self._spec(name, rtc_port)
        self._owner.start(spec, self.env() | spec.env, self._dir.log(name))
        until = time.monotonic() + spec.start_s_max
        while not (name in self._state.parts and await spec.ready()):
            if (event := self._exited.get(name)) is not None:
                raise StackError(
                    f"{name} stopped at its start ({event.why or f'exit {event.code}'}): {self._last_words(name)}",
                    f"see {self._dir.log(name)}",
                )
            if time.monotonic() > until:
                raise StackError(
                    f"{name} was not ready within {spec.start_s_max:.0f} s: {self._last_words(name)}",
                    f"see {self._dir.log(name)}",
                )
            await asyncio.sleep(_ASK_EVERY_S)
        self._owner.keep(name)
        self._progress.done(name, spec.where)

    def _heard(self, event: PartEvent) -> None:
        """Note what the keeper says about a part."""
        part = self._state.parts.setdefault(event.name, PartState())
        part.deaths, part.note = event.deaths, event.why
        part.pid = event.pid
        part.started = process_started(event.pid) if event.pid else 0.0
        if event.event == "exited":
            self._exited[event.name] = event
        elif event.event == "given_up":
            self._fail(f"{event.name} {event.why}: {self._last_words(event.name)}; see {self._dir.log(event.name)}")
        self._dir.write(self._state)

    def _fail(self, why: str) -> None:
        if not self.failed.done():
            self.failed.set_result(why)

    def _last_words(self, name: str) -> str:
        """Return the last line that a part wrote to its log."""
        log = self._dir.log(name)
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
        return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "it said nothing")
