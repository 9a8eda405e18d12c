"""Memory that a call has freed goes back to the machine: recognition uses some for a moment, and the allocator keeps it."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, Final, cast

_EVERY_S: Final = 5.0
_HOLES: Final = tuple(1 << bits for bits in range(17, 4, -1))  #: sizes that are tried, in bytes


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


def fill_holes() -> int:
    """Take what is free between the things in memory, for good: before a fork, as whatever a call puts there makes it
    own a copy of the whole page. Its memory then comes from fresh pages that it fills. Returns the bytes taken."""
    if (held := _mallinfo()) is None:
        return 0
    allocate, taken = ctypes.CDLL(None).malloc, 0
    allocate.restype, allocate.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    release = ctypes.CDLL(None).free
    release.argtypes = [ctypes.c_void_p]
    for size in _HOLES:
        fits = True
        while fits:
            before = held()
            place = allocate(size)
            after = held()
            fits = (before.arena, before.hblks, before.keepcost) == (after.arena, after.hblks, after.keepcost)
            if fits:
                taken += size
            else:  # it came from behind everything: no hole is so large any more
                release(place)
    return taken


class _Held(ctypes.Structure):
    """What glibc's mallinfo2 tells, in its order."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        )
    )


@cache
def _mallinfo() -> Callable[[], Any] | None:
    """None with another C library, or one from before 2021."""
    if sys.platform != "linux":
        return None
    try:
        found = ctypes.CDLL("libc.so.6").mallinfo2
    except (OSError, AttributeError):
        return None
    found.restype = _Held
    return cast("Callable[[], Any]", found)


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
