"""Two voices at once: what the bot does from the first sound over its prompt until the words are known."""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import Final

from bot.bargein import SHORT_S, Onset, Verdict, at_onset, at_turn, is_backchannel
from bot.doubt import LOOK_BACK_S
from bot.ear import Ear, Turn
from bot.floor import Clock, Floor
from bot.inbox import Glimpse, Inbox
from bot.inbox import Onset as Sound
from bot.mouth import Mouth
from flows.model import BargeIn

_BURST_S: Final = 0.3  #: unrecognised sound shorter than this is noise, not an answer


class Taken(Enum):
    """What is left to do about a sound."""

    NOTHING = auto()
    QUIET = auto()  #: it was noise: the caller is silent
    WORDS = auto()  #: the turn is to be heard now


class Overlap:
    """One per call; acts on the conversation's floor and clock. Times are Unix seconds."""

    def __init__(self, inbox: Inbox, ear: Ear, mouth: Mouth, floor: Floor, clock: Clock) -> None:
        self._inbox = inbox
        self._ear = ear
        self._mouth = mouth
        self._floor = floor
        self._clock = clock
        self._looking: asyncio.Task[None] | None = None

    def take(self, signal: Sound | Glimpse | Turn, *, answers: bool) -> Taken:
        """What the caller does to a prompt, and what is left to do about it.

        `answers`: whether a bare yes would answer the question being asked.
        """
        match signal:
            case Sound(at):
                self._onset(at)
                return Taken.NOTHING
            case Glimpse():
                return Taken.QUIET if self._glimpsed(signal, answers=answers) else Taken.NOTHING
            case Turn():
                return self._turn(signal, answers=answers)

    def _turn(self, turn: Turn, *, answers: bool) -> Taken:
        self._clock.short = None
        self._floor.doubt.over(turn.text)
        saying, thinking = self._floor.saying, self._floor.thinking
        thinking.release()
        if saying is None or not self._mouth.speaking:
            noise = not turn.text and (thinking.busy or turn.voiced_s < _BURST_S)
            return Taken.QUIET if noise else Taken.WORDS
        match at_turn(saying.barge_in, turn.text, turn.voiced_s, answers=answers):
            case Verdict.STOP:
                return Taken.WORDS
            case Verdict.FINISH:
                self._floor.held.append(turn)
                self._mouth.finish_sentence()
                return Taken.NOTHING
            case Verdict.HOLD:
                self._floor.held.append(turn)
            case Verdict.RESUME:
                pass
        self._mouth.resume()
        return Taken.NOTHING

    def _onset(self, at: float) -> None:
        if self._floor.doubt.onset(at, over_prompt=self._mouth.speaking):
            self._yield_floor(at)

    def guessed(self, text: str, at: float, *, answers: bool) -> None:
        """The sound has paused: after a backchannel or noise the bot need not wait for the end of the turn.

        `answers`: whether a bare yes would answer the question being asked.
        """
        if self._mouth.paused and _is_nothing(text, answers=answers):
            self._mouth.resume()
            self._floor.doubt.hushed(at)

    def check(self, now: float) -> None:
        """Look at a sound that has gone on for long enough to have words."""
        doubt = self._floor.doubt
        if doubt.look_at is not None and doubt.look_at <= now:
            doubt.look_at = None
            self._looking = asyncio.create_task(self._look(doubt.began_at, now), name="call.look")

    def _glimpsed(self, glimpse: Glimpse, *, answers: bool) -> bool:
        """Noise gives the floor back, words on a noisy line take it; True for noise, which is as good as silence."""
        doubt = self._floor.doubt
        if not doubt.sounding or glimpse.began_at != doubt.began_at:
            return False  # that sound is over
        if doubt.looked(glimpse.text, glimpse.at):
            self._yield_floor(glimpse.at)
        elif _is_nothing(glimpse.text, answers=answers):
            self._mouth.resume()
        if not glimpse.text:
            self._floor.thinking.release()
        return not glimpse.text

    async def stop(self) -> None:
        """The call is over."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    def _yield_floor(self, at: float) -> None:
        self._clock.no_input = None
        self._floor.thinking.hold()
        saying = self._floor.saying
        if saying is None or not self._mouth.speaking:
            return
        match at_onset(saying.barge_in):
            case Onset.PAUSE:
                self._mouth.pause()
            case Onset.FINISH_SENTENCE:
                self._mouth.pause_after_sentence()
            case Onset.KEEP_TALKING:
                self._clock.short = at + SHORT_S if saying.barge_in is BargeIn.IGNORE_SHORT else None

    async def _look(self, began_at: float, at: float) -> None:
        self._inbox.put(Glimpse(at, began_at, await self._ear.glimpse(LOOK_BACK_S)))


def _is_nothing(text: str, *, answers: bool) -> bool:
    return not text or (is_backchannel(text) and not answers)
