"""Hosted voices: the real plugins against a local server that speaks their protocols, hangs, stalls and resets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import numpy as np
import pytest
from livekit.agents import tts  # noqa: TID251 - the plugins of real providers are what is tested
from livekit.plugins import elevenlabs, openai  # noqa: TID251

from bot.clip import unsaid
from bot.hosted_voice import HostedVoice, Limits
from bot.mouth import Mouth
from bot.providers import TABLE
from bot.rehearsal import MemorySpeaker, OnTheSpot, ScriptedVoice
from bot.speech.audio import decibels, to_float
from bot.speech.polish import Polish
from bot.speech.voice import VoiceFailed
from bot.studio import PromptCache, Studio
from tests.speech_server import KEY, RATE, Fault, SpeechServer, sound_s

TEXT = "Please tell me what you want to change next year."
LIMITS = Limits(first_s=3.0, stall_s=0.5)
PROVIDERS = ("openai", "elevenlabs")


@asynccontextmanager
async def plugin(provider: str, server: SpeechServer) -> AsyncIterator[tts.TTS[str]]:
    """The plugin as the settings build it, pointed to the server."""
    known = TABLE["tts"][provider]
    assert known is not None
    async with aiohttp.ClientSession() as session:
        found: tts.TTS[str]
        if provider == "openai":
            found = openai.TTS(model="tts-1", api_key=KEY, base_url=server.url, **known.options)
        else:
            found = elevenlabs.TTS(api_key=KEY, base_url=server.url, http_session=session, **known.options)
        try:
            yield found
        finally:
            await found.aclose()


async def spoken(voice: HostedVoice) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    return np.concatenate([pcm async for pcm in voice.stream(TEXT)])


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_sentence_comes_in_pieces_trimmed_and_as_loud_as_ours(provider: str) -> None:
    async with SpeechServer() as server, plugin(provider, server) as tts_:
        pcm = to_float(await spoken(HostedVoice(tts_, LIMITS)))
    assert abs(len(pcm) / RATE - sound_s(TEXT)) < 0.1  # without the silence around it
    assert abs(float(decibels(pcm, len(pcm))[0]) + 20) < 2
    assert server.asked == [TEXT]


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("fault", ["hang", "stall", "reset", "refuse", "silence"])
async def test_every_fault_is_one_error(provider: str, fault: Fault) -> None:
    async with SpeechServer(fault) as server, plugin(provider, server) as tts_:
        with pytest.raises(VoiceFailed):
            await asyncio.wait_for(spoken(HostedVoice(tts_, Limits(first_s=0.5, stall_s=0.3))), 10)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("fault", ["hang", "stall", "reset", "refuse"])
async def test_the_local_voice_goes_on_where_the_hosted_one_stopped(provider: str, fault: Fault) -> None:
    async with SpeechServer(fault, good_s=1.0) as server, plugin(provider, server) as tts_:
        voice = HostedVoice(tts_, Limits(first_s=0.5, stall_s=0.3))
        studio = Studio(voice, PromptCache(None), OnTheSpot(), spare=ScriptedVoice())
        speaker = MemorySpeaker()
        mouth = Mouth(speaker, studio)
        saying = asyncio.create_task(mouth.say(TEXT))
        while not saying.done():
            speaker.play(0.05)
            await asyncio.sleep(0.001)
        said = saying.result()
        await studio.close()
    assert (said.text, said.finished) == (TEXT, True)
    whole = sound_s(TEXT)
    heard = len(speaker.heard) / RATE
    assert whole - 0.1 < heard < whole + 1.2, "every word is heard, one perhaps twice"


async def test_a_voice_that_keeps_failing_is_asked_no_more() -> None:
    async with SpeechServer("refuse") as server, plugin("openai", server) as tts_:
        studio = Studio(HostedVoice(tts_, LIMITS), PromptCache(None), OnTheSpot(), spare=ScriptedVoice())
        for n in range(5):
            await studio.clip(f"Sentence number {'x' * n}.")
        await studio.close()
    assert len(server.asked) == 2


async def test_the_mouth_begins_before_the_sentence_is_whole() -> None:
    async with SpeechServer("stall", good_s=1.0) as server, plugin("openai", server) as tts_:
        studio = Studio(HostedVoice(tts_, Limits(first_s=5, stall_s=30)), PromptCache(None), OnTheSpot())
        clip = await asyncio.wait_for(studio.clip(TEXT), 10)
        assert not clip.whole
        assert 0 < len(clip) < sound_s(TEXT) * RATE
        await studio.close()


async def test_fixed_words_of_a_hosted_voice_are_kept_on_disk_and_others_are_not(tmp_path: Path) -> None:
    async with SpeechServer() as server, plugin("openai", server) as tts_:
        for _ in range(2):
            voice = HostedVoice(tts_, LIMITS)
            studio = Studio(voice, PromptCache(tmp_path), OnTheSpot(), fixed=[TEXT])
            for text in (TEXT, "Hi Dana."):
                clip = await studio.clip(text)
                while not clip.whole:
                    await clip.beyond(len(clip))
            await asyncio.sleep(0)
            await studio.close()
    assert server.asked == [TEXT, "Hi Dana.", "Hi Dana."]


@pytest.mark.parametrize(
    ("text", "share", "rest"),
    [
        ("We call you back next week.", 0.5, "you back next week."),
        ("We call you back next week.", 0.0, "We call you back next week."),
        ("Your number is 2 0 2.", 0.7, "Your number is 2 0 2."),
        ("Goodbye.", 0.9, "Goodbye."),
    ],
)
def test_one_word_is_said_twice_rather_than_none_and_numbers_come_whole(text: str, share: float, rest: str) -> None:
    assert unsaid(text, round(share * 100_000), 100_000) == rest


def test_pieces_are_polished_as_the_whole_would_be() -> None:
    rng = np.random.default_rng(1)
    sound = np.concatenate((np.zeros(9000), rng.standard_normal(40_000) * 0.03, np.zeros(9000))).astype(np.float32)
    polish = Polish(RATE)
    out = np.concatenate([*(polish.push(sound[i : i + 2400]) for i in range(0, len(sound), 2400)), polish.end()])
    assert abs(len(out) - 40_000 - 0.055 * RATE) < 200
    assert abs(float(decibels(out, 40_000)[0]) + 20) < 1.5
