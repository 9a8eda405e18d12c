"""The hands: effects that are neither speech nor listening, each answered with the event that acknowledges it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import assert_never

from flows.model import Callback, Done, Event, Found, Lookup, Press, Transfer, TransferDone, TransferFailed

#: Puts the caller through to a number; raises TransferRefused.
PutThrough = Callable[[str], Awaitable[None]]


class TransferRefused(Exception):
    """Nobody took the transfer; the message says why."""


class Hands:
    """One per call."""

    def __init__(self, put_through: PutThrough) -> None:
        self._put_through = put_through

    async def do(self, effect: Transfer | Lookup | Callback | Press) -> Event:
        """Carry the effect out and say how it went."""
        match effect:
            case Transfer(id=id_, to=to):
                try:
                    await self._put_through(to)
                except TransferRefused as refused:
                    return TransferFailed(time.time(), id_, str(refused))
                return TransferDone(time.time(), id_)
            case Lookup(id=id_, tool=tool):
                return Found(time.time(), id_, error=f"no tool called {tool!r} is configured")
            case Callback(id=id_) | Press(id=id_):
                # A callback is kept in the record: it needs no act of ours.
                return Done(time.time(), id_)
            case _:
                assert_never(effect)
