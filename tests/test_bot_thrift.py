"""Freed memory goes back to the machine while a call goes on, and nothing is left running behind it."""

from __future__ import annotations

import asyncio

from bot.thrift import thrifty


async def test_memory_is_given_back_beside_the_call() -> None:
    async with thrifty(every_s=0.0):
        for _ in range(5):
            await asyncio.sleep(0.001)
    assert [task.get_name() for task in asyncio.all_tasks() if task.get_name() == "call.thrift"] == []
