"""How many calls at once: answered, lost packets, response times, memory of a call and CPU of each part."""

from __future__ import annotations

import asyncio
import os

from bench.edge import BOT_NUMBER, CALLER, edge, floor_ms, route, worker
from bench.figures import conditions
from bench.parts import cpu_s, owned_mb, percent
from bench.script import Scripted, clips
from bench.turns import METHOD, PACE, one, report
from bot.speech.voice import LocalVoice, ShiftedVoice
from sip.phone import Phone

_IN_CALL_S = 15.0
_CPU_S = 15.0


async def capacity(edge_name: str, calls: int, rate: float = 1.0) -> dict[str, object]:
    """`calls` at once, begun `rate` a second; each goes through the whole script once."""
    spoken = clips(ShiftedVoice(LocalVoice(), PACE))
    async with edge(edge_name) as where:
        floor = await floor_ms(where)
        await route(where, BOT_NUMBER, "leadline", '{"flow": "b2b-software"}')
        async with (
            worker(where, calls_max=calls, idle_processes=calls, cpu_share=1.0) as pid,
            Phone(user=CALLER) as phone,
        ):
            await asyncio.sleep(2.0 + calls * 0.3)  # idle processes get ready

            async def later(i: int) -> Scripted:
                await asyncio.sleep(i / rate)
                return await one(phone, where, BOT_NUMBER, f"+120255501{40 + i:02d}", spoken)

            running = [asyncio.create_task(later(i)) for i in range(calls)]
            await asyncio.sleep(_IN_CALL_S + calls / rate)
            parts = {**where.pids, "worker": pid, "phones": os.getpid()}
            before = cpu_s(parts)
            await asyncio.sleep(_CPU_S)
            cpu = percent(before, cpu_s(parts), _CPU_S)
            memory = await owned_mb(pid)
            done = await asyncio.gather(*running)
        return {
            "edge": edge_name,
            "offered": calls,
            "answered": sum(call.answered for call in done),
            **report(done, floor),
            "rss_per_call_mb": memory,
            "cpu_percent_of_a_core": cpu,
            "method": f"{METHOD}; calls begun {rate:g} a second; memory is USS of each job process in a call; "
            f"CPU over {_CPU_S:g} s with every call up, each part with its children; phones are the benchmark itself",
            **conditions(),
        }
