"""Importing a list of leads while opt-outs arrive, and taking leads from it: seconds, memory, and how long each waits.

`python -m bench lists --n 100000 --json FILE`. The list is written first; its numbers are of many states, so that there are
shelves with different hours. SQLite, in a temporary folder.
"""

from __future__ import annotations

import asyncio
import csv
import json
import signal
import statistics
import sys
import tempfile
import time
from asyncio.subprocess import PIPE
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.figures import conditions
from campaigns.campaign_file import read_campaign
from campaigns.importing import Wish, import_leads
from campaigns.policy.rulepack import RulePack
from campaigns.rulefiles import load_packs
from store import campaigns
from store.database import open_calls, opened
from store.dialing import DialQueue

_CAMPAIGN: Final = """\
campaign: bench
purpose: telemarketing
seller: Example Software
flow: b2b-software
caller_ids: ["+12025550100"]
countries: [US]
"""
_CONSENT: Final = (
    "written",
    "2026-10-01",
    "web form",
    "I agree to automated calls of Example Software to this number.",
)
_HEADER: Final = (
    *("phone", "first_name", "last_name", "company", "email", "external_id", "priority"),
    *("consent_type", "consent_at", "consent_source", "consent_text", "industry"),
)
_PICKS: Final = 1000
_EVERY_S: Final = 0.1  #: between opt-outs while the list comes in


async def lists(rows: int) -> dict[str, object]:
    """Import so many rows, then take leads."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "list.csv"
        packs = load_packs()
        await asyncio.to_thread(_write, file, rows, packs)
        url = f"sqlite+aiosqlite:///{Path(folder) / 'rows.db'}"
        async with opened(url) as engine:
            imported = await _imported(engine, url, file, packs)
            shelves = len((await campaigns.counts(engine, "bench")).fresh)
            await campaigns.move(engine, "bench", "running", time.time())
            taken = await _taken(engine)
        size = Path(folder, "rows.db").stat().st_size / 1e6  # noqa: ASYNC240 -- a look at the disk
    return {"rows": rows, **imported, "shelves": shelves, "database_mb": round(size), **taken, **conditions()}


async def _imported(engine: AsyncEngine, url: str, file: Path, packs: Mapping[str, RulePack]) -> dict[str, object]:
    wish = Wish(read_campaign(_CAMPAIGN, "bench.yaml"), file, file.with_name("rejects.csv"), by="bench")
    resident, waits = _Resident(), file.with_name("waits.json")
    bot = await asyncio.create_subprocess_exec(sys.executable, "-m", "bench.lists", url, str(waits), stdout=PIPE)
    assert bot.stdout is not None
    await bot.stdout.readline()
    began = time.perf_counter()
    try:
        done = await import_leads(engine, wish, packs, time.time, resident.look)
        seconds = time.perf_counter() - began
    finally:
        bot.send_signal(signal.SIGINT)
        await bot.wait()
    took = json.loads(waits.read_text())
    return {
        "accepted": done.counts["accepted"],
        "import_s": round(seconds, 1),
        "resident_mb_by_tenth": resident.tenths(),
        "opt_outs_meanwhile": len(took),
        "opt_out_ms": _ms(took),
    }


class _Resident:
    """The process's memory while it imports."""

    def __init__(self) -> None:
        self._seen: list[float] = []
        self._process = psutil.Process()

    def look(self, *_: object) -> None:
        """Look at it now."""
        self._seen.append(self._process.memory_info().rss / 1e6)

    def tenths(self) -> list[int]:
        """Megabytes at each tenth of the import."""
        step = max(1, len(self._seen) // 10)
        return [round(size) for size in self._seen[::step]][:11]


async def _opt_outs(url: str, file: Path) -> None:
    """Opt out a number every tenth of a second until told to stop, as a bot in another process does; write down how
    long each took."""
    stop = asyncio.Event()
    waits: list[float] = []
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    async with open_calls(url) as calls:
        print("ready", flush=True)
        while not stop.is_set():
            began = time.perf_counter()
            n = len(waits)
            await calls.opt_out(f"+1202555{n % 10_000:04}", "seller", time.time(), "call", f"c{n}", "e1")
            waits.append(time.perf_counter() - began)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _EVERY_S)
    file.write_text(json.dumps(waits))  # noqa: ASYNC240 -- at the end


async def _taken(engine: AsyncEngine) -> dict[str, object]:
    """Take leads one after another, each in a transaction of its own."""
    queue, waits = DialQueue(engine), []
    for _ in range(_PICKS):
        began = time.perf_counter()
        taken = await queue.take("bench", "bench", time.time(), 3600.0)
        waits.append(time.perf_counter() - began)
        if taken is None:
            break
    return {"picks": len(waits), "pick_ms": _ms(waits)}


def _ms(waits: Sequence[float]) -> dict[str, float]:
    """Median, 95th percentile and longest, in milliseconds."""
    cuts = statistics.quantiles(waits, n=20) if len(waits) > 1 else [0.0] * 19
    return {name: round(1000 * value, 2) for name, value in (("p50", cuts[9]), ("p95", cuts[18]), ("max", max(waits)))}


def _write(file: Path, rows: int, packs: Mapping[str, RulePack]) -> None:
    """A list over all area codes of the rule pack that may be called without counsel's word."""
    states = [rule for rule in packs["US"].states.values() if not rule.acknowledge]
    codes = sorted({code for rule in states for codes in rule.area_codes.values() for code in codes})
    with file.open("w", newline="", encoding="utf-8") as opened_file:
        table = csv.writer(opened_file)
        table.writerow(_HEADER)
        for n in range(rows):
            line = n // len(codes)
            number = f"+1{codes[n % len(codes)]}{200 + line // 10_000:03}{line % 10_000:04}"
            who = ("Ada", f"Example {n}", f"Example {n} Ltd", f"ada{n}@example.com", f"crm-{n}", str(n % 101))
            table.writerow([number, *who, *_CONSENT, "retail"])


if __name__ == "__main__":
    asyncio.run(_opt_outs(sys.argv[1], Path(sys.argv[2])))
