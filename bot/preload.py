"""Imported once by the fork server: models, and the fixed prompts of every shipped flow, rendered and shared.

Job processes fork from it, so a call owns none of this memory and loads nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from bot.echo import EchoGate
from bot.line import EAR_RATE
from bot.listening import frames, listen
from bot.providers import ProviderUnusable, preload
from bot.run_through import run_through
from bot.settings import BotSettings
from bot.speech import weights
from bot.speech.audio import Samples, resample, to_pcm
from bot.speech.intents import nearest_example
from bot.speech.judge import Judge
from bot.speech.moonshine import Recogniser
from bot.speech.turn import SoundsFinished
from bot.speech.vad import VoiceActivity, builtin
from bot.speech.voice import RATE as VOICE_RATE
from bot.speech.voice import Voice
from bot.studio import PromptCache, Studio
from bot.thrift import give_back
from flows.flow import Flow
from flows.model import Expect
from flows.patience import patience
from flows.prompts import fixed
from store.flowfiles import list_flows, load_flow
from store.settings import StoreSettings

__all__ = ["CACHE", "FLOWS", "INTENTS", "JUDGE", "RECOGNISER", "VOICE"]

log = logging.getLogger("leadline.preload")

if sys.platform != "win32":
    import uvloop

    # Job processes make their loop from this policy: half the cost of asyncio's own per audio frame.
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())

#: Said when we have to break a call off; rendered here, so that saying it takes nothing that can fail.
APOLOGY: Final = "I'm sorry, something went wrong on our side. We will call you back. Goodbye."

SETTINGS: Final = BotSettings()
RECOGNISER: Recogniser | None = None
VOICE: Voice | None = None
if "local" in (SETTINGS.stt, SETTINGS.tts) or not weights.check():  # a hosted voice that fails needs a spare one
    from bot.speech import local

    RECOGNISER, VOICE = local.RECOGNISER, local.VOICE
INTENTS: Final = nearest_example() if SETTINGS.intents == "minilm" else None
JUDGE: Final = Judge(SoundsFinished().finished) if SETTINGS.turn_detector == "v1-mini" else None
CACHE: Final = PromptCache(SETTINGS.prompt_folder)
FLOWS: Final[dict[str, Flow]] = {name: load_flow(name) for name in list_flows()}


def _render_fixed_prompts(voice: Voice) -> None:
    studio = Studio(voice, CACHE, ThreadPoolExecutor(1))  # no thread starts: `prepare` renders right here
    for flow in FLOWS.values():
        for text in fixed(flow):
            studio.prepare(text)
    studio.prepare(APOLOGY)


def _import_model() -> None:
    try:
        preload("llm", SETTINGS.llm, SETTINGS.llm_base_url)  # 0.8 s, which no call shall wait for
    except ProviderUnusable as wrong:
        log.error("calls go by the rules alone: %s", wrong)


def _import_driver() -> None:
    with contextlib.suppress(ArgumentError, NoSuchModuleError, ImportError):  # the worker has said so already
        make_url(StoreSettings().database_url).get_dialect().import_dbapi()  # 0.2 s of a call's loop otherwise


def _warm_up(recogniser: Recogniser | None, voice: Voice | None) -> None:
    """Use both once: what a first use lays out in memory is then shared, some 10 MB of a call."""
    sound = np.random.default_rng(0).normal(0, 0.05, 3 * 16_000).astype(np.float32)
    if recogniser is not None:
        recogniser.transcribe(sound, ("Miller",))  # with beams
        recogniser.transcribe(sound)
    if voice is not None:
        # Names are in no dictionary: what spells them is loaded at the first one.
        voice.render("Thanks, Dana Lindgren, I have two oh two.")
    if recogniser is not None and voice is not None:
        _hear(recogniser, voice.render("Yeah, sure."))
    give_back()


def _hear(recogniser: Recogniser, sound: Samples) -> None:
    """One turn past the echo gate and through the ear: 80 ms of a call's loop at its first words otherwise."""
    pcm = to_pcm(resample(sound, VOICE_RATE, EAR_RATE))
    gate = EchoGate(lambda _pcm, _at: None)
    gate.played(to_pcm(sound), VOICE_RATE, 0.0)
    for frame, at in frames(pcm):
        gate.push(frame, at)
    listen(pcm, Expect("open"), recogniser, VoiceActivity(builtin()), patience)


_import_model()
_import_driver()
if VOICE is not None and SETTINGS.tts == "local":
    _render_fixed_prompts(VOICE)
builtin()  # maps the detector's weights before the first fork
for _flow in FLOWS.values():
    run_through(_flow)
_warm_up(RECOGNISER, VOICE)
