"""What a room holds in the SDK's native library, and letting go of it as soon as the call is over.

The Python objects of a room refer to each other in circles. Left to the collector of such circles, the room's peer
connections with their threads and buffers stay for many calls. This leans on the SDK's own handles (livekit 1.1.21,
pinned); letting go twice does nothing.
"""

import asyncio
import contextlib
from collections.abc import Iterator

from livekit import rtc
from livekit.rtc._ffi_client import FfiHandle


def handles(room: rtc.Room) -> list[FfiHandle]:
    """Everything native of a room that is joined; of one that is not, nothing. The room itself comes last."""
    found = [handle for participant in _participants(room) for handle in _of(participant)]
    if (own := room._ffi_handle) is not None:
        found.append(own)
    return found


async def let_go(held: list[FfiHandle]) -> None:
    """Release them in a thread: closing a peer connection takes milliseconds in which other calls want to be heard."""

    def dispose() -> None:
        for handle in held:
            handle.dispose()

    await asyncio.to_thread(dispose)


async def part(
    room: rtc.Room,
    limit_s: float,
    reason: "rtc.DisconnectReason.ValueType" = rtc.DisconnectReason.CLIENT_INITIATED,
) -> None:
    """Leave the room within the limit, and hold nothing of it; of the first one everything, for as long as we live.

    When nobody has a peer connection any more, the native library ends the clock that makes sound of what comes in. A join
    whose first try the server turns down has one, and none, and one again, and the clock does not start again: whoever
    joins then hears nothing (docs/decisions/0011-a-deaf-process.md). What is held of the first room keeps it going.
    """
    held = handles(room)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(limit_s):
            await room.disconnect(reason=reason)
    if _first or not held:
        await let_go(held)
    else:
        _first.extend(held)


_first: list[FfiHandle] = []  # what is held of the first room
_late: set[asyncio.Task[None]] = set()


def part_once_joined(room: rtc.Room, connecting: "asyncio.Task[None]", limit_s: float) -> None:
    """Nobody waits for this join any more. It cannot be called off: what it joins in the end has to be left again.

    The SDK ends the whole process when it joins a room that nobody listens to. It gives up by itself after some 15 s.
    """

    async def leave() -> None:
        with contextlib.suppress(rtc.ConnectError):
            await connecting
            await part(room, limit_s)

    task = asyncio.create_task(leave())
    _late.add(task)
    task.add_done_callback(_late.discard)


def _participants(room: rtc.Room) -> Iterator[rtc.Participant]:
    if room._local_participant is not None:
        yield room._local_participant
    yield from room.remote_participants.values()


def _of(participant: rtc.Participant) -> Iterator[FfiHandle]:
    for publication in participant.track_publications.values():
        if publication.track is not None:
            yield publication.track._ffi_handle
        yield publication._ffi_handle
    yield participant._ffi_handle
