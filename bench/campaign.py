"""`python -m bench campaign`: a whole campaign over real SIP, against a phone that takes calls in nine manners.

Room, agent, INVITE, media, bot, record: all real. The phone is a test phone that chooses its manner by the number that
is called; afterwards every attempt's outcome is compared with what the phone did.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
import yaml

from bench.edge import Edge, edge, worker
from bench.figures import conditions
from bot.caller import phone_speech
from bot.speech.audio import Pcm
from bot.speech.voice import LocalVoice, ShiftedVoice
from campaigns.breakers import DEFAULT
from campaigns.campaign_file import read_campaign
from campaigns.desk import Desk, Plan
from campaigns.dialer import Dialer
from campaigns.gate import FlowRef, GatePolicy
from campaigns.kpis import by_outcome, kpis, tried_of
from campaigns.livekit_end import LiveKitFarEnd
from campaigns.policy.rulepack import RulePack
from campaigns.policy.terms import CallerId, Hours
from campaigns.rulefiles import SHIPPED, load_packs
from sip.phone import Phone, PhoneCall, answer, busy, no_answer
from sip.phone.phone import Behaviour
from sip.routes import Route
from sip.ua.audio import tone
from sip.ua.call import CallFailed
from store import attempts, campaigns
from store.consents import Given
from store.database import opened
from store.flowfiles import load_flow, read_flow
from store.live_redis import RedisLive
from store.redis_pace import RedisPace
from store.sql_calls import SqlCalls
from store.staging import NewLead, NewPhone, Place, Staging, begin_import, finish_import

log = logging.getLogger(__name__)

OURS: Final = "+442079460999"
FILE: Final = f"""
campaign: real
purpose: telemarketing
seller: Example Software
flow: b2b-software
caller_ids: ["{OURS}"]
countries: [GB]
hours: {{mon-sun: "00:00-24:00"}}
holidays: true
limits: {{per_caller_id: 10000}}
pacing: {{concurrency: 4, cps: 2, ring: 15s, max_call: 60s, canary: 0}}
"""
METHOD: Final = (
    "leads of a campaign dialled by one dialer over real SIP and RTP, the callee a test phone whose manner goes by the "
    "number; calling hours are lifted, every other rule holds; rings out after 15 s"
)
_PLACE: Final = Place("GB", ("GB",), ("Europe/London",))
_QUIET_S: Final = 0.7
_LATE_S: Final = 1.0


async def _bot_turn(call: PhoneCall, since: float | None = None) -> float:
    await call.media.wait_speech(call.t["answer"] if since is None else since)
    return await call.media.wait_quiet(_QUIET_S, timeout=30)


async def says_one(call: PhoneCall) -> None:
    """Answers the one question with a key, and listens to the end."""
    await _bot_turn(call)
    await call.media.send_dtmf("1")


async def opts_out(call: PhoneCall) -> None:
    """Presses 9."""
    await _bot_turn(call)
    await call.media.send_dtmf("9")


async def hangs_up(call: PhoneCall) -> None:
    """Hears the first word, and has enough."""
    await call.media.wait_speech(call.t["answer"])
    await call.hangup()


@cache
def _greeting() -> Pcm:
    voice = ShiftedVoice(LocalVoice(), 1.08)
    return phone_speech(voice, "You have reached the mailbox of Ada. Please leave a message after the tone.")


@cache
def _screener() -> Pcm:
    voice = ShiftedVoice(LocalVoice(), 1.08)
    return phone_speech(voice, "If you record your name and reason for calling, I'll see if this person is available.")


async def is_screened(call: PhoneCall) -> None:
    """A service asks who calls, hears the answer, and does not put it through."""
    await call.media.say(await asyncio.to_thread(_screener))
    await _bot_turn(call, time.time())
    await call.hangup()


async def is_a_mailbox(call: PhoneCall) -> None:
    """Says its greeting, beeps, and records."""
    await call.media.say(await asyncio.to_thread(_greeting))
    await call.media.say(tone(1000, 0.4))
    await call.wait_ended(20)


@dataclass(frozen=True, slots=True)
class Manner:
    """How somebody takes a call, and what must be on record of it afterwards."""

    name: str
    take: Behaviour
    outcome: str
    disposition: str
    lead: tuple[str, str]  #: state, and why closed
    share: int  #: of twenty


MANNERS: Final = (
    Manner("answers", answer(0.2, says_one), "conversation", "qualified", ("closed", "qualified"), 5),
    Manner("is a mailbox", answer(0.2, is_a_mailbox), "voicemail", "voicemail", ("wait_retry", ""), 2),
    Manner("is busy", busy(486), "busy", "", ("wait_retry", ""), 3),
    Manner("declines", busy(603), "declined", "", ("wait_retry", ""), 2),
    Manner("rings out", no_answer(), "no_answer", "", ("wait_retry", ""), 2),
    Manner("hangs up early", answer(0.2, hangs_up), "hangup_early", "abandoned", ("wait_retry", ""), 2),
    Manner("is screened", answer(0.2, is_screened), "call_screened", "abandoned", ("wait_retry", ""), 1),
    Manner("opts out", answer(0.2, opts_out), "conversation", "opted_out", ("closed", "dnc"), 2),
    Manner("is no number", busy(404), "invalid_number", "", ("closed", "invalid_number"), 1),
)


def crowd(count: int) -> dict[str, Manner]:
    """So many numbers with their manners, mixed by share. Raises ValueError for more than there are."""
    if count > 999:
        raise ValueError("there are 999 fictional numbers to call")
    twenty = [manner for manner in MANNERS for _ in range(manner.share)]
    each = sorted(MANNERS, key=lambda manner: manner.name != "rings out")  # the one that takes longest first
    manners = [each[n] if n < len(each) else twenty[n * 7 % 20] for n in range(count)]
    return {f"+442079460{n:03}": manner for n, manner in enumerate(manners)}


def one_question(folder: Path) -> Path:
    """The shipped flow's words around a single question, which key 1 answers."""
    flow = yaml.load(read_flow("b2b-software")[0], yaml.BaseLoader)  # noqa: S506 -- every scalar stays text
    asked = {"name": "ready", "type": "yes_no", "ask": "Are you ready?", "example": "Just say yes or no."}
    slot: dict[str, Any] = {**asked, "confirm": "none", "score": [{"when": "== 'yes'", "points": 1}]}
    flow |= {"flow": "short", "slots": [slot], "rules": [], "qualified_at": 1, "recording": {"start": "off"}}
    flow |= {"greeting": {"inbound": "Hello!", "outbound": "Hello!"}, "disclose": "This is an automated assistant."}
    file = folder / "short.yaml"
    file.write_text(yaml.safe_dump(flow, sort_keys=False), encoding="utf-8")
    load_flow(file)
    return file


