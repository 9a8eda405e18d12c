"""Response times over whole calls, one at a time or several at once, with the echo floor of the same run."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from itertools import chain

import psutil

from bench.edge import BOT_NUMBER, CALLER, Edge, edge, floor_ms
from bench.figures import machine, summary, versions
from bench.script import SHORT, Scripted, clips, hold
from bot.speech.audio import Pcm
from bot.speech.voice import LocalVoice, ShiftedVoice
from cli.stack.config import ALL_PARTS
from sip.phone import CallFailed, Phone

METHOD = (
    "whole scripted calls to b2b-software at the phone's RTP: last loud packet sent to first loud packet received "
    "(kernel receive times, -45 dBFS); floor: median of 20 echo round trips in the same run"
)
PACE = 1.08
_IN_CALL_S = 20.0
_CPU_S = 15.0


async def turns(edge_name: str, n: int, at_once: int = 1) -> dict[str, object]:
    """Call after call, `at_once` at a time, until `n` turns are measured."""
    spoken = clips(ShiftedVoice(LocalVoice(), PACE))
    async with edge(edge_name) as where:
        floor = await floor_ms(where)
        done: list[Scripted] = []
        async with Phone(user=CALLER) as phone:
            while sum(len(call.response_ms) for call in done) < n and len(done) < n:
                callers = [f"+120255501{40 + i:02d}" for i in range(at_once)]
                pairs = [_after(2.3 * i, _one(phone, where, who, spoken)) for i, who in enumerate(callers)]
                done += await asyncio.gather(*pairs)
        return _report(where, floor, done) | {"calls_at_a_time": at_once}


async def together(edge_name: str, calls: int, rate: float = 1.0) -> dict[str, object]:
    """`calls` at once, begun `rate` a second; goes through the whole script once."""
    spoken = clips(ShiftedVoice(LocalVoice(), PACE))
    async with edge(
        edge_name, {"LEADLINE_BOT_CALLS_MAX": str(calls), "LEADLINE_BOT_IDLE_PROCESSES": str(calls)}
    ) as where:
        floor = await floor_ms(where)
        await asyncio.sleep(2.0 + calls * 0.3)  # idle processes get ready
        async with Phone(user=CALLER) as phone:

            async def later(i: int) -> Scripted:
                await asyncio.sleep(i / rate if rate else 0)
                return await _one(phone, where, f"+120255501{40 + i:02d}", spoken)

            running = [asyncio.create_task(later(i)) for i in range(calls)]
            await asyncio.sleep(_IN_CALL_S + (calls / rate if rate else 0))
            memory, began = _owned_mb(where, calls), _cpu_s(where)
            await asyncio.sleep(_CPU_S)
            cpu = {part: round((s - began[part]) / _CPU_S * 100) for part, s in _cpu_s(where).items()}
            done = await asyncio.gather(*running)
        return _report(where, floor, done) | {
            "offered": calls,
            "answered": sum(call.answered for call in done),
            "owned_mb_per_call": memory,
            "cpu_percent_of_a_core": cpu,
        }


def _cpu_s(where: Edge) -> dict[str, float]:
    """CPU seconds used so far by each part, its children included."""
    if where.stack is None:
        return {}
    used: dict[str, float] = {}
    for part in ALL_PARTS:
        if (pid := where.stack.pid(part)) is not None:
            process = psutil.Process(pid)
            used[part] = sum(float(sum(p.cpu_times()[:2])) for p in (process, *process.children(recursive=True)))
    return used


def _owned_mb(where: Edge, calls: int) -> dict[str, float]:
    """Memory that the job processes in a call own (USS, not shared with the fork server), in MB."""
    if where.stack is None or (worker := where.stack.pid("worker")) is None:
        return {}
    owned = sorted(child.memory_full_info().uss / 1e6 for child in psutil.Process(worker).children(recursive=True))
    jobs = [mb for mb in owned[-calls - 1 : -1] if mb > 15]  # the largest is the fork server, with the models
    return summary(jobs)


async def _after(seconds: float, call: Coroutine[None, None, Scripted]) -> Scripted:
    """A later start, so that callers do not speak in step."""
    await asyncio.sleep(seconds)
    return await call


async def _one(phone: Phone, where: Edge, caller: str, spoken: dict[str, Pcm]) -> Scripted:
    try:
        call = await phone.call(BOT_NUMBER, where.addr, from_user=caller, wait=30)
    except (CallFailed, TimeoutError) as failed:
        return Scripted(error=str(failed))
    return await hold(call, spoken)


def _report(where: Edge, floor: float, done: list[Scripted]) -> dict[str, object]:
    timed = list(chain.from_iterable(call.response_ms for call in done))
    everything = summary([ms for _, ms in timed])
    return {
        "edge": where.name,
        "n": len(timed),
        "floor_ms": round(floor),
        "response_ms": everything,
        "over_floor_ms": {key: everything[key] - round(floor) for key in ("p50", "p95") if key in everything},
        "short_ms": summary([ms for text, ms in timed if text in SHORT]),
        "greeting_ms": summary([call.greeting_ms for call in done if call.greeting_ms is not None]),
        "missed": sum(call.missed for call in done),
        "lost_packets": sum(call.lost for call in done),
        "errors": [call.error for call in done if call.error],
        "method": METHOD,
        "machine": machine(),
        "versions": versions(),
    }
