"""Are the answers right? Simulated spoken calls with phrases and voices that nothing was tuned on, over real SIP."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from bench.edge import BOT_NUMBER, Edge, edge, route, worker
from bench.figures import machine, versions
from bot.caller import Heard, Persona, SimulatedCaller
from bot.speech.local import RECOGNISER, VOICE
from bot.speech.voice import ShiftedVoice
from sip.phone import CallFailed, Phone
from store.database import open_calls
from store.flowfiles import load_flow

#: What may be said and what it must come to. Written for scoring only.
PHRASES: Mapping[str, tuple[tuple[str, object], ...]] = {
    "good_time": (
        ("Sure, go ahead.", "yes"),
        ("Yes, now is fine.", "yes"),
        ("Yep, I can talk.", "yes"),
        ("That works for me.", "yes"),
    ),
    "company_size": (
        ("I'd say a hundred and twenty.", [120, 120]),
        ("We have forty five employees.", [45, 45]),
        ("Somewhere between thirty and forty.", [30, 40]),
        ("Just the two of us.", [2, 2]),
        ("Roughly three hundred people.", [300, 300]),
        ("Eighteen.", [18, 18]),
        ("It's a team of sixty two.", [62, 62]),
    ),
    "budget": (
        ("We can spend two thousand dollars a month.", [2000, 2000, "month"]),
        ("Maybe ten thousand a year.", [10000, 10000, "year"]),
        ("Between five and six hundred dollars a month.", [500, 600, "month"]),
        ("Twelve hundred a month.", [1200, 1200, "month"]),
        ("About four hundred dollars per month.", [400, 400, "month"]),
        ("Twenty five thousand dollars per year.", [25000, 25000, "year"]),
    ),
    "timeline": (
        ("As soon as we can.", "asap"),
        ("In about six weeks.", "1-3m"),
        ("Probably in four or five months.", "3-6m"),
        ("Not this year, maybe in nine months.", "6m+"),
        ("Right away.", "asap"),
        ("In two months or so.", "1-3m"),
    ),
    "decision_maker": (
        ("Yes, that's me.", "yes"),
        ("No, that would be my manager.", "no"),
        ("I do, yes.", "yes"),
        ("No, my partner decides.", "no"),
    ),
}
PACES = (0.93, 1.06, 1.14)
_NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_CALL_S_MAX = 180.0
_RECORD_S_MAX = 10.0


@dataclass(frozen=True, slots=True)
class Score:
    """One call, judged."""

    right: Mapping[str, bool]
    got: Mapping[str, object]
    wanted: Mapping[str, object]
    disposition: str = ""
    error: str = ""
    said: Mapping[str, str] = field(default_factory=dict)
    heard: tuple[str, ...] = ()  #: both sides, as the simulated caller heard them


async def slots(edge_name: str, calls: int = 40, at_once: int = 3, first: int = 0) -> dict[str, object]:
    """Hold `calls` conversations and compare every answer kept with what the caller meant."""
    gate = asyncio.Semaphore(at_once)
    async with (
        edge(edge_name) as where,
        worker(where, calls_max=at_once + 1, idle_processes=at_once),
        Phone(user="+12025550142") as phone,
    ):
        await route(where, BOT_NUMBER, "leadline", '{"flow": "b2b-software"}')

        async def one(i: int) -> Score:
            async with gate:
                return await _call(phone, where, i)

        scores = await asyncio.gather(*(one(i) for i in range(first, first + calls)))
    return _report(where.name, scores)


async def _call(phone: Phone, where: Edge, i: int) -> Score:
    rng = random.Random(i)
    wanted: dict[str, object] = {}
    said: dict[str, str] = {}
    for slot, choices in PHRASES.items():
        said[slot], wanted[slot] = rng.choice(choices)
    digits = f"20255501{rng.randrange(100):02d}"
    wanted["phone"], said["phone"] = f"+1{digits}", _spoken(digits)
    persona = Persona("scored", {slot: (text,) for slot, text in said.items()}, truth={"phone": digits})
    flow = load_flow("b2b-software")
    caller = SimulatedCaller(persona, ShiftedVoice(VOICE, rng.choice(PACES)), RECOGNISER, Heard(flow, {}))
    number = f"+1303555{100 + i:04d}"
    try:
        call = await phone.call(BOT_NUMBER, where.addr, from_user=number, wait=30)
        await asyncio.wait_for(caller.talk(call), _CALL_S_MAX)
        await call.hangup()
    except (CallFailed, TimeoutError) as failed:
        return Score(dict.fromkeys(wanted, False), {}, wanted, error=str(failed) or type(failed).__name__, said=said)
    score = await _judge(where, number, wanted, said)
    return replace(score, heard=tuple(f"{line.who}: {line.text}" for line in caller.lines))


async def _judge(where: Edge, number: str, wanted: Mapping[str, object], said: Mapping[str, str]) -> Score:
    async with open_calls(where.at.database_url) as calls:
        for _ in range(int(_RECORD_S_MAX / 0.2)):
            found = next((c for c in await calls.list(200) if c.begun.caller == number), None)
            if found is not None and found.ended_at is not None:
                break
            await asyncio.sleep(0.2)
        else:
            return Score(dict.fromkeys(wanted, False), {}, wanted, error="no record", said=said)
    answers = found.record.get("answers")
    kept = answers if isinstance(answers, Mapping) else {}
    got = {slot: kept[slot]["value"] if slot in kept else None for slot in wanted}
    right = {slot: got[slot] == value for slot, value in wanted.items()}
    return Score(right, got, wanted, found.disposition or "", said=said)


def _spoken(digits: str) -> str:
    words = [_NAMES[int(d)] for d in digits]
    return f"It's {' '.join(words[:3])}, {' '.join(words[3:6])}, {' '.join(words[6:])}."


def _report(edge_name: str, scores: list[Score]) -> dict[str, object]:
    by_slot: dict[str, Counter[bool]] = {}
    for score in scores:
        for slot, right in score.right.items():
            by_slot.setdefault(slot, Counter())[right] += 1
    values = sum(sum(count.values()) for count in by_slot.values())
    return {
        "edge": edge_name,
        "calls": len(scores),
        "n": values,
        "right": round(sum(count[True] for count in by_slot.values()) / max(1, values), 4),
        "by_slot": {slot: f"{count[True]}/{sum(count.values())}" for slot, count in by_slot.items()},
        "dispositions": dict(Counter(score.disposition for score in scores)),
        "errors": [score.error for score in scores if score.error],
        "wrong": [
            {"slot": slot, "said": score.said.get(slot), "wanted": score.wanted[slot], "got": score.got.get(slot)}
            for score in scores
            for slot, right in score.right.items()
            if not right
        ],
        "calls_with_errors": [score.heard for score in scores if not all(score.right.values())],
        "method": f"simulated calls over SIP and G.711, {len(PACES)} voices (pitch and pace shifted), phrases for scoring only",
        "machine": machine(),
        "versions": versions(),
    }
