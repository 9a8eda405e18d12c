"""What every far end promises a dialer (`campaigns.far_end.FarEnd`), asked of the simulated one and of the real one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from campaigns.far_end import FarEnd, Refused, Ring, Withheld
from sip.outcome import Ending, Outcome
from tests.waiting import eventually

OURS = "+442079460998"


async def go() -> None:
    """The INVITE may be sent."""


async def stop() -> None:
    """It may not."""
    raise Withheld("not now")


async def keeps_the_contract(end: FarEnd, busy: str, talks: str, rung: Callable[[], Sequence[str]]) -> None:
    """`busy` is the number of somebody who is, `talks` of somebody who answers and stays; `rung` tells who was."""
    withheld = await end.place(Ring("withheld", talks, OURS), stop)
    assert isinstance(withheld, Refused), "what must not be sent is a refusal"
    assert withheld.rule == "withheld"
    assert list(rung()) == []
    assert await end.talk("withheld", 0.1) is None
    assert not await end.is_up("withheld")
    assert await end.talk("nobody", 0.1) is None
    await end.hang_up("nobody")

    engaged = await end.place(Ring("engaged", busy, OURS), go)
    assert isinstance(engaged, Outcome), engaged
    assert (engaged.name, engaged.sip_status) == (Ending.BUSY, 486)
    assert await end.talk("engaged", 0.1) is None
    assert not await end.is_up("engaged")

    answered = await end.place(Ring("answered", talks, OURS), go)
    assert isinstance(answered, Outcome), answered
    assert answered.name is Ending.ANSWERED
    assert await end.is_up("answered")
    assert await end.talk("answered", 0.1) is None, "a call that goes on has come to nothing yet"
    assert await end.is_up("answered"), "asking does not end it"

    async def over() -> bool:
        return not await end.is_up("answered")

    await end.hang_up("answered")
    talk = await end.talk("answered", 10)
    assert talk is not None
    assert talk.seconds >= 0
    await eventually(over)
    assert list(rung()) == [busy, talks], "each was rung once"
