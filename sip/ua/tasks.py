"""A set of background tasks that ends with its owner and reports what failed."""

import asyncio
from collections.abc import Callable, Coroutine

_CLOSE_S = 3.0


class Tasks:
    """Keeps tasks alive; `failed` is told of each task that ends with an exception."""

    def __init__(self, failed: Callable[[BaseException], None]) -> None:
        self._failed = failed
        self._running: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._failed(error)

    def __len__(self) -> int:
        return len(self._running)

    async def close(self) -> None:
        """Cancel what still runs, except the caller, and wait up to 3 s for it."""
        running = [t for t in self._running if t is not asyncio.current_task()]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=_CLOSE_S)


def stop_if_cancelled() -> None:
    """Raise CancelledError in a task that was told to stop: Redis' client now and then takes that for itself."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def first_of(*events: asyncio.Event, timeout: float) -> bool:
    """Wait until one of the events is set; False after `timeout` seconds."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        done, _ = await asyncio.wait(waits, timeout=timeout, return_when="FIRST_COMPLETED")
        return bool(done)
    finally:
        for wait in waits:
            wait.cancel()


async def unless(event: asyncio.Event, work: Coroutine[object, object, None]) -> bool:
    """Do the work and return True, or stop it and return False when the event comes first. Raises what the work raises."""
    working, coming = asyncio.create_task(work), asyncio.create_task(event.wait())
    try:
        await asyncio.wait({working, coming}, return_when="FIRST_COMPLETED")
        if not working.done():
            return False
        await working
        return True
    finally:
        working.cancel()
        coming.cancel()
        await asyncio.gather(working, coming, return_exceptions=True)
