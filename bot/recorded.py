"""Where a call's recording goes, and who is told of its parts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.history import History
from bot.recorder import Recorder
from store.calls import Part
from store.recordings import folder_of
from store.settings import StoreSettings


@asynccontextmanager
async def recorded(recorder: Recorder, history: History) -> AsyncIterator[None]:
    """Give the recorder a place and someone to tell; on leaving the file is whole and its row is written."""
    call, loop = history.call, asyncio.get_running_loop()

    def noted(part: Part) -> None:
        loop.call_soon_threadsafe(history.recorded, part)

    recorder.keep_in(folder_of(StoreSettings().recordings_dir, call.id, call.created_at), noted)
    try:
        yield
    finally:
        await asyncio.to_thread(recorder.close)
        await asyncio.sleep(0)  # what the recorder's thread told last is with the writer now
        await history.flush()
