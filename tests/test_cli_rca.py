"""Why a call failed, in a table: what was kept of it, and the cause and fix that are told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cli.rca import Known, cause, lost_call, timeline
from flows.model import Direction
from store.calls import Call, NewCall, SipLeg, Turn
from store.happenings import FAILED, Happening

OUT = NewCall("c1", Direction.OUTBOUND, "b2b", "h", "call-c1", "+12025550100", "+12025550134", 100.0)
SAID = Turn(0, "bot", "Hello!", 105.0, slot="ready")
HEARD = Turn(1, "caller", "yes", 108.0)


def failed(ending: str, status: int | None, phrase: str = "") -> Known:
    disposition = "not_placed"
    call = Call(OUT, SipLeg("", status, phrase), None, 110.0, disposition, 0, {"outcome": ending})
    return Known(call, [Happening(101.0, "sip", "invite", {"trunk": "carrier", "pii.to": "+12025550134"})], [])


def talked(
    disposition: str = "abandoned", lasted: float = 30.0, turns: tuple[Turn, ...] = (SAID, HEARD), **heard: float
) -> Known:
    call = Call(OUT, SipLeg("SCL_1", 200, "OK"), 104.0, 104.0 + lasted, disposition, 0, {})
    told = {"seconds": 20.0, "sound_s": 3.0} | heard
    return Known(call, [Happening(104.0 + lasted, "agent", "heard", told)], turns)


@pytest.mark.parametrize(
    ("known", "what", "fix", "ours"),
    [
        (failed("no_agent", None, "no agent took"), "no agent took the job", "leadline worker", True),
        (failed("no_gateway", None), "no SIP edge", "livekit-sip", True),
        (failed("no_server", None), "LiveKit could not", "livekit-server", True),
        (failed("trunk_refused", 403, "Forbidden"), "forbids", "caller ID", True),
        (failed("trunk_refused", 407), "credentials", "auth_password", True),
        (failed("trunk_refused", 401), "credentials", "auth_username", True),
        (failed("trunk_refused", 488, "Not Acceptable"), "codecs", "PCMU", True),
        (failed("trunk_refused", None, "failed_precondition: no common codec"), "codecs", "PCMU", True),
        (failed("trunk_refused", 420, "Bad Extension"), "420 Bad Extension", "instructions", True),
        (failed("not_found", 404, "Not Found"), "no such number", "prefix", False),
        (failed("not_found", 484, "Address Incomplete"), "incomplete", "in full", False),
        (failed("trunk_down", 503, "Service Unavailable"), "out of order", "leadline trunk test", True),
        (failed("trunk_down", None, "never rang"), "not there", "address", True),
        (failed("busy", 486, "Busy Here"), "another call", "later", False),
        (failed("declined", 603, "Decline"), "declined (603 Decline)", "a day", False),
        (failed("unwanted", 607, "Unwanted"), "kept away", "suppressed", False),
        (failed("blocked", 608, "Rejected"), "analytics", "register", True),
        (failed("unanswered", None, "it rang"), "nobody picked up", "time of day", False),
        (failed("cancelled", None), "our side stopped", "", False),
        (talked(turns=(SAID,), seconds=0.0, sound_s=0.0), "not one packet", "nat_1_to_1_ip", True),
        (talked(turns=(SAID,), sound_s=0.0), "nothing but silence", "RTP", False),
        (talked(turns=(SAID,)), "no words were understood", "recording", False),
        (talked(turns=()), "the bot never spoke", "speech models", True),
        (talked("abandoned", 2.0, (SAID,)), "hung up at once", "greeting", False),
        (talked("abandoned"), "hung up at the question 'ready'", "", False),
        (talked("failed"), "broke on our side", "leadline logs worker", True),
        (talked("qualified"), "nothing failed", "", False),
    ],
)
def test_causes(known: Known, what: str, fix: str, ours: bool) -> None:
    found = cause(known)
    assert what in found.what
    assert fix in found.fix
    assert found.ours is ours


def test_calls_that_left_no_word() -> None:
    up = Call(OUT, SipLeg("SCL_1", 200, "OK"), 104.0)
    assert cause(Known(up, [], [SAID])).what == "the call goes on"
    over = replace(up, ended_at=130.0, disposition="failed")
    assert "in the middle" in cause(Known(over, [], [SAID])).what
    assert "left no word" in cause(Known(over, [], [])).what
    begun = Call(OUT)
    assert "died before the INVITE" in cause(Known(begun, [], [])).what
    assert "being dialled" in cause(Known(begun, [Happening(101.0, "sip", "invite")], [])).what
    inbound = Call(replace(OUT, direction=Direction.INBOUND), ended_at=120.0, disposition="abandoned")
    assert "gave up before" in cause(Known(inbound, [], [])).what


@pytest.mark.parametrize(
    ("facts", "what", "fix"),
    [
        ({"error": "no trunk or rule matches"}, "caller heard nothing", "dispatch test"),
        ({"error": "call was not authorized by trunk configuration"}, "caller heard nothing", "dispatch test"),
        ({"error": "486 Busy Here"}, "no agent took the call", "leadline worker"),
        ({"error": "Busy", "status": 486}, "no agent took the call", "--live"),
        ({"error": "room subscription timed out"}, "no agent took the call", "leadline worker"),
        ({"error": "auth challenge issued, no authenticated retry received"}, "gave no credentials", "carrier"),
        ({"error": "invalid credentials were provided"}, "credentials", "scanner"),
        ({"error": "wrong pin"}, "wrong PIN", "rule"),
        ({"error": "room closed"}, "gave up", "sooner"),
        ({"error": "407 Proxy Authentication Required"}, "gave no credentials", "carrier"),
        ({"error": "401 Unauthorized"}, "credentials", "scanner"),
        ({"error": "503 Service Unavailable"}, "livekit-server or Redis", "both"),
        ({"error": "something new"}, "the SIP edge says: something new", "log"),
    ],
)
def test_calls_that_no_agent_saw(facts: dict[str, str | int], what: str, fix: str) -> None:
    told = {"direction": "inbound", "pii.from": "+12025550134", "pii.to": "+12025550100"}
    known = lost_call("SCL_1", [Happening(100.0, "sip", "call begins", told), Happening(120.0, "sip", FAILED, facts)])
    assert (known.call.begun.caller, known.call.begun.callee) == ("+12025550134", "+12025550100")
    found = cause(known)
    assert what in found.what
    assert fix in found.fix


def test_a_line_that_went_dead() -> None:
    known = talked()
    told = [*known.happenings, Happening(134.0, "sip", FAILED, {"error": "media-timeout"})]
    assert "no RTP" in cause(replace(known, happenings=told)).what


def test_the_timeline_is_in_order_and_names_who_did_what() -> None:
    known = talked("qualified")
    happenings = [*known.happenings, Happening(101.0, "sip", "invite", {"trunk": "carrier", "pii.to": "+12025550134"})]
    lines = timeline(replace(known, happenings=happenings))
    assert [(line.source, line.what) for line in lines] == [
        ("call", "outbound +12025550100 → +12025550134"),
        ("sip", "invite trunk=carrier to=+12025550134"),
        ("sip", "answered"),
        ("flow", "bot says: Hello!"),
        ("flow", "caller says: yes"),
        ("agent", "heard seconds=20.0 sound_s=3.0"),
        ("call", "ended: qualified"),
    ]
