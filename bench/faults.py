"""What callers notice of a fault: `python -m bench.faults drain|overload|soak|redis|livekit|server [--n N] [--json FILE]`.

drain: SIGTERM to both workers in turn, each replaced, while `n` calls go on. overload: half as many calls again as there
is room for. soak: `n` calls in a row. redis, livekit: the server is away for `--away` seconds in the middle of `n` calls.
server: livekit-server is killed (-9) in the middle of them and started again after `--away` seconds, 0 for at once.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final, Literal

import numpy as np
import psutil
from redis.asyncio import Redis

from bench.chaos import Outcome, row_of
from bench.chaos_call import WANTED, Answering
from bench.edge import BOT_NUMBER, CALLER, Edge, edge, route, worker
from bench.figures import conditions, summary
from bench.parts import family
from bench.script import Scripted, clips
from bench.turns import PACE, one
from bot.speech.audio import Pcm
from bot.speech.voice import LocalVoice, ShiftedVoice
from cli.stack.config import StackConfig
from cli.stack.stack import Stack
from sip.phone import CallFailed, Phone, PhoneCall

_CALL_S: Final = 120.0
_END_S: Final = 15.0
_SENTENCE_S: Final = 0.6  #: pauses up to this belong to a sentence
_SETTLED_S: Final = 8.0
_REST_S: Final = 130.0
_ROUNDS: Final = 4
_NEVER: Final = -1  #: Redis' time to live of a key that stays
_FLOW: Final = '{"flow": "b2b-software"}'
_REFUSED_S: Final = 25.0


def main() -> None:
    """Run one and print its figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=("drain", "overload", "soak", "redis", "livekit", "server"))
    parser.add_argument("--n", type=int, default=8, help="calls")
    parser.add_argument("--edge", choices=("gateway", "external"), default="gateway", help="overload and soak")
    parser.add_argument("--away", type=float, default=3.0, help="redis, livekit, server: seconds")
    parser.add_argument("--empty", action="store_true", help="redis: comes back without its data")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    work: dict[str, Callable[[], Awaitable[dict[str, object]]]] = {
        "drain": lambda: drain(given.n),
        "overload": lambda: overload(given.n, given.edge),
        "soak": lambda: soak(given.n, given.edge),
        "redis": lambda: outage("redis", given.n, given.away, empty=given.empty),
        "livekit": lambda: outage("livekit", given.n, given.away, empty=False),
        "server": lambda: outage("livekit", given.n, given.away, empty=False, kill=True),
    }

    async def run() -> dict[str, object]:
        return await work[given.name]()

    text = json.dumps({"fault": given.name, **asyncio.run(run()), **conditions()}, indent=2)
    print(text)
    if given.json:
        given.json.write_text(text + "\n", encoding="utf-8")


async def drain(calls: int) -> dict[str, object]:
    """A rolling restart of two workers under load."""
    async with edge("gateway") as where, AsyncExitStack() as running:
        await route(where, BOT_NUMBER, "leadline", _FLOW)

        async def start(name: str) -> int:
            return await running.enter_async_context(worker(where, name=name, calls_max=calls, idle_processes=4))

        old = [await start("one"), await start("two")]
        talking = asyncio.create_task(_hold(where, calls))
        await asyncio.sleep(calls * 0.7 + 5)
        began, took = time.time(), []
        for n, pid in enumerate(old):
            psutil.Process(pid).send_signal(signal.SIGTERM)
            await start(f"new-{n}")
            took.append(await _gone(pid, _CALL_S) is not None)
        done = await talking
    return {**_judged(done), "restart_s": round(time.time() - began, 1), "drained": all(took)}


async def _gone(pid: int, limit_s: float) -> float | None:
    """How long a process that was told to end is still there, in seconds; None: longer than the limit."""
    began = time.time()
    while time.time() - began < limit_s:
        with contextlib.suppress(psutil.NoSuchProcess):
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                await asyncio.sleep(0.01)
                continue
        return round(time.time() - began, 2)
    return None


