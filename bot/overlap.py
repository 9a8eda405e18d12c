"""Two voices at once: what the bot does from the first sound over its prompt until the words are known."""

from __future__ import annotations

import asyncio
import logging
from enum import Enum, auto
from typing import Final

from bot.bargein import SHORT_S, Onset, Verdict, at_onset, at_turn, is_backchannel
from bot.body import Body
from bot.doubt import LOOK_BACK_S
from bot.ear import Turn
from bot.floor import Clock, Floor
from bot.inbox import Glimpse
from bot.inbox import Onset as Sound
from flows.flow import Flow
from flows.model import BargeIn, Expect, SlotType
from flows.own_words import AFTER_S, NEAR_S, WAY_S, own_words

log = logging.getLogger("leadline.call")

_BURST_S: Final = 0.3  #: unrecognised sound shorter than this is noise, not an answer


class Taken(Enum):
    """What is left to do about a sound."""

    NOTHING = auto()
    QUIET = auto()  #: it was noise: the caller is silent
    WORDS = auto()  #: the turn is to be heard now


class Overlap:
    """One per call; acts on the conversation's floor and clock. Times are Unix seconds."""

    def __init__(self, flow: Flow, body: Body, floor: Floor, clock: Clock) -> None:
        self._flow = flow
        self._body = body
        self._mouth = body.mouth
        self._floor = floor
        self._clock = clock
        self._looking: asyncio.Task[None] | None = None

    def take(self, signal: Sound | Glimpse | Turn, asked: Expect | None) -> Taken:
        """What the caller does to a prompt, and what is left to do about it.

        `asked`: what an answer is expected to, None before the first question.
        """
        match signal:
            case Sound(at):
                self._onset(at)
                return Taken.NOTHING
            case Glimpse():
                return Taken.QUIET if self._glimpsed(signal, asked) else Taken.NOTHING
            case Turn():
                return self._turn(signal, asked)

    def has_words(self, turn: Turn, asked: Expect | None) -> bool:
        """Whether the caller said something in a turn: noise and the bot's own words are nothing."""
        return bool(turn.text) and not self._is_own(turn.text, turn.began_at, turn.ended_at, asked)

    def _turn(self, turn: Turn, asked: Expect | None) -> Taken:
        text = turn.text if self.has_words(turn, asked) else ""
        if own := text != turn.text:
            log.info("the bot's own words came back as an echo and count as noise")
        self._clock.short = None
        self._floor.doubt.over(text)
        saying, thinking = self._floor.saying, self._floor.thinking
        thinking.release()
        if saying is None or not self._mouth.speaking:
            noise = not text and (own or thinking.busy or turn.voiced_s < _BURST_S)
            return Taken.QUIET if noise else Taken.WORDS
        match at_turn(saying.barge_in, text, turn.voiced_s, answers=_takes_yes(asked)):
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

    def guessed(self, text: str, at: float, asked: Expect | None) -> None:
        """The sound has paused: after a backchannel, noise or an echo the bot need not wait for the end of the turn."""
        if self._mouth.paused and self._is_nothing(text, self._floor.doubt.began_at, at, asked):
            self._mouth.resume()
            self._floor.doubt.hushed(at)

    def check(self, now: float) -> None:
        """Look at a sound that has gone on for long enough to have words."""
        doubt = self._floor.doubt
        if doubt.look_at is not None and doubt.look_at <= now:
            doubt.look_at = None
            self._looking = asyncio.create_task(self._look(doubt.began_at, now), name="call.look")

    def _glimpsed(self, glimpse: Glimpse, asked: Expect | None) -> bool:
        """Noise and echoes give the floor back, words on a noisy line take it; True for noise, which is as good as silence."""
        doubt = self._floor.doubt
        if not doubt.sounding or glimpse.began_at != doubt.began_at:
            return False  # that sound is over
        text = "" if self._is_own(glimpse.text, glimpse.began_at, glimpse.at, asked) else glimpse.text
        if doubt.looked(text, glimpse.at):
            self._yield_floor(glimpse.at)
        elif self._is_nothing(text, glimpse.began_at, glimpse.at, asked):
            self._mouth.resume()
        if not text:
            self._floor.thinking.release()
        return not text

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
        self._body.inbox.put(Glimpse(at, began_at, await self._body.ear.glimpse(LOOK_BACK_S)))

    def _is_own(self, text: str, began_at: float, ended_at: float, asked: Expect | None) -> bool:
        """Whether words that were heard then are the bot's, back as an echo."""
        uttered = self._mouth.uttered
        if not text or not uttered.sounding(began_at, WAY_S if self._mouth.speaking else AFTER_S):
            return False
        said = uttered.between(began_at - WAY_S - NEAR_S, ended_at + NEAR_S)
        slot = self._flow.slot(asked.slot) if asked is not None and asked.slot else None
        return own_words(text, said, slot)

    def _is_nothing(self, text: str, began_at: float, at: float, asked: Expect | None) -> bool:
        backchannel = is_backchannel(text) and not _takes_yes(asked)
        return not text or backchannel or self._is_own(text, began_at, at, asked)


def _takes_yes(asked: Expect | None) -> bool:
    """Whether a bare yes would answer the question being asked."""
    return asked is not None and asked.kind in (SlotType.YES_NO, "confirm")
