"""Response times over whole calls, with the echo floor of the same run, and those of a plain LiveKit agent beside them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from itertools import chain, count

from bench.edge import BOT_NUMBER, CALLER, PLAIN_NUMBER, Edge, edge, floor_ms, fresh_caller, route, worker
from bench.figures import conditions, summary
from bench.script import SHORT, Scripted, clips, hold
from bot.speech.audio import Pcm, resample, to_float
from bot.speech.voice import LocalVoice, ShiftedVoice
from sip.phone import CallFailed, Phone
from sip.ua.audio import RATE

METHOD = (
    "whole scripted calls to b2b-software at the phone's RTP: last loud packet sent to first loud packet received "
    "(kernel receive times, -45 dBFS); floor: median of 20 echo round trips in the same run; plain: the same script "
    "said to an AgentSession with default settings, the same models and no language model, in the same run"
)
PACE = 1.08
_APART_S = 2.3  #: between the beginnings of calls, so that callers do not speak in step


async def turns(edge_name: str, n: int, at_once: int = 1, plain: int = 0, seconds: float = 3600.0) -> dict[str, object]:
    """Call after call, `at_once` at a time, until `n` turns are measured; then `plain` turns of the plain agent.

    No call is begun later than `seconds` after the first one of its kind.
    """
    spoken = clips(ShiftedVoice(LocalVoice(), PACE))
    async with edge(edge_name) as where:
        floor = await floor_ms(where)
        await route(where, BOT_NUMBER, "leadline", '{"flow": "b2b-software"}')
        async with worker(where, calls_max=at_once + 2, idle_processes=at_once):
            found = report(await _enough(where, BOT_NUMBER, n, at_once, spoken, seconds), floor)
        if plain:
            await route(where, PLAIN_NUMBER, "plain")
            async with worker(where, "bench.plain_worker"):
                beside = report(await _enough(where, PLAIN_NUMBER, plain, at_once, spoken, seconds), floor)
            found |= {"plain": beside, "ratio_p50": _ratio(found, beside)}
        return {"edge": edge_name, "calls_at_a_time": at_once, **found, "method": METHOD, **conditions()}


async def _enough(
    where: Edge, number: str, n: int, at_once: int, spoken: dict[str, Pcm], seconds: float
) -> list[Scripted]:
    """Calls until `n` turns are measured, as many calls as that have failed, or time is up."""
    done: list[Scripted] = []
    until, numbers = time.monotonic() + seconds, count()
    async with Phone(user=CALLER) as phone:

        async def caller(i: int) -> None:
            await asyncio.sleep(_APART_S * i)
            while sum(len(call.response_ms) for call in done) < n > len(done) and time.monotonic() < until:
                done.append(await one(phone, where, number, fresh_caller(next(numbers)), spoken))

        await asyncio.gather(*(caller(i) for i in range(at_once)))
    return done


async def one(phone: Phone, where: Edge, number: str, caller: str, spoken: dict[str, Pcm]) -> Scripted:
    """One whole scripted call."""
    try:
        call = await phone.call(number, where.addr, from_user=caller, wait=30)
    except (CallFailed, TimeoutError) as failed:
        await asyncio.sleep(1.0)
        return Scripted(error=str(failed) or type(failed).__name__)
    return await hold(call, spoken)


def report(done: Sequence[Scripted], floor: float) -> dict[str, object]:
    """The figures of calls, in milliseconds."""
    timed = list(chain.from_iterable(call.response_ms for call in done))
    everything = summary([ms for _, ms in timed])
    return {
        "n": len(timed),
        "calls": len(done),
        "floor_ms": round(floor),
        "response_ms": everything,
        "over_floor_ms": {key: everything[key] - round(floor) for key in ("p50", "p95") if key in everything},
        "short_ms": summary([ms for text, ms in timed if text in SHORT]),
        "by_answer": {text: summary([ms for said, ms in timed if said == text]) for text in dict(timed)},
        "greeting_ms": summary([call.greeting_ms for call in done if call.greeting_ms is not None]),
        "talked_over": sum(call.talked_over for call in done),
        "missed": sum(call.missed for call in done),
        "lost_packets": sum(call.lost for call in done),
        "errors": [_told(call) for call in done if call.error],
    }


def _told(call: Scripted) -> str:
    """The error, and the words that the phone heard before it: recognised only now, when no call needs the machine."""
    if call.given_up is None or not len(call.given_up):
        return call.error
    from bot.speech.local import RECOGNISER

    heard = RECOGNISER.transcribe(resample(to_float(call.given_up), RATE, 16_000))
    return f"{call.error}; heard: {heard.text!r}"


def _ratio(ours: dict[str, object], theirs: dict[str, object]) -> float | None:
    mine, other = ours["response_ms"], theirs["response_ms"]
    assert isinstance(mine, dict)
    assert isinstance(other, dict)
    return round(other["p50"] / mine["p50"], 2) if "p50" in mine and "p50" in other else None
