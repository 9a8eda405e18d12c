"""Hosted streaming recognition: the real plugins against a server that speaks their protocols, is late, stalls and breaks."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import numpy as np
import pytest
from livekit.agents.utils import http_context  # noqa: TID251 - the plugins of real providers are what is tested

from bot.ear import Ear
from bot.guesses import Recognition
from bot.hosted_stt import HostedStream, Limits
from bot.listening import FRAME_S, Heard, frames
from bot.providers import preferring, stt_plugin
from bot.rehearsal import ScriptedRecogniser
from bot.rehearsal_stt import Faults, HostedSpeechServer
from bot.speech.audio import Pcm, resample, to_pcm
from bot.speech.local import VOICE
from bot.speech.vad import VoiceActivity, builtin
from flows.model import Expect, SlotType
from flows.patience import patience
from tests.waiting import eventually

PROVIDERS = ("deepgram", "elevenlabs")
THERE, HERE = "about sixty people", "sixty people, locally"
LIMITS = Limits(final_s=1.0, settle_s=0.1, again_s=(0.05, 0.4))


class Call:
    """An ear with a hosted recogniser, spoken to in frames; silence lasts until the turn is decided."""

    def __init__(self, server: HostedSpeechServer, stream: HostedStream, ear: Ear, heard: Heard) -> None:
        self.server = server
        self.stream = stream
        self.heard = heard
        self.ear = ear
        self._at = 0.0

    async def say(self, speech: Pcm) -> str:
        """Speak, then be silent until the ear has decided; the words of the turn."""
        known = len(self.heard.turns)
        for frame, _ in frames(speech):
            self.ear.push(frame, self._at)
            self._at += FRAME_S
            await asyncio.sleep(FRAME_S / 10)
            if len(self.heard.turns) > known:
                break
        async with asyncio.timeout(20):
            while len(self.heard.turns) == known:
                self.ear.push(np.zeros(int(16_000 * FRAME_S), np.int16), self._at)
                self._at += FRAME_S
                await asyncio.sleep(FRAME_S / 10)
        return self.heard.turns[-1].text


@asynccontextmanager
async def call(
    provider: str, faults: Faults | None = None, there: str = THERE, hotwords: tuple[str, ...] = ()
) -> AsyncIterator[Call]:
    async with (
        http_context.open(),
        HostedSpeechServer(ScriptedRecogniser([there]), faults, key="none") as server,
    ):
        plugin = stt_plugin(provider, server.url(provider))
        assert plugin is not None
        stream = HostedStream(plugin, ScriptedRecogniser([HERE]), LIMITS, preferring(provider, plugin))
        heard = Heard()
        with ThreadPoolExecutor(1) as worker:
            ear = Ear(heard, Recognition(stream, worker, patience), VoiceActivity(builtin()))
            ear.expect = Expect(SlotType.INTEGER_RANGE, hotwords=hotwords)
            try:
                yield Call(server, stream, ear, heard)
            finally:
                await stream.aclose()
                await plugin.aclose()


def speech(text: str = "We have about sixty people.") -> Pcm:
    quiet = np.zeros(8_000, np.int16)
    return np.concatenate((quiet, to_pcm(resample(VOICE.render(text), 24_000, 16_000))))


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_the_ears_silence_asks_for_the_final_words(provider: str) -> None:
    async with call(provider) as one:
        assert [await one.say(speech()), await one.say(speech())] == [THERE, THERE]
        assert one.server.connections == 1
        assert one.server.flushes >= 2


async def test_the_providers_own_end_of_speech_is_off() -> None:
    async with call("deepgram") as one:
        await one.say(speech())
        assert one.server.queries[0]["endpointing"] == "false"
    async with call("elevenlabs") as one:
        await one.say(speech())
        assert one.server.queries[0]["commit_strategy"] == "manual"


@pytest.mark.parametrize(("provider", "key"), [("deepgram", "keyterm"), ("elevenlabs", "keyterms")])
async def test_names_from_the_leads_record_reach_the_provider(provider: str, key: str) -> None:
    names = ("Rajesh Patel", "Northwind Logistics of Springfield")
    async with call(provider, hotwords=names) as one:
        assert await one.say(speech()) == THERE
        sent = one.server.queries[-1].getall(key)
        assert sent == [name for name in names if provider == "deepgram" or len(name) <= 20]
        connections = one.server.connections
        one.ear.expect = Expect(SlotType.YES_NO)
        one.ear.expect = Expect(SlotType.NAME, hotwords=names[:1])
        assert await one.say(speech()) == THERE
        assert one.server.connections == connections, "names are kept: no question costs a new connection"


async def test_a_model_that_takes_no_names_is_not_given_any() -> None:
    async with http_context.open(), HostedSpeechServer(ScriptedRecogniser([THERE])) as server:
        plugin = stt_plugin("deepgram/nova-2", server.url("deepgram"))
        assert plugin is not None
        assert preferring("deepgram/nova-2", plugin) is None
        await plugin.aclose()


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_late_words_are_replaced_and_never_enter_a_later_turn(provider: str) -> None:
    async with call(provider) as one:
        one.server.faults.late_s = 4.0
        assert await one.say(speech()) == HERE
        one.server.faults.late_s = 0.0
        await eventually(lambda: one.server.connections >= 1)
        texts = [await one.say(speech()) for _ in range(3)]
        assert texts[-1] == THERE  # a new stream has taken over
        assert set(texts) <= {HERE, THERE}


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_provider_that_stalls_costs_no_turn(provider: str) -> None:
    async with call(provider, Faults(mute=True)) as one:
        assert [await one.say(speech()) for _ in range(2)] == [HERE, HERE]
        one.server.faults.mute = False
        texts = [await one.say(speech()) for _ in range(3)]
        assert texts[-1] == THERE


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_connection_that_breaks_in_a_turn_costs_no_turn(provider: str) -> None:
    async with call(provider, Faults(reset_after_s=0.8)) as one:
        assert await one.say(speech()) == HERE
        texts = [await one.say(speech()) for _ in range(3)]
        assert texts[-1] == THERE
        assert one.server.connections >= 2


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("status", [401, 429, 503])
async def test_a_provider_that_refuses_costs_no_turn(provider: str, status: int) -> None:
    async with call(provider, Faults(refuse=status)) as one:
        assert await one.say(speech()) == HERE
        assert one.server.connections == 0


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_messages_that_are_no_protocol_are_ignored(provider: str) -> None:
    async with call(provider, Faults(garbage=True)) as one:
        assert await one.say(speech()) == THERE


async def test_a_server_that_is_away_is_asked_again_ever_less_often() -> None:
    async with call("deepgram", Faults(refuse=503)) as one:
        for _ in range(3):
            assert await one.say(speech()) == HERE
        one.server.faults.refuse = 0
        texts = [await one.say(speech()) for _ in range(4)]
        assert texts[-1] == THERE


async def test_without_a_spare_nothing_is_heard_and_nothing_breaks() -> None:
    async with http_context.open(), HostedSpeechServer(ScriptedRecogniser([THERE]), Faults(mute=True)) as server:
        plugin = stt_plugin("deepgram", server.url("deepgram"))
        assert plugin is not None
        stream = HostedStream(plugin, None, Limits(final_s=0.2))
        stream.feed(speech())
        found = await asyncio.to_thread(stream.transcribe, np.zeros(16_000, np.float32))
        assert found.text == ""
        await stream.aclose()
        await plugin.aclose()


async def test_speech_that_goes_on_ends_the_wait() -> None:
    async with http_context.open(), HostedSpeechServer(ScriptedRecogniser([THERE]), Faults(late_s=60)) as server:
        plugin = stt_plugin("deepgram", server.url("deepgram"))
        assert plugin is not None
        stream = HostedStream(plugin, ScriptedRecogniser([HERE]), Limits(final_s=60))
        stream.feed(speech())
        asked = asyncio.create_task(asyncio.to_thread(stream.transcribe, np.zeros(16_000, np.float32)))
        await eventually(lambda: server.flushes == 1)
        stream.speech_goes_on()
        assert (await asyncio.wait_for(asked, 10)).text in {HERE, ""}
        await stream.aclose()
        await plugin.aclose()


async def test_a_wrong_key_is_refused() -> None:
    async with (
        http_context.open(),
        HostedSpeechServer(ScriptedRecogniser([THERE]), key="another") as server,
    ):
        plugin = stt_plugin("elevenlabs", server.url("elevenlabs"))
        assert plugin is not None
        stream = HostedStream(plugin, ScriptedRecogniser([HERE]), Limits(final_s=0.3, again_s=(math.inf, math.inf)))
        stream.feed(speech())
        found = await asyncio.to_thread(stream.transcribe, np.zeros(16_000, np.float32))
        assert found.text == HERE
        assert server.connections == 0
        await stream.aclose()
        await plugin.aclose()