def lifted() -> dict[str, RulePack]:
    """The British rules without hours: the benchmark runs at any time of the day."""
    pack = load_packs(SHIPPED)["GB"]
    states = {name: rule.model_copy(update={"holidays": True}) for name, rule in pack.states.items()}
    return {"GB": pack.model_copy(update={"hours": Hours(((0, 1440),) * 7), "states": states})}


async def campaign(edge_name: str, count: int, at_once: int = 4) -> dict[str, object]:
    """Call so many leads once each."""
    async with edge(edge_name) as where, worker(where, calls_max=at_once + 2, idle_processes=4):
        found = await run_campaign(where, count, at_once)
        warned = _warnings(where.folder / "bot.log")
    return {"edge": edge_name, "at_once": at_once, **found, "warned": warned, "method": METHOD, **conditions()}


def _warnings(log: Path) -> list[str]:
    """What the worker had to say that is out of the ordinary: the last lines of it."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line[:300] for line in lines if "WARNING" in line or "ERROR" in line or "no room" in line][-20:]


async def run_campaign(where: Edge, count: int, concurrency: int = 4) -> dict[str, object]:
    """Call so many leads once each; what was rung, what was kept, and what of it is wrong."""
    people = crowd(count)
    began = time.monotonic()
    async with opened(where.at.database_url) as engine:
        await prepare(engine, list(people))
        board = Switchboard(people)
        async with (
            Phone(user="crowd", on_call=board.take) as phone,
            seated(where, engine, phone.port, concurrency) as dialer,
        ):
            await dial_all(dialer, engine, count, 30.0 + count * 15)
            errors = [repr(error) for error in phone.errors]
        seconds = round(time.monotonic() - began, 1)
        late = [await _story(engine, people, number, at) for number, at in board.heard.late]
        told = {**board.heard.told(), "late": late, "errors": errors, "seconds": seconds}
        return {**await _judged(engine, people, board.rung), **told}


async def dial_all(dialer: Dialer, engine: Any, count: int, limit_s: float) -> None:
    """Let the dialer work until so many leads were called, and end it."""
    running, until = asyncio.create_task(dialer.run()), time.monotonic() + limit_s
    while time.monotonic() < until and not running.done():
        ended = await attempts.ended_since(engine, "real", 0, limit=10_000)
        called = {row["lead"] for row in ended if row["invited_at"] is not None}
        log.warning("%d of %d leads were called", len(called), count)
        if len(called) >= count:
            break
        await asyncio.sleep(2.0)
    dialer.stop()
    await running


async def _story(engine: Any, people: Mapping[str, Manner], number: str, heard_at: float) -> str:
    """What was going on until somebody heard the first word, in seconds before that."""
    rows = await attempts.ended_since(engine, "real", 0, limit=10_000)
    calls = [row["id"] for row in rows if row["number"] == number and row["invited_at"] is not None]
    seen = [one for id_ in calls for one in await SqlCalls(engine).happenings(id_)]
    told = ", ".join(f"{one.at - heard_at:+.2f} {one.source} {one.name}" for one in seen)
    return f"{people[number].name}: {told}"


@dataclass(slots=True)
class Heard:
    """When the bot was first heard at the phone, in seconds since its 200 OK left."""

    waits: list[float] = field(default_factory=list)
    late: list[tuple[str, float]] = field(default_factory=list)  #: number, and when it heard the first word

    async def listen(self, call: PhoneCall) -> None:
        """Wait for the bot's first sound, if the call is ever answered."""
        with contextlib.suppress(TimeoutError, CallFailed):
            await call.wait_answered(20)
            answered = call.t["answer"]
            self.waits.append(await call.media.wait_speech(answered) - answered)
            if self.waits[-1] > _LATE_S:
                self.late.append((call.to_user, answered + self.waits[-1]))

    def told(self) -> dict[str, object]:
        """In ms."""
        if not self.waits:
            return {"first_heard_ms": None}
        p50, p95, most = (round(1000 * float(np.quantile(self.waits, q))) for q in (0.5, 0.95, 1.0))
        return {"first_heard_ms": {"n": len(self.waits), "p50": p50, "p95": p95, "max": most}}


