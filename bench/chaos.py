"""Kill what serves a call, at random moments and within the moments of a step, and see what the caller hears.

`python -m bench chaos --kills N [--target job|worker] [--edge …] --json FILE`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import psutil
from redis.asyncio import Redis

from bench.chaos_call import WANTED, Answering, place_of, wait_heard
from bench.edge import BOT_NUMBER, CALLER, Edge, edge, route, worker
from bench.figures import conditions
from sip.phone import CallFailed, Phone, PhoneCall
from store.calls import Call
from store.database import open_calls

Target: TypeAlias = Literal["job", "worker"]

_CALL_S: Final = 120.0
_HEARD_S: Final = 20.0
_TALK_S: Final = 18.0  #: about how long a call takes that nothing happens to
_STEP_S: Final = 0.25  #: after an answer was typed: its step, the save, the effects and their acknowledgements
_RECORD_S: Final = 10.0
_PER_CALL: Final = 2  #: the third death of a call is answered with an apology
DONE: Final = ("qualified", "unqualified")


@dataclass(slots=True)
class Outcome:
    """One call: dead air of each kill (None: nobody spoke again), and its row."""

    dead_air: list[float | None] = field(default_factory=list)
    row: Call | None = None
    error: str = ""
    ended_at: float | None = None

    @property
    def completed(self) -> bool:
        """All questions were asked and the record is whole."""
        return self.row is not None and self.row.disposition in DONE

    def kept(self) -> int:
        """Answers in the record that are what the caller typed."""
        return len(WANTED) - len(self.wrong())

    def wrong(self) -> dict[str, object]:
        """What is in the record instead of what the caller typed, None for nothing."""
        answers = self.row.record.get("answers") if self.row is not None else None
        values = {slot: answers.get(slot, {}).get("value") if isinstance(answers, dict) else None for slot in WANTED}
        return {slot: value for slot, value in values.items() if value != WANTED[slot]}


async def chaos(
    edge_name: str, kills: int, target: Target = "job", at_once: int = 2, seed: int = 8
) -> dict[str, object]:
    """Kill `kills` times over as many calls as that takes."""
    async with edge(edge_name) as where:
        await route(where, BOT_NUMBER, "leadline", '{"flow": "b2b-software"}')
        if target == "worker":
            at_once = 1
        async with _workers(where, 1 if target == "job" else 2, at_once) as workers:
            done = await calls_with_kills(where, kills, at_once, random.Random(seed), workers)
    return {"target": target, "edge": edge_name, **report(done), **conditions()}


async def calls_with_kills(
    where: Edge, kills: int, at_once: int, rng: random.Random, workers: Workers | None = None
) -> list[Outcome]:
    """Calls, `at_once` at a time, until `kills` were dealt: to job processes, or to whole `workers` if there are two."""
    done: list[Outcome] = []
    whole = workers if workers is not None and len(workers.pids) > 1 else None
    async with Redis.from_url(where.at.redis_url, decode_responses=True) as redis, Phone(user=CALLER) as phone:

        async def line(first: int) -> None:
            for number in range(first, 10_000, at_once):
                dealt = sum(len(outcome.dead_air) for outcome in done)
                if dealt >= kills:
                    return
                if whole is not None:
                    await whole.ready()
                count = min(kills - dealt, 1 if whole is not None else rng.randint(1, _PER_CALL))
                killer = _Killer(redis, whole, random.Random(rng.random()), count)
                done.append(await _call(phone, where, redis, killer, f"+1303555{1000 + number:04d}"))

        await asyncio.gather(*(line(first) for first in range(at_once)))
    return done


async def _call(phone: Phone, where: Edge, redis: Redis, killer: _Killer, caller: str) -> Outcome:
    outcome = Outcome()
    try:
        call = await phone.call(BOT_NUMBER, where.addr, from_user=caller, wait=30)
    except (CallFailed, TimeoutError) as failed:
        outcome.error = str(failed) or type(failed).__name__
        return outcome
    answering = Answering(redis, caller, killer.rng)
    tasks = [asyncio.create_task(answering.run(call)), asyncio.create_task(killer.run(call, answering, outcome))]
    try:
        await call.wait_ended(_CALL_S)
    except TimeoutError:
        outcome.error = "the call did not end"
        await call.hangup()
    await asyncio.wait(tasks, timeout=_HEARD_S)
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            outcome.error = outcome.error or repr(result)
    outcome.row = await row_of(where, caller)
    return outcome


async def row_of(where: Edge, caller: str) -> Call | None:
    """The row of the only call from this number, once it is over."""
    async with open_calls(where.at.database_url, migrated=True) as calls:
        for _ in range(int(_RECORD_S / 0.2)):
            found = [call for call in await calls.list(500) if call.begun.caller == caller]
            if found and found[0].ended_at is not None:
                return found[0]
            await asyncio.sleep(0.2)
    return None


@dataclass(slots=True)
class _Killer:
    """Kills what has one call, `count` times: half of them at any moment, half within a step."""

    redis: Redis
    workers: Workers | None  #: None: job processes are killed
    rng: random.Random
    count: int

    async def run(self, call: PhoneCall, answering: Answering, outcome: Outcome) -> None:
        for n in range(self.count):
            if self.rng.random() < 0.5:
                await asyncio.sleep(self.rng.uniform(0, _TALK_S / (n + 1)))
            else:
                for _ in range(self.rng.randint(1, 3)):
                    await answering.typed.wait()
                await asyncio.sleep(self.rng.uniform(0, _STEP_S))
            if (killed := await self._kill(call, answering.caller)) is None:
                return
            outcome.dead_air.append(await wait_heard(call, killed, _HEARD_S))

    async def _kill(self, call: PhoneCall, caller: str) -> float | None:
        """Kill what has the call as soon as something has; when that was."""
        while not call.ended.is_set():
            place = await place_of(self.redis, caller)
            if place is not None and place.pid and psutil.pid_exists(place.pid):
                killed = time.time()
                if self.workers is None:
                    os.kill(place.pid, signal.SIGKILL)
                else:
                    await self.workers.kill(place.pid)
                return killed
            await asyncio.sleep(0.05)
        return None


class Workers:
    """Workers that are replaced when they are killed."""

    def __init__(self, start: Callable[[], Coroutine[Any, Any, int]]) -> None:
        self._start = start
        self.pids: list[int] = []
        self._coming: asyncio.Task[None] | None = None

    async def add(self) -> None:
        """One more, and wait until it serves."""
        self.pids.append(await self._start())

    async def kill(self, job: int) -> None:
        """Kill the worker of this job process, with all its processes, as when a machine is lost; then start another."""
        parent = next(pid for pid in self.pids if any(p.pid == pid for p in psutil.Process(job).parents()))
        process = psutil.Process(parent)
        family = [process, *process.children(recursive=True)]
        for member in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        self.pids.remove(parent)
        self._coming = asyncio.create_task(self.add())

    async def ready(self) -> None:
        """Until the replacement of the last one killed serves."""
        if self._coming is not None:
            await self._coming


@asynccontextmanager
async def _workers(where: Edge, count: int, at_once: int) -> AsyncIterator[Workers]:
    async with AsyncExitStack() as running:
        numbers = iter(range(10_000))

        async def start() -> int:
            started = worker(where, name=f"bot-{next(numbers)}", calls_max=at_once + 4, idle_processes=at_once + 1)
            return await running.enter_async_context(started)

        workers = Workers(start)
        for _ in range(count):
            await workers.add()
        yield workers
        await workers.ready()


def report(done: list[Outcome]) -> dict[str, object]:
    """The figures of a run."""
    aired = [air for outcome in done for air in outcome.dead_air]
    heard = [air for air in aired if air is not None]
    calls = [outcome for outcome in done if outcome.dead_air]
    return {
        "kills": len(aired),
        "calls": len(done),
        "completed": round(sum(c.completed for c in calls) / max(1, len(calls)), 4),
        "answers_kept": round(sum(c.kept() for c in calls) / max(1, len(calls) * len(WANTED)), 4),
        "dead_air_s": _spread(heard),
        "never_heard_again": len(aired) - len(heard),
        "dispositions": dict(Counter(str(c.row.disposition if c.row is not None else "no row") for c in done)),
        "wrong": [c.wrong() for c in done if c.wrong()],
        "errors": [c.error for c in done if c.error],
        "method": "kill -9 at random: half at any moment of the call, half within 250 ms of an answer's last key; dead "
        "air from the kill to the first loud packet of the next bot at the phone (-45 dBFS, kernel receive times)",
    }


def _spread(seconds: list[float]) -> dict[str, float]:
    if not seconds:
        return {}
    p50, p95 = np.percentile(seconds, [50, 95])
    return {"p50": round(float(p50), 2), "p95": round(float(p95), 2), "max": round(max(seconds), 2)}
