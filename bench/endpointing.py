"""Does the ear cut callers off, and how long does it wait? Spoken answers with pauses, over G.711, decided as in a call."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal

import numpy as np

from bench.endpointing_set import PAUSES, SCORING, TUNING
from bench.endpointing_voices import NOISES, Caller, callers, over_the_telephone
from bench.figures import machine, summary, versions
from bot.ear import Turn
from bot.listening import FrameTime, listen
from bot.speech.audio import Samples, to_pcm
from bot.speech.local import RECOGNISER
from bot.speech.turn import SoundsFinished, TurnModel
from bot.speech.vad import VoiceActivity, builtin
from flows.model import Expect, SlotType
from flows.patience import patience
from flows.retake import WITHIN_S

RATE: Final = 16_000
METHOD: Final = (
    "spoken answers over G.711 with line noise to the ear alone, in frames of a call; end of speech is the last sound "
    "above -45 dBFS before noise is added; recognition takes effect after the processor time that it took; a cut-off is a turn "
    "decided before the end of speech"
)
_LEAD_S: Final = 0.8
_TAIL_S: Final = 2.5
_LOUD_DBFS: Final = -45.0
#: From the decision to the bot's first sound at the caller's ear: engine and queue 20 ms, and half of the gateway's echo floor.
_AUDIBLE_S: Final = 0.07
_EARLY_S: Final = 0.02  #: a decision this close to the end cuts nothing off
Which = Literal["tuning", "scoring"]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as it is spoken."""

    category: str
    expect: Expect
    text: str
    caller: Caller
    pauses: tuple[float, ...]
    noise_db: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the ear made of it."""

    answer: Answer
    delay_ms: float | None  #: from the end of speech to the decision; None when cut off or missed
    cut: bool
    turns: tuple[str, ...]
    taken_back: bool = False  #: cut off, and the caller went on soon enough for both parts to be one turn in a call
    noticed: bool = False  #: cut off, and the bot was audible before the caller went on, or the parts are two turns


@dataclass(slots=True)
class Work:
    """What recognition cost."""

    turn_model: TurnModel | None = None
    jobs: int = 0
    busy_s: float = 0.0
    sound_s: float = 0.0
    outcomes: list[Outcome] = field(default_factory=list)


def endpointing(
    which: Which = "scoring",
    told: Callable[[Outcome], None] | None = None,
    *,
    turn_model: bool = True,
    voices: Sequence[Path] = (),
) -> dict[str, object]:
    """Let the ear hear every answer of a set and score it."""
    work = Work(SoundsFinished() if turn_model else None)
    for answer in answers(which, voices):
        outcome = judge(answer, work)
        work.outcomes.append(outcome)
        if told is not None:
            told(outcome)
    return _report(which, work)


def tell(outcome: Outcome) -> None:
    """Print one outcome."""
    answer = outcome.answer
    result = "CUT OFF" if outcome.cut else "missed" if outcome.delay_ms is None else f"{outcome.delay_ms:.0f} ms"
    pauses = ", ".join(f"{s:g}" for s in answer.pauses)
    print(f"{result:>8}  {answer.category:10} {answer.expect.kind:13} {answer.caller.name:32} {answer.text} [{pauses}]")
    if outcome.cut or outcome.delay_ms is None or outcome.delay_ms > 500:
        for turn in outcome.turns:
            print(f"{'':10}{turn}")


def answers(which: Which, voices: Sequence[Path] = ()) -> Iterator[Answer]:
    """Every line in every voice of the set, pauses and noise drawn by a fixed seed."""
    lines = SCORING if which == "scoring" else TUNING
    rng = random.Random(which)
    for caller in callers(which, voices):
        for category, said in lines.items():
            for kind, text in said:
                pauses = tuple(rng.choice(PAUSES[category]) for _ in range(text.count("|")))
                yield Answer(category, _expect(kind), text, caller, pauses, rng.choice(NOISES))


def judge(answer: Answer, work: Work) -> Outcome:
    """Let the ear hear one answer."""
    sound, end_s = spoken(answer)
    worker = FrameTime()
    heard = listen(
        sound, answer.expect, RECOGNISER, VoiceActivity(builtin()), patience, worker=worker, turn_model=work.turn_model
    )
    work.jobs += worker.jobs
    work.busy_s += worker.busy_s
    work.sound_s += len(sound) / RATE
    cut = any(turn.decided_at < end_s - _EARLY_S for turn in heard.turns)
    last = heard.turns[-1] if heard.turns else None
    delay = (last.decided_at - end_s) * 1e3 if last is not None and not cut else None
    early = [(turn, after) for turn, after in pairwise(heard.turns) if turn.decided_at < end_s - _EARLY_S]
    taken_back = cut and bool(early) and all(after.began_at - turn.decided_at <= WITHIN_S for turn, after in early)
    audible = any(after.began_at - turn.decided_at > _AUDIBLE_S for turn, after in early)
    noticed = cut and (audible or not taken_back)
    return Outcome(answer, delay, cut, tuple(_told(turn) for turn in heard.turns), taken_back, noticed)


def spoken(answer: Answer) -> tuple[np.ndarray[tuple[int], np.dtype[np.int16]], float]:
    """The sound at the ear, and where its speech ends, in seconds."""
    parts: list[Samples] = [np.zeros(int(_LEAD_S * RATE), np.float32)]
    phrases = [part.strip() for part in answer.text.split("|")]
    for i, phrase in enumerate(phrases):
        parts.append(answer.caller.say(phrase))
        if i < len(answer.pauses):
            parts.append(np.zeros(int(answer.pauses[i] * RATE), np.float32))
    clean = np.concatenate(parts)
    level = 10 * np.log10((clean[: len(clean) // 160 * 160].reshape(-1, 160) ** 2).mean(axis=1) + 1e-12)
    end = (int(np.flatnonzero(level > _LOUD_DBFS)[-1]) + 1) / 100
    whole = np.concatenate((clean, np.zeros(int(_TAIL_S * RATE), np.float32)))
    return to_pcm(over_the_telephone(whole, answer.noise_db, seed=len(answer.text))), end


def _expect(kind: str) -> Expect:
    match kind:
        case "confirm" | "open":
            return Expect(kind)
        case _:
            return Expect(SlotType(kind))


def _told(turn: Turn) -> str:
    return f"{turn.text} ({turn.ended_at:.2f}, {turn.decided_at:.2f})"


def _report(which: Which, work: Work) -> dict[str, object]:
    everything = work.outcomes
    by_category = {name: [o for o in everything if o.answer.category == name] for name in PAUSES}
    return {
        "set": which,
        "n": len(everything),
        "delay_ms": _delays(everything),
        "cut_offs": _share(everything),
        "cut_offs_dictated": _share(by_category["dictated"]),
        "short_ms": _delays(by_category["short"]),
        "missed": sum(o.delay_ms is None and not o.cut for o in everything),
        "by_category": {
            name: {"cut_offs": _share(found), "delay_ms": _delays(found)} for name, found in by_category.items()
        },
        "by_voice": {
            name: {"cut_offs": _share(found), "delay_ms": _delays(found)}
            for name in dict.fromkeys(o.answer.caller.name for o in everything)
            for found in [[o for o in everything if o.answer.caller.name == name]]
        },
        "recognition": {
            "decodings_per_answer": round(work.jobs / max(1, len(everything)), 2),
            "busy_percent_of_a_core": round(100 * work.busy_s / max(1e-9, work.sound_s), 2),
        },
        "method": METHOD,
        "machine": machine(),
        "versions": versions(),
    }


def _delays(outcomes: list[Outcome]) -> Mapping[str, float]:
    return summary([o.delay_ms for o in outcomes if o.delay_ms is not None])


def _share(outcomes: list[Outcome]) -> Mapping[str, float]:
    cut = sum(o.cut for o in outcomes)
    return {
        "n": len(outcomes),
        "cut": cut,
        "share": round(cut / max(1, len(outcomes)), 4),
        "taken_back": sum(o.taken_back for o in outcomes),
        "noticed": sum(o.noticed for o in outcomes),
    }
