"""`python -m bench dialer`: the dialer dies at random moments; who was rung twice, and which lead was lost?

The far end is simulated and outlives the dialers, in a process of its own: it remembers every INVITE. A dialer is a real
process on a real database, and it is killed with SIGKILL. Leads lie in Washington, where it is noon.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncEngine

from campaigns.campaign_file import read_campaign
from campaigns.desk import Desk, Plan
from campaigns.dialer import Dialer
from campaigns.policy.terms import CallerId
from campaigns.rulefiles import SHIPPED, load_packs
from campaigns.simulated import Exchange, Person, SimulatedFarEnd, by_number
from store import campaigns
from store.consents import Given
from store.database import migrate, open_engine
from store.pace import MemoryPace, Pace
from store.staging import NewLead, NewPhone, Place, Staging, begin_import, finish_import

#: Monday, 30 November 2026, 13:13 in Washington.
NOON: Final = 1_796_062_400.0
FILE: Final = """
campaign: spring
purpose: telemarketing
seller: Seller
flow: b2b-software
caller_ids: ["+12025550100"]
countries: [US]
hours: {mon-sun: "08:00-21:00"}
holidays: true
limits: {per_caller_id: 10000000}
pacing: {concurrency: 20, cps: 50, canary: 0}
"""
PACKS: Final = load_packs(SHIPPED)
PLACE: Final = Place("US", ("DC",), ("America/New_York",))
_SPEED: Final = 400.0
_LIFE_S: Final = 0.35  #: a dialer lives up to so long
#: Area codes of the Eastern time zone of one state each, so that a hundred fictional numbers of each may be called.
AREAS: Final = (
    *("202", "212", "646", "917", "718", "347", "516", "914", "845", "631", "607", "585", "716", "315", "518"),
    *("617", "857", "781", "339", "508", "774", "978", "351", "413", "201", "551", "732", "848", "908", "973", "862"),
    *("856", "609", "215", "267", "610", "484", "717", "570", "410", "443", "301", "240", "704", "919", "336", "910"),
    *("404", "470", "678", "770", "706", "912", "803", "843", "864", "860", "203", "475", "401", "603", "207", "802"),
)


def leads(count: int) -> list[NewLead]:
    """So many leads with a fictional number each. Raises ValueError when there are not so many numbers."""
    if count > len(AREAS) * 100:
        raise ValueError(f"there are {len(AREAS) * 100} fictional numbers in these area codes")
    numbers = [f"+1{AREAS[n // 100]}55501{n % 100:02}" for n in range(count)]
    text = "Yes, automated calls are fine."
    given = Given("written", "telemarketing", "Seller", NOON - 86_400 * 30, text, "web form")
    return [
        NewLead(n, (NewPhone(number, "mobile", PLACE),), {"first_name": "Ada"}, external_id=f"x{n}", consent=given)
        for n, number in enumerate(numbers, 1)
    ]


@dataclass(frozen=True, slots=True)
class Stage:
    """Where it happens."""

    url: str
    socket: Path
    began: float

    def clock(self) -> float:
        """Noon in Washington when it began."""
        return NOON + time.time() - self.began


async def prepare(url: str, count: int) -> None:
    """A campaign that runs, with so many leads."""
    engine = open_engine(url)
    try:
        await migrate(engine)
        file = read_campaign(FILE, "spring.yaml")
        await campaigns.put(engine, file.spec(), NOON, "bench")
        await campaigns.move(engine, "spring", "running", NOON)
        begun = await begin_import(engine, "leads", "spring", "sha", "list.csv", NOON, "bench")
        staged = leads(count)
        for at in range(0, count, 500):
            await Staging(engine, begun.id, "spring").stage(staged[at : at + 500], NOON)
        await finish_import(engine, begun.id, {"accepted": count}, {}, NOON)
    finally:
        await engine.dispose()


class ExchangeElsewhere:
    """`campaigns.simulated.Line` to an exchange in another process, over a Unix socket; a line of JSON each way."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def invite(self, attempt: str, number: str, ringing_s: float) -> tuple[int, str]:
        status, phrase = await self._ask("invite", attempt, number, ringing_s)
        return int(status), str(phrase)

    async def talk(self, attempt: str) -> Mapping[str, object] | None:
        found: Mapping[str, object] | None = await self._ask("talk", attempt)
        return found

    async def up(self, attempt: str) -> bool:
        return bool(await self._ask("up", attempt))

    async def hang_up(self, attempt: str) -> None:
        await self._ask("hang_up", attempt)

    async def invited(self) -> list[list[Any]]:
        """Attempt, number and time of every INVITE so far."""
        found: list[list[Any]] = await self._ask("invited")
        return found

    async def _ask(self, *what: object) -> Any:
        reader, writer = await asyncio.open_unix_connection(self._path, limit=2**26)
        try:
            writer.write(json.dumps(what).encode() + b"\n")
            return json.loads(await reader.readline())
        finally:
            writer.close()


async def serve(stage: Stage, who: Callable[[str], Person], speed: float) -> None:
    """Be the exchange, until cancelled."""
    exchange = Exchange(stage.clock, who, speed)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.CancelledError):
            if not (asked := await reader.readline()):
                return writer.close()  # whoever was about to ask has been killed
            name, *given = json.loads(asked)
            if name == "invited":
                told: object = [[one.attempt, one.number, one.at] for one in exchange.invited]
            else:
                told = await getattr(exchange, name)(*given)
            writer.write(json.dumps(told).encode() + b"\n")
            await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(answer, stage.socket)
    async with server:
        await server.serve_forever()


