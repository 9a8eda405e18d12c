"""A campaign over real SIP: every manner of taking a call has its outcome, and nobody is rung twice."""

from __future__ import annotations

import pytest

from bench.campaign import run_campaign
from bench.edge import Edge
from cli.stack.stack import Stack

pytestmark = pytest.mark.e2e


async def test_eleven_leads_and_nine_manners(stack: Stack) -> None:
    found = await run_campaign(Edge("suite", stack.at, stack.at.run_dir, {}), 11, concurrency=4)
    assert (found["wrong"], found["errors"]) == ([], []), found
    assert (found["rung"], found["rung_twice"], found["never_rung"]) == (11, 0, 0), found
    assert len(found["outcomes"]) == 8, found  # type: ignore[arg-type]
