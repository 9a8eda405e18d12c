"""Response times in a browser beside those at the phone, in the same run: the same script, one call of each in turn."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.edge import BOT_NUMBER, edge, floor_ms, route, worker
from bench.figures import conditions, summary
from bench.script import ANSWERS, SHORT, Scripted, clips
from bench.turns import PACE, one
from bench.visitor import Visitor, chromium, site
from bot.speech.voice import LocalVoice, ShiftedVoice
from sip.phone import Phone

METHOD = (
    "whole scripted calls to b2b-software, by browser and by phone in turn on one stack. Browser: Chromium with a WAV as "
    "microphone, from the last loud moment of its own microphone track to the first of the bot's track (-42 dBFS, looked "
    "at every 10 ms, after echo cancelling and jitter buffer). Phone: as in `turns`. Both include their media path."
)
_HEARD = re.compile(r"answered after (\d+) ms, heard here after (\d+) ms")
_CALLER, _PHONE = "+12025550141", "+12025550142"


async def browser(edge_name: str, n: int) -> dict[str, object]:
    """Calls in turn until `n` turns are measured in the browser, or as many calls as that have failed."""
    spoken = clips(ShiftedVoice(LocalVoice(), PACE))
    seen: list[tuple[str, int, int]] = []
    phoned: list[Scripted] = []
    async with edge(edge_name) as where:
        floor = await floor_ms(where)
        await route(where, BOT_NUMBER, "leadline", '{"flow": "b2b-software"}')
        with TemporaryDirectory() as folder, site(where.at.env(), []) as url:
            async with worker(where, calls_max=4, idle_processes=2), Phone(user=_PHONE) as phone:
                for _ in range(n):
                    seen += await _visit(url, Path(folder) / "microphone.wav")
                    phoned.append(await one(phone, where, BOT_NUMBER, _PHONE, spoken))
                    if len(seen) >= n:
                        break
    timed = list(chain.from_iterable(call.response_ms for call in phoned))
    return {
        "edge": edge_name,
        "browser": {
            "n": len(seen),
            "heard_ms": summary([heard for _, _, heard in seen]),
            "short_ms": summary([heard for words, _, heard in seen if words in SHORT]),
            "queued_ms": summary([queued for _, queued, _ in seen]),
            "path_ms": summary([heard - queued for _, queued, heard in seen]),
        },
        "phone": {
            "n": len(timed),
            "heard_ms": summary([ms for _, ms in timed]),
            "short_ms": summary([ms for words, ms in timed if words in SHORT]),
            "floor_ms": round(floor),
        },
        "method": METHOD,
        **conditions(),
    }


async def _visit(url: str, mic: Path) -> list[tuple[str, int, int]]:
    """One call in the browser: answer, milliseconds until the reply was queued, milliseconds until it was heard."""
    found = []
    async with chromium(mic) as opened:
        visitor = await Visitor.at(opened, url, mic)
        await visitor.start("b2b-software", caller=_CALLER)
        await visitor.page.locator("li.turn.bot").nth(1).wait_for()
        for words in ANSWERS:
            await visitor.listens()
            if await visitor.page.locator(".badge.finished").count():
                break
            before = await visitor.page.locator("li.turn").count()
            await visitor.says(words)
            reply = visitor.page.locator("li.turn").nth(before + 1)
            await reply.wait_for()
            if told := _HEARD.search(await reply.inner_text()):
                found.append((words, int(told[1]), int(told[2])))
    return found
