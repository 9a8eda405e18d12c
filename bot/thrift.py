"""Memory that a call has freed goes back to the machine: recognition uses some for a moment, and the allocator keeps it."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from typing import Final

_EVERY_S: Final = 5.0


@asynccontextmanager
async def thrifty(every_s: float = _EVERY_S) -> AsyncIterator[None]:
    """Inside, freed memory is given back now and then; each time takes a millisecond of a thread of its own."""
    trim = _trim()
    giving = asyncio.create_task(_give_back(trim, every_s), name="call.thrift") if trim is not None else None
    try:
        yield
    finally:
        if giving is not None:
            giving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await giving


def give_back() -> None:
    """Once, now: before a fork, so that nobody copies what is not used."""
    if (trim := _trim()) is not None:
        trim(0)


async def _give_back(trim: Callable[[int], int], every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        await asyncio.to_thread(trim, 0)


@cache
def _trim() -> Callable[[int], int] | None:
    """glibc's malloc_trim; None with another C library, whose allocators do without."""
    if sys.platform != "linux":
        return None
    try:
        found: Callable[[int], int] = ctypes.CDLL("libc.so.6").malloc_trim
    except (OSError, AttributeError):
        return None
    return found
