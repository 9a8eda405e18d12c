"""`python -m bench pace --cps 5`: two dialers on one database and one Redis share a trunk; is its limit kept, and used?

Dialers are processes of their own. The far end is simulated and notes when each INVITE reaches it. PostgreSQL with
`--database URL` (an empty database), else SQLite.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from bench.dialer import NOON, Stage, audit, dial, prepare, serve
from bench.figures import conditions
from campaigns.simulated import Person
from cli.stack.config import StackConfig
from cli.stack.stack import Stack
from store.redis_pace import RedisPace

_ROOT: Final = Path(__file__).resolve().parent.parent
METHOD: Final = (
    "two dialer processes, each free to place 20 calls at once, share one trunk's tokens; times are those at which "
    "INVITEs reach the simulated far end; use = INVITEs after the first / (seconds between first and last x limit)"
)


async def pace(per_second: float, seconds: float, database: str) -> dict[str, object]:
    """Let two dialers call for so long."""
    with tempfile.TemporaryDirectory(prefix="leadline-pace-") as temporary:
        folder = Path(temporary)
        url = database or f"sqlite+aiosqlite:///{folder}/calls.db"
        stage = Stage(url, folder / "exchange", time.time())
        await prepare(url, round(per_second * seconds * 1.5) + 50)
        async with Stack(StackConfig("pace", folder, parts=("redis",))) as stack:
            far = asyncio.create_task(serve(stage, lambda _: Person(rings_s=1, talks_s=60), 100.0), name="exchange")
            given = [url, str(stage.socket), str(stage.began), stack.at.redis_url, str(per_second), str(seconds)]
            dialers = [
                await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "bench.pace", f"dialer-{n}", *given, cwd=_ROOT
                )
                for n in (1, 2)
            ]
            codes = [await asyncio.wait_for(one.wait(), seconds + 120) for one in dialers]
            from bench.dialer import ExchangeElsewhere

            invited = await ExchangeElsewhere(stage.socket).invited()
            far.cancel()
            with suppress(asyncio.CancelledError):
                await far
        found = await audit(url, invited)
        shared = await _shares(url)
        return {
            "limit": per_second,
            "database": url.partition(":")[0],
            "exit_codes": codes,
            **figures([one[2] - NOON for one in invited], per_second),
            "invites_by_dialer": shared,
            **{name: found[name] for name in ("numbers_rung_twice", "lost_leads")},
            "method": METHOD,
            **conditions(),
        }


def figures(at: Sequence[float], per_second: float) -> dict[str, object]:
    """How far a limit was used and kept, from the times of INVITEs."""
    times = sorted(at)
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    most = 0
    for n, began in enumerate(times):
        most = max(most, sum(began <= other < began + 1.0 for other in times[n : n + round(per_second) * 3 + 3]))
    lasted = times[-1] - times[0]
    return {
        "invites": len(times),
        "seconds": round(lasted, 2),
        "use": round((len(times) - 1) / (lasted * per_second), 4),
        "most_in_any_second": most,
        "least_gap_ms": round(min(gaps) * 1000, 1),
    }


async def _shares(url: str) -> dict[str, int]:
    import sqlalchemy as sa

    from store.campaign_tables import attempts
    from store.database import open_engine

    engine = open_engine(url)
    try:
        async with engine.connect() as connection:
            query = sa.select(attempts.c.owner, sa.func.count()).where(attempts.c.invited_at.is_not(None))
            return {str(name): int(n) for name, n in (await connection.execute(query.group_by(attempts.c.owner))).all()}
    finally:
        await engine.dispose()


async def _dialer(given: Sequence[str]) -> None:
    owner, url, socket, began, redis, per_second, seconds = given
    async with RedisPace(redis) as tokens:
        options: dict[str, Any] = {"pace": tokens, "cps": float(per_second)}
        await dial(Stage(url, Path(socket), float(began)), owner, float(seconds), **options)


if __name__ == "__main__":
    asyncio.run(_dialer(sys.argv[1:]))
