"""`python -m bench dialer --sip`: the dialer dies at random moments of real calls; whom did the telephone ring twice?

Room, agent, INVITE and talk are real. A dialer is a process of its own and is killed with SIGKILL; livekit-server, the
gateway, the worker and the phone live on, as they would. INVITEs are counted where they arrive: at the phone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import sys
import time
from collections import Counter
from typing import Final

from bench.campaign import Switchboard, crowd, dial_all, one_question, prepare, seated
from bench.dialer import audit
from bench.edge import Edge, edge, worker
from bench.figures import conditions
from cli.stack.config import Endpoints
from sip.phone import Phone
from store import attempts
from store.database import opened

METHOD: Final = (
    "a dialer process over real SIP and RTP, killed with SIGKILL 0.3 to 7 s after it began to dial; at the end one more "
    "dialer, until every lead was called or its call is unknown"
)
_AT_ONCE: Final = 4
_NEVER: Final = 2.0  #: a share that no breaker reaches: this is about deaths
_LIFE_S: Final = (0.3, 7.0)
_START_S: Final = 60.0
_LAST_S: Final = 240.0
_DIALLING: Final = b"dialling\n"


async def kills_over_sip(edge_name: str, count: int, lead_count: int, seed: int) -> dict[str, object]:
    """Kill a dialer so often, let one finish, count."""
    async with edge(edge_name) as where, worker(where, calls_max=_AT_ONCE + 2, idle_processes=_AT_ONCE):
        found = await _killed(where, count, lead_count, seed)
    return {"edge": edge_name, **found, "method": METHOD, **conditions()}


async def _killed(where: Edge, count: int, lead_count: int, seed: int) -> dict[str, object]:
    rng, board = random.Random(seed), Switchboard(crowd(lead_count))
    began, met = time.monotonic(), 0
    async with opened(where.at.database_url) as engine:
        await prepare(engine, list(board.people))
        await asyncio.to_thread(one_question, where.folder)
        async with Phone(user="crowd", on_call=board.take) as phone:
            for _ in range(count):
                await _one_life(where, phone.port, rng.uniform(*_LIFE_S))
                met += len(await attempts.under_way(engine)) > 0
            async with seated(where, engine, phone.port, _AT_ONCE, _NEVER) as dialer:
                await dial_all(dialer, engine, lead_count, _LAST_S)
            errors = [repr(error) for error in phone.errors]
    seconds = round(time.monotonic() - began, 1)
    found = await _judged(where, board)
    return {
        "kills": count,
        "killed_in_calls": met,
        "leads": lead_count,
        "seconds": seconds,
        **found,
        **board.heard.told(),
        "errors": errors,
    }


async def _one_life(where: Edge, port: int, seconds: float) -> None:
    """Start a dialer, and kill it so long after it has begun to dial."""
    command = (sys.executable, "-m", "bench.campaign_kills", str(where.folder), str(port))
    env = {**os.environ, **where.at.env()}  # noqa: TID251 - the benchmark's own, with the edge's addresses
    log = where.folder / "dialers.log"
    with log.open("ab") as errors:
        child = await asyncio.create_subprocess_exec(*command, env=env, stdout=asyncio.subprocess.PIPE, stderr=errors)
    try:
        assert child.stdout is not None
        said = await asyncio.wait_for(child.stdout.readline(), _START_S)
        if said != _DIALLING:
            last = (await asyncio.to_thread(log.read_text)).strip().splitlines()[-1:]
            raise RuntimeError(f"the dialer did not start: {last}")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(child.wait(), seconds)
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()


async def _judged(where: Edge, board: Switchboard) -> dict[str, object]:
    async with opened(where.at.database_url) as engine:
        rows = await attempts.ended_since(engine, "real", 0, limit=10_000)
    sent = [row for row in rows if row["invited_at"] is not None]
    by_number = Counter(row["number"] for row in sent)
    found = await audit(where.at.database_url, [])
    wrong = [
        f"{board.people[row['number']].name}: {row['outcome']} {row['disposition']}"
        for row in sent
        if row["outcome"] not in (board.people[row["number"]].outcome, "unknown")
    ]
    return {
        "rung": board.rung.total(),
        "numbers_rung_twice": sum(n > 1 for n in board.rung.values()),
        "rung_without_a_row": sum(number not in by_number for number in board.rung),
        "invited_twice_in_rows": sum(n > 1 for n in by_number.values()),
        "unknown_and_rung": sum(row["outcome"] == "unknown" and board.rung[row["number"]] > 0 for row in sent),
        "unknown_and_not_rung": sum(row["outcome"] == "unknown" and board.rung[row["number"]] == 0 for row in sent),
        "lost_leads": found["lost_leads"],
        "attempts_open": found["attempts_open"],
        "never_rung": len(board.people) - len(board.rung),
        "outcomes": found["outcomes"],
        "not_what_the_phone_did": wrong,
    }


async def _dial(folder: str, port: int) -> None:
    """One life of a dialer, to be killed."""
    from pathlib import Path

    at = Endpoints.of(Path(folder), dict(os.environ))  # noqa: TID251 - given by the benchmark
    where = Edge("here", at, Path(folder), {})
    async with opened(at.database_url) as engine, seated(where, engine, port, _AT_ONCE, _NEVER) as dialer:
        sys.stdout.buffer.write(_DIALLING)
        sys.stdout.flush()
        await dialer.run()


if __name__ == "__main__":
    asyncio.run(_dial(sys.argv[1], int(sys.argv[2])))
