"""The hands: effects that are neither speech nor listening, each answered with the event that acknowledges it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, assert_never

from bot.switchboard import Mode, TransferRefused
from flows.model import Callback, Done, Event, Found, Lookup, Press, Transfer, TransferDone, TransferFailed

#: A caller who was sent away by REFER is gone before its last word is here.
_LAST_WORD_S: Final = 3.0
_STOP_S: Final = 5.0


class PutsThrough(Protocol):
    """Connects the caller with people: `bot.switchboard.Switchboard`, or `bot.rehearsal.Exchange`."""

    async def connect(self, transfer: Transfer) -> Mode:
        """Returns how, once somebody has the caller. Raises TransferRefused when nobody does."""
        ...

    async def take_back(self) -> None:
        """The caller hears the bot again, and no one else."""
        ...


class Hands:
    """One per call. A transfer goes on beside the conversation; everything else is done in order."""

    def __init__(self, switchboard: PutsThrough, press: Callable[[str], Awaitable[None]]) -> None:
        """`press` sends keys to the caller's side."""
        self._switchboard = switchboard
        self._press = press
        self._transfer: tuple[Transfer, asyncio.Task[Event]] | None = None

    async def do(self, effect: Lookup | Callback | Press) -> Event:
        """Carry the effect out and say how it went."""
        match effect:
            case Lookup(id=id_, tool=tool):
                return Found(time.time(), id_, error=f"no tool called {tool!r} is configured")
            case Press(id=id_, digits=digits):
                await self._press(digits)
                return Done(time.time(), id_)
            case Callback(id=id_):
                # A callback is kept in the record: it needs no act of ours.
                return Done(time.time(), id_)
            case _:
                assert_never(effect)

    def begin(self, transfer: Transfer, report: Callable[[Event], None]) -> None:
        """Start to put the caller through; `report` is told how it ended, unless it was taken back before."""
        task = asyncio.create_task(self._connect(transfer), name="call.transfer")
        self._transfer = transfer, task

        def ended(done: asyncio.Task[Event]) -> None:
            if not done.cancelled() and self._transfer is not None and self._transfer[1] is done:
                self._transfer = None
                report(done.result())

        task.add_done_callback(ended)

    async def take_back(self) -> None:
        """The bot is about to speak to the caller: a transfer is given up, whoever took the call is hung up."""
        await self.stop()
        await self._switchboard.take_back()

    async def caller_left(self) -> Event | None:
        """The caller is gone: because a transfer sent them on (then the event that says so), or for good."""
        if self._transfer is None:
            return None
        transfer, task = self._transfer
        if transfer.mode == "cold":
            await asyncio.wait({task}, timeout=_LAST_WORD_S)
        if not task.done():
            await self.stop()
            return None
        self._transfer = None
        return task.result()

    async def stop(self) -> None:
        """End a transfer that is under way; nobody hears of it."""
        if self._transfer is None:
            return
        _, task = self._transfer
        self._transfer = None
        task.cancel()
        await asyncio.wait({task}, timeout=_STOP_S)

    async def _connect(self, transfer: Transfer) -> Event:
        try:
            mode = await self._switchboard.connect(transfer)
        except TransferRefused as refused:
            return TransferFailed(time.time(), transfer.id, str(refused))
        return TransferDone(time.time(), transfer.id, mode)
