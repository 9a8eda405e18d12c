"""A short run of `python -m bench chaos`: processes are killed in the middle of calls, and nothing is lost."""

from __future__ import annotations

import random

import pytest

from bench.chaos import calls_with_kills, report
from bench.edge import Edge
from cli.stack.stack import Stack

pytestmark = pytest.mark.e2e


async def test_calls_survive_the_deaths_of_their_processes(stack: Stack) -> None:
    where = Edge("suite", stack.at, stack.at.run_dir, {})
    done = await calls_with_kills(where, 3, 2, random.Random(3))
    found = report(done)
    assert found["errors"] == []
    assert found["kills"] >= 3
    assert (found["completed"], found["answers_kept"], found["never_heard_again"]) == (1.0, 1.0, 0), found
