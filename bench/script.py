"""A caller with a fixed script: answers in order, pre-rendered, no recognition that would cost the bot its CPU."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from bot.caller import phone_speech
from bot.speech.audio import Pcm
from bot.speech.voice import Voice
from sip.phone import PhoneCall

#: What is said to b2b-software's questions, in their order; the last one confirms the number read back.
ANSWERS = (
    "Yeah, sure.",
    "About twenty five people.",
    "Around five thousand dollars.",
    "Probably in the next three months.",
    "Yes, I am.",
    "It's two oh two, five five five, zero one eight nine.",
    "Yeah.",
)
SHORT = frozenset({"Yeah, sure.", "Yes, I am.", "Yeah."})
_QUIET_S = 0.7
_LIMIT_S = 6.0
_LOOK_BACK_S = 30.0


@dataclass(slots=True)
class Scripted:
    """What one scripted call measured, in milliseconds."""

    greeting_ms: float | None = None
    response_ms: list[tuple[str, float]] = field(default_factory=list)
    missed: int = 0
    talked_over: int = 0  #: the bot began, or had not ended, while the caller spoke: no response time then
    lost: int = 0
    answered: bool = False
    error: str = ""
    given_up: Pcm | None = None  #: what the phone heard in the last half minute of a call that was given up


def clips(voice: Voice) -> dict[str, Pcm]:
    """The answers, rendered for the telephone."""
    return {text: phone_speech(voice, text) for text in ANSWERS}


async def hold(call: PhoneCall, spoken: dict[str, Pcm]) -> Scripted:
    """Go through the script on an answered call; times are those of the phone's packets."""
    found = Scripted(answered=True)
    try:
        began = await call.media.wait_speech(call.t["answer"], timeout=15)
        found.greeting_ms = (began - call.t["answer"]) * 1e3
        for text in ANSWERS:
            await call.media.wait_quiet(_QUIET_S, timeout=30)
            if call.ended.is_set():
                break
            said = await call.media.say(spoken[text])
            try:
                heard = await call.media.wait_speech(said.start, timeout=said.end - said.start + _LIMIT_S)
                if heard > said.end:
                    found.response_ms.append((text, (heard - said.end) * 1e3))
                else:
                    found.talked_over += 1
            except TimeoutError:
                found.missed += 1
    except TimeoutError as late:
        found.error = f"after {len(found.response_ms) + found.missed + found.talked_over} answers: {late}"
        found.given_up = call.media.heard(time.time() - _LOOK_BACK_S)
    finally:
        await call.hangup()
        found.lost = call.media.lost
        await asyncio.sleep(0)
    return found
