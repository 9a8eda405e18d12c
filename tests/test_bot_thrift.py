"""Freed memory goes back to the machine while a call goes on, and nothing is left running behind it."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from bot.thrift import fill_holes, thrifty


async def test_memory_is_given_back_beside_the_call() -> None:
    async with thrifty(every_s=0.0):
        for _ in range(5):
            await asyncio.sleep(0.001)
    assert [task.get_name() for task in asyncio.all_tasks() if task.get_name() == "call.thrift"] == []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked")
def test_what_is_free_between_the_things_in_memory_is_taken_once() -> None:
    """In a process of its own, which keeps it until it ends."""
    if (child := os.fork()) == 0:
        things = [bytes(5_000) for _ in range(1_000)]
        del things[::2]  # each hole lies between two that stay
        first, second = fill_holes(), fill_holes()
        os._exit(0 if second < 200_000 < 2_000_000 < first or first == second == 0 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