async def dial(
    stage: Stage, owner: str = "dialer-1", hangs_s: float = 0.0, pace: Pace | None = None, cps: float = 50
) -> str:
    """One life of a dialer, of `hangs_s` seconds or to the campaign's end; returns the campaign's state after it."""
    engine = open_engine(stage.url)
    far_end = SimulatedFarEnd(ExchangeElsewhere(stage.socket), ready_s=0.01)

    async def free() -> int:
        return 1000

    try:
        desk = Desk(engine, far_end, pace or MemoryPace(time.monotonic), stage.clock, free, owner, PACKS)
        caller = CallerId("+12025550100", owned=True, answered=True)
        plan = Plan(
            read_campaign(FILE.replace("cps: 50", f"cps: {cps:g}"), "spring.yaml"),
            "h1",
            (caller,),
            "carrier",
            0,
            _never(),
            0.01,
        )
        dialer = Dialer(desk, plan)
        running = asyncio.create_task(dialer.run())
        if hangs_s:
            await _until_quiet(engine, running, hangs_s)
            dialer.stop()
        return (await running).state
    finally:
        await engine.dispose()


async def _until_quiet(engine: AsyncEngine, running: asyncio.Task[Any], limit_s: float) -> None:
    """Until no lead is fresh and no call is up, or the time is over."""
    until = time.monotonic() + limit_s
    while time.monotonic() < until and not running.done():
        counts = (await campaigns.counts(engine, "spring")).states
        if not any(counts.get(state) for state in ("pending", "leased", "dialing", "in_call")):
            return
        await asyncio.wait({running}, timeout=0.5)


def _never() -> Any:
    """Breakers that no simulated crowd trips: this is about deaths."""
    from campaigns.breakers import DEFAULT

    return replace(
        DEFAULT, blocked=10**9, short_share=2.0, average_s=0.0, opted_out=2.0, unanswered=10**9, abandoned_stop=2.0
    )


def child(work: Callable[[], object]) -> int:
    """Fork a process that does the work and nothing else."""
    if pid := os.fork():
        return pid
    try:
        work()
    finally:
        os._exit(0)


def kills(count: int, lead_count: int, seed: int = 8) -> dict[str, object]:
    """Kill a dialer so often at random moments, then let one finish, then count. Blocking: it forks."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="leadline-kills-") as folder:
        stage = Stage(f"sqlite+aiosqlite:///{folder}/calls.db", Path(folder) / "exchange", time.time())
        asyncio.run(prepare(stage.url, lead_count))
        warm_up()
        exchange = child(lambda: asyncio.run(serve(stage, by_number, _SPEED)))
        began = time.monotonic()
        try:
            _until(stage.socket)
            lives = [_one_life(stage, rng) for _ in range(count)]
            state = asyncio.run(dial(stage, hangs_s=_enough(lead_count)))
            invited = asyncio.run(ExchangeElsewhere(stage.socket).invited())
        finally:
            os.kill(exchange, signal.SIGKILL)
            os.waitpid(exchange, 0)
        return {
            "kills": count,
            "killed_in_calls": sum(lives),
            "leads": lead_count,
            "seconds": round(time.monotonic() - began, 1),
            "state": state,
            **asyncio.run(audit(stage.url, invited)),
        }


def warm_up() -> None:
    """Load what a decision needs before anything is forked: a life of a third of a second has no time for it."""
    from datetime import UTC, datetime

    from campaigns.policy.decide import decide
    from campaigns.policy.terms import Lead, Ledger

    file = read_campaign(FILE, "spring.yaml")
    decide(Lead("+12025550123"), file.for_policy(), Ledger(), datetime.fromtimestamp(NOON, UTC), PACKS)


def _enough(lead_count: int) -> float:
    return 10.0 + lead_count / 20


def _until(path: Path) -> None:
    for _ in range(200):
        if path.exists():
            return
        time.sleep(0.02)
    raise TimeoutError("the exchange did not start")


def _one_life(stage: Stage, rng: random.Random) -> bool:
    """Start a dialer, kill it; whether attempts were under way then."""
    pid = child(lambda: asyncio.run(dial(stage)))
    time.sleep(rng.uniform(0.02, _LIFE_S))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return asyncio.run(_under_way(stage.url))


async def _under_way(url: str) -> bool:
    from store import attempts

    engine = open_engine(url)
    try:
        return bool(await attempts.under_way(engine))
    finally:
        await engine.dispose()


async def audit(url: str, invited: list[list[Any]]) -> dict[str, object]:
    """What is true afterwards of leads, attempts and INVITEs."""
    import sqlalchemy as sa

    from store.campaign_tables import attempts as table
    from store.campaign_tables import leads as lead_table
    from store.transaction import rows_of

    engine = open_engine(url)
    try:
        async with engine.connect() as connection:
            tried = await rows_of(connection, sa.select(table))
            people = await rows_of(connection, sa.select(lead_table))
    finally:
        await engine.dispose()
    kept = {row["id"]: row for row in tried}
    by_attempt, by_person = Counter(one[0] for one in invited), Counter(one[1] for one in invited)
    settled = {"pending", "wait_retry", "wait_callback", "closed"}
    return {
        "invites": len(invited),
        "double_invites_of_an_attempt": sum(n - 1 for n in by_attempt.values()),
        "numbers_rung_twice": sum(n > 1 for n in by_person.values()),
        "invites_without_a_row": sum(one[0] not in kept or kept[one[0]]["invited_at"] is None for one in invited),
        "lost_leads": sum(row["state"] not in settled for row in people),
        "attempts_open": sum(row["ended_at"] is None for row in tried),
        "never_rung": sum(row["state"] == "pending" for row in people),
        "outcomes": dict(Counter(row["outcome"] for row in tried)),
    }