@dataclass(slots=True)
class Switchboard:
    """The far end: how often whom was rung, and what they heard."""

    people: Mapping[str, Manner]
    rung: Counter[str] = field(default_factory=Counter)
    heard: Heard = field(default_factory=Heard)

    async def take(self, call: PhoneCall) -> None:
        """Take a call as whoever has that number does."""
        self.rung[call.to_user] += 1
        listening = asyncio.create_task(self.heard.listen(call), name="bench.heard")
        with contextlib.suppress(TimeoutError):  # a call that ends early says so by its outcome
            await self.people[call.to_user].take(call)
        await listening


async def prepare(engine: Any, numbers: Sequence[str]) -> None:
    """A campaign that runs, with these leads."""
    now = time.time()
    file = read_campaign(FILE, "real.yaml")
    await campaigns.put(engine, file.spec(), now, "bench")
    await campaigns.move(engine, "real", "running", now)
    begun = await begin_import(engine, "leads", "real", "sha", "list.csv", now, "bench")
    text = "Yes, automated calls are fine."
    given = Given("written", "telemarketing", "Example Software", now - 86_400, text, "web form")
    staged = [
        NewLead(n, (NewPhone(number, "mobile", _PLACE),), {"first_name": "Ada"}, external_id=f"r{n}", consent=given)
        for n, number in enumerate(numbers, 1)
    ]
    await Staging(engine, begun.id, "real").stage(staged, now)
    await finish_import(engine, begun.id, {"accepted": len(staged)}, {}, now)


