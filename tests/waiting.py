"""Waiting for the outside world in tests: until a condition holds, with a limit, never for a fixed time."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable

LIMIT_S = 20.0
_ASK_EVERY_S = 0.02


async def eventually(true: Callable[[], bool | Awaitable[bool]], limit_s: float = LIMIT_S) -> None:
    """Wait until `true()` is, asking over and over. Raises TimeoutError after `limit_s` seconds."""
    async with asyncio.timeout(limit_s):
        while True:
            answer = true()
            if await answer if inspect.isawaitable(answer) else answer:
                return
            await asyncio.sleep(_ASK_EVERY_S)
