"""A plain LiveKit agent for comparison: AgentSession with default settings and our local models, nothing else of ours.

It asks the questions of b2b-software in their order, one per turn, without a language model: what a deployment adds for
that comes on top. `python -m bench.plain_worker` serves it as agent `plain`.
"""

from __future__ import annotations

import asyncio
from typing import Final

import numpy as np
from livekit import rtc
from livekit.agents import (  # noqa: TID251 - what Leadline is compared with
    DEFAULT_API_CONNECT_OPTIONS,
    NOT_GIVEN,
    Agent,
    AgentSession,
    APIConnectOptions,
    JobContext,
    LanguageCode,
    NotGivenOr,
    StopResponse,
    llm,
    stt,
    tts,
    utils,
)

from bot.speech.audio import resample, to_float, to_pcm
from bot.speech.local import RECOGNISER, VOICE
from bot.speech.moonshine import RATE as EAR_RATE
from bot.speech.voice import RATE as VOICE_RATE

QUESTIONS: Final = (
    "Thanks for calling Example Software! This is Lee, the automated assistant. Do you have a minute for five questions?",
    "Great. How many people work at your company?",
    "Got it. What budget do you have in mind for this?",
    "Okay. When would you like to start?",
    "Are you the person who decides on this?",
    "What is the best number to call you back on?",
    "Let me repeat that. Two zero two, five five five, zero one eight nine, right?",
    "Thank you. We will call you back. Goodbye.",
)


class PlainRecogniser(stt.STT[str]):
    """Moonshine as a framework STT that takes whole utterances; the session cuts them with its own VAD."""

    def __init__(self) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=False, interim_results=False))

    async def _recognize_impl(
        self,
        buffer: utils.AudioBuffer,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> stt.SpeechEvent:
        frame = rtc.combine_audio_frames(buffer)
        samples = resample(to_float(np.frombuffer(frame.data, np.int16)), frame.sample_rate, EAR_RATE)
        heard = await asyncio.to_thread(RECOGNISER.transcribe, samples)
        said = stt.SpeechData(language=LanguageCode("en"), text=heard.text, confidence=heard.confidence)
        return stt.SpeechEvent(type=stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=[said])


class PlainVoice(tts.TTS[str]):
    """The local voice as a framework TTS."""

    def __init__(self) -> None:
        super().__init__(capabilities=tts.TTSCapabilities(streaming=False), sample_rate=VOICE_RATE, num_channels=1)

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        return _Spoken(tts=self, input_text=text, conn_options=conn_options)


class _Spoken(tts.ChunkedStream):
    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        output_emitter.initialize(
            request_id=utils.shortuuid(), sample_rate=VOICE_RATE, num_channels=1, mime_type="audio/pcm"
        )
        samples = await asyncio.to_thread(VOICE.render, self._input_text)
        output_emitter.push(to_pcm(samples).tobytes())
        output_emitter.flush()


class PlainAgent(Agent):
    """The next question after each turn."""

    def __init__(self) -> None:
        super().__init__(instructions="Ask the next question.")
        self._next = 0

    async def on_enter(self) -> None:
        self._ask()

    async def on_user_turn_completed(self, turn_ctx: llm.ChatContext, new_message: llm.ChatMessage) -> None:
        self._ask()
        raise StopResponse

    def _ask(self) -> None:
        self.session.say(QUESTIONS[min(self._next, len(QUESTIONS) - 1)])
        self._next += 1


async def entry(ctx: JobContext) -> None:
    """One call with every setting of the framework left as it is."""
    session: AgentSession[None] = AgentSession(stt=PlainRecogniser(), tts=PlainVoice())
    await session.start(PlainAgent(), room=ctx.room)
