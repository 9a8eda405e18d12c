"""The echo floor: how long sound takes from the phone to an agent that answers at once, and back.

    python -m bench.echo_floor --sip 127.0.0.1:5060 --number +12025550101 [--n 20] [--calls 8] [--json FILE]

A response time of the bot is compared as "over the floor", as the floor differs between SIP edges.
"""

import argparse
import asyncio
import json
import random
import sys
from pathlib import Path

import numpy as np

from bench.echo import NUMBER
from sip.phone import CallFailed, Phone, PhoneCall, tone
from sip.ua.message import Addr

BURST = tone(700, 0.1)
SETTLE_S = 2.0  # the jitter buffers of a fresh call shrink meanwhile
PAUSE_S = 0.5
LIMIT_S = 3.0


async def measure_call(call: PhoneCall, n: int) -> list[float]:
    """`n` times a 100 ms burst of 700 Hz: from its first packet sent to the first loud packet back, in ms.

    Raises TimeoutError when an echo does not come within 3 s."""
    found = []
    for _ in range(n):
        said = await call.media.say(BURST)
        back = await call.media.wait_speech(said.start, timeout=LIMIT_S)
        found.append((back - said.start) * 1e3)
        # Not in step with the 20 ms of the packets, or every sample would see the same phase.
        await asyncio.sleep(PAUSE_S + random.random() * 0.1)
    return found


async def measure_floor(phone: Phone, sip_addr: Addr, number: str = NUMBER, n: int = 20) -> list[float]:
    """Call the echo agent behind `number` and measure `n` round trips in ms. Raises CallFailed, TimeoutError."""
    call = await phone.call(number, sip_addr, wait=30)
    try:
        await asyncio.sleep(SETTLE_S)
        return await measure_call(call, n)
    finally:
        await call.hangup()


async def measure_together(phone: Phone, sip_addr: Addr, numbers: list[str], n: int) -> dict[str, object]:
    """Calls that start at the same moment, each to an echo agent of its own."""
    callers = [f"+120255501{40 + i}" for i in range(len(numbers))]
    calls = await asyncio.gather(
        *(phone.call(to, sip_addr, from_user=who, wait=30) for to, who in zip(numbers, callers, strict=True))
    )
    await asyncio.sleep(SETTLE_S)
    found = [ms for trips in await asyncio.gather(*(measure_call(call, n) for call in calls)) for ms in trips]
    answers = [(call.t["answer"] - call.t["invite"]) * 1e3 for call in calls]
    lost = sum(call.media.lost for call in calls)
    gaps = [gap for call in calls for gap in np.diff([p.t for p in call.media.received]) * 1e3]
    await asyncio.gather(*(call.hangup() for call in calls))
    return {
        **summary(found),
        "calls": len(calls),
        "lost": lost,
        "answer_ms": [round(min(answers)), round(max(answers))],
        "gap_ms_p99_max": [round(float(np.percentile(gaps, 99)), 1), round(float(max(gaps)), 1)],
    }


def summary(samples: list[float]) -> dict[str, object]:
    p50, p95 = np.percentile(samples, [50, 95])
    return {"n": len(samples), "p50": round(float(p50), 1), "p95": round(float(p95), 1), "max": round(max(samples), 1)}


async def _run(given: argparse.Namespace) -> dict[str, object]:
    host, _, port = given.sip.rpartition(":")
    addr = (host, int(port))
    async with Phone(user="+12025550111") as phone:
        if given.calls > 1:
            numbers = [f"{given.number[:-1]}{i}" for i in range(given.calls)]
            return await measure_together(phone, addr, numbers, given.n)
        return summary(await measure_floor(phone, addr, given.number, given.n))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.echo_floor", description="Round trip to an echo agent.")
    parser.add_argument("--sip", default="127.0.0.1:5060", help="host:port of the SIP edge")
    parser.add_argument("--number", default=NUMBER)
    parser.add_argument("--n", type=int, default=20, help="round trips (per call)")
    parser.add_argument("--calls", type=int, default=1, help="at once, to numbers that differ in the last digit")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    try:
        found = asyncio.run(_run(given))
    except (CallFailed, TimeoutError) as error:
        print(f"no echo: {error}. Is an echo agent (python -m bench.echo) in the room?", file=sys.stderr)
        return 1
    print(json.dumps(found))
    if given.json:
        given.json.write_text(json.dumps(found, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