async def overload(room: int, edge_name: str = "gateway") -> dict[str, object]:
    """`room` calls by voice, first alone, then with half as many callers again, who redial when they are refused."""
    spoken = clips(ShiftedVoice(LocalVoice(), PACE))
    async with edge(edge_name) as where, Phone(user=CALLER) as phone:
        await route(where, BOT_NUMBER, "leadline", _FLOW)
        async with worker(where, calls_max=room, idle_processes=room, cpu_share=1.0):
            await asyncio.sleep(2 + room * 0.3)
            alone = await asyncio.gather(
                *(one(phone, where, BOT_NUMBER, f"+1202555{1700 + i}", spoken) for i in range(room))
            )
            refused: list[tuple[int, float]] = []
            together = asyncio.create_task(_together(phone, where, room, spoken))
            await asyncio.sleep(3.0)
            pressing = [asyncio.create_task(_press(where, i, refused)) for i in range(-(-room // 2))]
            loaded = await together
            for task in pressing:
                task.cancel()
            await asyncio.gather(*pressing, return_exceptions=True)
    before, under = (summary([ms for call in calls for _, ms in call.response_ms]) for calls in (alone, loaded))
    waits = [seconds for _, seconds in refused]
    return {
        "edge": edge_name,
        "room": room,
        "refused": len(refused),
        "refused_with": dict(Counter(status for status, _ in refused)),
        "refused_after_s": {"p50": round(float(np.median(waits)), 2), "max": round(max(waits), 2)} if waits else {},
        "response_ms_at_100_percent": before,
        "response_ms_at_150_percent": under,
        "admitted_unanswered": sum(not call.answered for call in (*alone, *loaded)),
    }


async def _together(phone: Phone, where: Edge, room: int, spoken: dict[str, Pcm]) -> list[Scripted]:
    return await asyncio.gather(*(one(phone, where, BOT_NUMBER, f"+1202555{1800 + i}", spoken) for i in range(room)))


async def _press(where: Edge, i: int, refused: list[tuple[int, float]]) -> None:
    async with Phone(user=f"+1202555{1900 + i}") as phone:
        until = time.time() + _REFUSED_S
        while time.time() < until:
            asked = time.time()
            try:
                call = await phone.call(BOT_NUMBER, where.addr, wait=20)
            except CallFailed as failed:
                refused.append((failed.status, time.time() - asked))
                await asyncio.sleep(1.0)
            else:
                await call.hangup()  # somebody else has hung up: there was room
                return


async def soak(calls: int, edge_name: str, at_once: int = 4) -> dict[str, object]:
    """Short calls in a row; what is left of them in processes, memory, descriptors and Redis, by rounds.

    Memory is looked at after each quarter, and at the end after a rest in which Go's collector, which comes at least
    every two minutes, has run. Keys in Redis that expire by themselves are counted apart from those that never do.
    """
    async with edge(edge_name) as where:
        await route(where, BOT_NUMBER, "leadline", _FLOW)
        async with worker(where, calls_max=at_once + 2, idle_processes=2) as pid:
            await _short_calls(where, 4 * at_once, at_once)
            rounds, failed = [await _left(where, pid, _SETTLED_S)], Counter[str]()
            for _ in range(_ROUNDS):
                failed += await _short_calls(where, calls // _ROUNDS, at_once)
                rounds.append(await _left(where, pid, _SETTLED_S))
            rested = await _left(where, pid, _REST_S)
    return {"calls": calls // _ROUNDS * _ROUNDS, "failed": dict(failed), "rounds": rounds, "rested": rested}


async def _short_calls(where: Edge, calls: int, at_once: int) -> Counter[str]:
    """Greeting, one answer by key, hang up. Returns what went wrong, and how often."""
    failed, numbers = Counter[str](), iter(range(calls))
    async with Phone(user=CALLER, keep=True) as phone:

        async def line() -> None:
            for number in numbers:
                try:
                    call = await phone.call(BOT_NUMBER, where.addr, from_user=f"+1404555{1000 + number}", wait=30)
                    await call.media.wait_speech(call.t["answer"])
                    await call.media.send_dtmf("1")
                    await asyncio.sleep(1.0)
                    await call.hangup()
                except (CallFailed, TimeoutError) as wrong:
                    failed[str(wrong) or "no greeting"] += 1

        await asyncio.gather(*(line() for _ in range(at_once)))
    return failed


async def _left(where: Edge, pid: int, settle_s: float) -> dict[str, float]:
    """Processes, memory and descriptors at rest."""
    await asyncio.sleep(settle_s)
    workers, servers = family(pid), {name: family(of) for name, of in where.pids.items()}
    async with Redis.from_url(where.at.redis_url) as redis:
        keys = [key async for key in redis.scan_iter()]
        for_ever = [key for key in keys if await redis.ttl(key) == _NEVER]
    return {
        "worker_processes": len(workers),
        "worker_parent_mb": round(workers[0].memory_full_info().uss / 1e6, 1),
        "worker_parent_fds": workers[0].num_fds(),
        "redis_keys": len(keys),
        "redis_keys_that_stay": len(for_ever),
        **{f"{name}_mb": round(sum(p.memory_full_info().uss for p in of) / 1e6, 1) for name, of in servers.items()},
        **{f"{name}_fds": sum(p.num_fds() for p in of) for name, of in servers.items()},
        **{f"{name}_threads": sum(p.num_threads() for p in of) for name, of in servers.items()},
        **{f"{name}_sockets": sum(len(p.net_connections()) for p in of) for name, of in servers.items()},
    }


async def outage(
    part: Literal["redis", "livekit"], calls: int, away_s: float, *, empty: bool, kill: bool = False
) -> dict[str, object]:
    """A server is away for some seconds in the middle of calls, and what a new call meets afterwards."""
    with tempfile.TemporaryDirectory(prefix="leadline-bench-") as folder:
        config = StackConfig("faults", Path(folder), durable=not empty, extra_env={"LEADLINE_BOT_IDLE_PROCESSES": "4"})
        async with Stack(config) as stack:
            where = Edge("gateway", stack.at, Path(folder), {})
            lines: list[PhoneCall] = []
            talking = asyncio.create_task(_hold(where, calls, lines))
            await asyncio.sleep(calls * 0.7 + 8)
            pid = stack.pid(part)
            stack.stop(part)
            if kill and pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            stopped = time.time()
            gone_s = await _gone(pid, _END_S) if pid is not None else None
            await asyncio.sleep(max(0.0, stopped + away_s - time.time()))
            stack.start(part)
            back = time.time()
            fresh = await _fresh_call(where, back)
            done = await talking
    ends = [end for outcome in done if (end := outcome.ended_at) is not None]
    return {
        "away_s": round(back - stopped, 1),
        "empty": empty,
        **_judged(done),
        "gone_after_s": gone_s,
        "bot_fell_silent_s_after_it_was_gone": [_fell_silent(call, stopped) for call in lines],
        "next_sentence_s_after_it_is_back": [_next_sentence(call, back) for call in lines],
        "next_actions": dict(Counter(str(o.row.record.get("next_action")) for o in done if o.row is not None)),
        "ended_after_s": sorted(round(end - stopped, 1) for end in ends if end > stopped)[:calls],
        "new_call_answered_s_after_it_is_back": fresh,
    }


def _fell_silent(call: PhoneCall, gone: float) -> float:
    """When the words ended that the phone was hearing, or had heard last, when the server went; before it went: negative."""
    heard = [words.end for words in call.media.speech(bridge=_SENTENCE_S) if words.start <= gone]
    return round(max(heard, default=gone) - gone, 1)


def _next_sentence(call: PhoneCall, back: float) -> float | None:
    """When the phone heard words begin after the server's return; None when it heard none."""
    begun = [words.start for words in call.media.speech(bridge=_SENTENCE_S) if words.start > back]
    return round(min(begun) - back, 1) if begun else None


async def _fresh_call(where: Edge, back: float) -> float | None:
    """Call until a call is answered; how long after the server's return that was."""
    async with Phone(user="+14045550100") as phone:
        while time.time() - back < 60:
            with contextlib.suppress(CallFailed, TimeoutError):
                call = await phone.call(BOT_NUMBER, where.addr, wait=3)
                answered = time.time()
                await call.hangup()
                return round(answered - back, 1)
            await asyncio.sleep(0.2)
    return None


async def _hold(where: Edge, calls: int, lines: list[PhoneCall] | None = None) -> list[Outcome]:
    """`calls` whole calls by keys, begun 0.7 s apart; those that were answered are put into `lines`."""
    async with Redis.from_url(where.at.redis_url, decode_responses=True) as redis, Phone(user=CALLER) as phone:

        async def caller(i: int) -> Outcome:
            await asyncio.sleep(i * 0.7)
            outcome, number = Outcome(), f"+1303555{1000 + i:04d}"
            try:
                call = await phone.call(BOT_NUMBER, where.addr, from_user=number, wait=30)
            except (CallFailed, TimeoutError) as failed:
                outcome.error = str(failed) or type(failed).__name__
                return outcome
            if lines is not None:
                lines.append(call)
            async with _answering(Answering(redis, number, random.Random(i)).run(call)):
                try:
                    await call.wait_ended(_CALL_S)
                except TimeoutError:
                    outcome.error = "the call did not end"
                    await call.hangup()
            outcome.ended_at = call.t.get("end")
            outcome.row = await row_of(where, number)
            return outcome

        return list(await asyncio.gather(*(caller(i) for i in range(calls))))


@asynccontextmanager
async def _answering(work: Awaitable[None]) -> AsyncIterator[None]:
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _judged(done: list[Outcome]) -> dict[str, object]:
    return {
        "calls": len(done),
        "completed": sum(outcome.completed for outcome in done),
        "answers_kept": round(sum(o.kept() for o in done) / max(1, len(done) * len(WANTED)), 4),
        "dispositions": dict(Counter(str(o.row.disposition if o.row is not None else "no row") for o in done)),
        "wrong": [o.wrong() for o in done if o.wrong()],
        "errors": [o.error for o in done if o.error],
    }


if __name__ == "__main__":
    main()
