"""From the answer to the first word: calls that listen to the greeting and hang up."""

from __future__ import annotations

import asyncio

from bench.edge import BOT_NUMBER, CALLER, Edge, edge, floor_ms, route, worker
from bench.figures import conditions, summary
from sip.phone import CallFailed, Phone

METHOD = (
    "calls to b2b-software, one after the other: 200 OK received to first loud packet received "
    "(kernel receive times, -45 dBFS), and INVITE sent to 200 OK received"
)
_PAUSE_S = 0.3


async def greeting(edge_name: str, n: int, at_once: int = 1) -> dict[str, object]:
    """Call `n` times."""
    async with edge(edge_name) as where:
        floor = await floor_ms(where)
        await route(where, BOT_NUMBER, "leadline", '{"flow": "b2b-software"}')
        async with worker(where, calls_max=at_once + 4, idle_processes=at_once + 2), Phone(user=CALLER) as phone:
            await asyncio.sleep(2.0)
            found: list[tuple[float, float]] = []
            errors: list[str] = []
            while len(found) + len(errors) < n:
                await asyncio.gather(*(_one(phone, where, found, errors) for _ in range(at_once)))
        return {
            "edge": edge_name,
            "n": len(found),
            "floor_ms": round(floor),
            "greeting_ms": summary([greeted for greeted, _ in found]),
            "answer_ms": summary([answered for _, answered in found]),
            "errors": errors,
            "method": METHOD,
            **conditions(),
        }


async def _one(phone: Phone, where: Edge, found: list[tuple[float, float]], errors: list[str]) -> None:
    try:
        call = await phone.call(BOT_NUMBER, where.addr, wait=30)
        try:
            began = await call.media.wait_speech(call.t["answer"], timeout=10)
            found.append(((began - call.t["answer"]) * 1e3, (call.t["answer"] - call.t["invite"]) * 1e3))
        finally:
            await call.hangup()
    except (CallFailed, TimeoutError) as failed:
        errors.append(str(failed) or type(failed).__name__)
    await asyncio.sleep(_PAUSE_S)