@asynccontextmanager
async def seated(
    where: Edge, engine: Any, port: int, concurrency: int, abandoned_stop: float = DEFAULT.abandoned_stop
) -> AsyncIterator[Dialer]:
    """A dialer of that campaign; its trunk is the phone on this port."""
    file = read_campaign(FILE.replace("concurrency: 4", f"concurrency: {concurrency}"), "real.yaml")
    flow_file = await asyncio.to_thread(one_question, where.folder)
    flow, calls = load_flow(flow_file), SqlCalls(engine)
    await calls.keep_flow(flow.hash, flow.name, await asyncio.to_thread(flow_file.read_text))
    short = replace(DEFAULT, blocked=10**6, short_share=2.0, average_s=0.0, opted_out=2.0)  # these calls are short
    short = replace(short, abandoned_stop=abandoned_stop)
    caller = CallerId(OURS, owned=True, answered=True)
    async with where.livekit() as lk, RedisLive(where.at.redis_url) as live, RedisPace(where.at.redis_url) as pace:
        route = Route(f"127.0.0.1:{port}")
        end = LiveKitFarEnd(lk, calls, GatePolicy(), route, FlowRef(flow.name, flow.hash), time.time)
        desk = Desk(engine, end, pace, time.time, live.free, "bench-1", lifted())
        yield Dialer(desk, Plan(file, "h1", (caller,), route.address, 0, short))


async def _judged(engine: Any, people: Mapping[str, Manner], rung: Mapping[str, int]) -> dict[str, object]:
    """Compare what is kept with what the phone did."""
    from store.leads import get

    rows = await attempts.ended_since(engine, "real", 0, limit=10_000)
    tried = [tried_of(row) for row in rows]
    unsent = [row for row in rows if row["invited_at"] is None]
    rows = tuple(row for row in rows if row["invited_at"] is not None)
    first = [row["first_audio_ms"] for row in rows if row["first_audio_ms"] is not None]
    wrong = []
    for row in rows:
        manner = people[row["number"]]
        lead = (await get(engine, row["lead"])).standing
        found = (row["outcome"], row["disposition"], (lead.state, lead.closed_reason))
        if found != (manner.outcome, manner.disposition, manner.lead):
            wrong.append(f"{manner.name}: {found}, SIP {row['sip_status']} {row['sip_phrase']}")
        if row["outcome"] == "conversation" and not row["answered_at"] < (row["disclosed_at"] or 0) < row["ended_at"]:
            wrong.append(f"{manner.name}: answered at {row['answered_at']}, disclosed at {row['disclosed_at']}")
    return {
        "leads": len(people),
        "attempts": len(rows),
        "not_sent": [f"{row['outcome']}: {row['sip_phrase']}" for row in unsent],
        "first_audio_ms": {"n": len(first), "p50": median(first), "max": max(first)} if first else None,
        "rung": sum(rung.values()),
        "rung_twice": sum(n > 1 for n in rung.values()),
        "never_rung": len(people) - len(rung),
        "manners": dict(Counter(manner.name for manner in people.values())),
        "outcomes": by_outcome(tried),
        "wrong": wrong,
        "kpis": {kpi.name: kpi.value for kpi in kpis(tried, len(people))},
    }
