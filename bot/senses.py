"""Which ear, voice and voice activity a call uses: the local models that came with the fork, or the plugins chosen."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from bot import preload
from bot.beep import BeepSense, ToneSense
from bot.hosted import HostedRecogniser, PluginActivity
from bot.hosted_stt import HostedStream
from bot.hosted_voice import HostedVoice
from bot.providers import ProviderUnusable, preferring, stt_plugin, tts_plugin, vad_plugin
from bot.settings import BotSettings
from bot.speech.moonshine import Recogniser
from bot.speech.turn import TurnModel
from bot.speech.vad import Activity, VoiceActivity, builtin
from bot.speech.voice import StreamingVoice, Voice


@dataclass(frozen=True, slots=True)
class Senses:
    """What a call hears and speaks with."""

    recogniser: Recogniser
    voice: Voice | StreamingVoice
    spare: Voice | None  #: takes over when a hosted voice fails
    activity: Activity
    turn_model: TurnModel | None  #: None: words and silence alone
    tones: ToneSense

    async def close(self) -> None:
        """The call is over."""
        if isinstance(self.recogniser, HostedStream):
            await self.recogniser.aclose()


def open_senses(settings: BotSettings) -> Senses:
    """Build them on the running loop.

    Raises:
        ProviderUnusable: see `providers.build`; also when local speech is chosen where its weights are missing.
    """
    loop = asyncio.get_running_loop()
    stt, vad = stt_plugin(settings.stt, settings.stt_base_url), vad_plugin(settings.vad)
    tts = tts_plugin(settings.tts, settings.tts_base_url)
    recogniser: Recogniser | None = preload.RECOGNISER
    if stt is not None and stt.capabilities.streaming:
        recogniser = HostedStream(stt, preload.RECOGNISER, preferring=preferring(settings.stt, stt))
    elif stt is not None:
        recogniser = HostedRecogniser(stt, loop, preload.RECOGNISER)
    voice = HostedVoice(tts) if tts is not None else preload.VOICE
    if recogniser is None or voice is None:
        raise ProviderUnusable("local speech is not loaded in this process: restart the worker")
    spare = preload.VOICE if tts is not None else None
    activity = PluginActivity(vad) if vad is not None else VoiceActivity(builtin())
    return Senses(recogniser, voice, spare, activity, preload.JUDGE, BeepSense())
