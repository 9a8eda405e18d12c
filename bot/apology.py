"""Saying sorry for a call that no process of ours survives: nothing listens, the words were rendered beforehand."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from livekit import rtc
from livekit.agents import AutoSubscribe, JobContext

from bot import preload
from bot.hangup import hang_up
from bot.line import RoomSpeaker
from bot.mouth import Mouth
from bot.postmortem import close_row
from bot.senses import open_senses
from bot.settings import BotSettings
from bot.stores import Stores
from bot.studio import Studio
from bot.succession import claim, inherit, myself
from store.live_holding import Holding

log = logging.getLogger("leadline.job")

APOLOGY: Final = preload.APOLOGY
_SPEAK_S: Final = 10.0
_SUBSCRIBE_S: Final = 0.3  #: the edge needs a moment to take our track before the first word


async def apologise(ctx: JobContext, stores: Stores) -> None:
    """Join without hearing anything, say the apology, close the call's row as dropped, hang up."""
    room = ctx.job.room.name
    owner = myself(ctx.job.id, ctx.job.metadata)
    claimed = await claim(stores.live, room, owner)
    before = await inherit(claimed, stores.shelf, room)
    await ctx.connect(auto_subscribe=AutoSubscribe.SUBSCRIBE_NONE)
    log.error("every process of this call died (%d): apologising and hanging up", before.deaths)
    async with Holding(
        stores.live, room, owner, stores.shelf, claimed
    ) as holding:  # the lease is shorter than the words
        await _say_sorry(ctx)
        await close_row(stores, room, before.snapshot, before.flow_body, time.time())
        await hang_up(ctx.api, ctx.room)
        await holding.over()


async def _say_sorry(ctx: JobContext) -> None:
    speaker = RoomSpeaker()
    track = rtc.LocalAudioTrack.create_audio_track("bot", speaker.source)
    await ctx.room.local_participant.publish_track(
        track, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE, dtx=False, red=False)
    )
    await asyncio.sleep(_SUBSCRIBE_S)
    with ThreadPoolExecutor(1, "studio") as rendering, contextlib.suppress(TimeoutError):
        senses = open_senses(BotSettings())
        studio = Studio(senses.voice, preload.CACHE, rendering, spare=senses.spare)
        await asyncio.wait_for(Mouth(speaker, studio).say(APOLOGY), _SPEAK_S)
