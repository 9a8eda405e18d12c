"""A campaign over real SIP: every manner of taking a call has its outcome, and nobody is rung twice."""

from __future__ import annotations

import pytest

from bench.campaign import run_campaign, seated
from bench.edge import Edge
from cli.stack.stack import Stack
from sip.phone import Phone, PhoneCall, answer, busy
from store.database import opened
from tests.far_end_contract import keeps_the_contract

pytestmark = pytest.mark.e2e


async def test_eleven_leads_and_nine_manners(stack: Stack) -> None:
    found = await run_campaign(Edge("suite", stack.at, stack.at.run_dir, {}), 11, concurrency=4)
    assert (found["wrong"], found["errors"]) == ([], []), found
    assert (found["rung"], found["rung_twice"], found["never_rung"]) == (11, 0, 0), found
    assert len(found["outcomes"]) == 8, found  # type: ignore[arg-type]


async def test_the_far_end_over_livekit_keeps_the_contract(stack: Stack) -> None:
    where, engaged, talks = Edge("suite", stack.at, stack.at.run_dir, {}), "+442079460900", "+442079460901"
    takes, rung = {engaged: busy(486), talks: answer(0.1)}, list[str]()

    async def take(call: PhoneCall) -> None:
        rung.append(call.to_user)
        await takes[call.to_user](call)

    async with (
        Phone(user="contract", on_call=take) as phone,
        opened(where.at.database_url) as engine,
        seated(where, engine, phone.port, 1) as dialer,
    ):
        await keeps_the_contract(dialer.desk.far_end, engaged, talks, lambda: rung)
        assert phone.errors == []
