"""`leadline calls` and `leadline call` as a person uses them: output, exit codes, errors."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest
from livekit.protocol.sip import SIPOutboundTrunkInfo
from typer.testing import CliRunner, Result

from cli.calls import response_times
from cli.main import app
from flows.model import Answer, Direction, Mode
from store.calls import NewCall, Turn
from store.database import open_calls
from tests.fake_livekit import KEY, SECRET, FakeLiveKit, Refusal, serving, sip_refusal

LEE = "+12025550134"
STEPS = {"decoding": 90, "decoded": 130, "decided": 250, "understood": 251, "worded": 252, "queued": 255}
RECORD = {
    "score": {"total": 45, "points": [{"rule": "company_size >= 20", "points": 15}, {"rule": "budget", "points": 30}]},
    "next_action": "call back",
    "summary": "Wants to start in March.",
}


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database with two calls, and an environment that points to it."""
    monkeypatch.chdir(tmp_path)
    url = f"sqlite+aiosqlite:///{tmp_path / 'calls.db'}"
    monkeypatch.setenv("LEADLINE_DATABASE_URL", url)
    for key in ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    asyncio.run(_fill(url))
    return url


async def _fill(url: str) -> None:
    async with open_calls(url) as calls:
        await calls.begin(
            NewCall("aa11", Direction.INBOUND, "b2b-software", "f00d", "room-1", LEE, "+12025550100", 1_790_000_000.0)
        )
        await calls.answered("aa11", 1_790_000_002.0)
        await calls.add_turn("aa11", Turn(0, "bot", "How many people?", 1_790_000_002.1, response_ms=100))
        await calls.add_turn("aa11", Turn(1, "caller", "about twenty [five]", 1_790_000_005.0))
        await calls.add_turn(
            "aa11", Turn(2, "bot", "And the budget", 1_790_000_006.5, response_ms=410, interrupted=True, timing=STEPS)
        )
        await calls.add_turn("aa11", Turn(3, "caller", "95", 1_790_000_009.0, mode="keypad"))
        await calls.put_answers(
            "aa11", (Answer("company_size", (25, 25), "about twenty [five]", Mode.SPEECH, "implicit", 1, 0.9, 1.0),)
        )
        await calls.finish("aa11", "qualified", 45, RECORD, 1_790_000_063.5)
        await calls.begin(
            NewCall("aa22", Direction.OUTBOUND, "b2b-software", "f00d", "room-2", "+12025550100", LEE, 1_790_000_100.0)
        )


def leadline(*words: str) -> Result:
    return CliRunner().invoke(app, words)


def test_list_shows_the_newest_first(url: str) -> None:
    shown = leadline("calls", "list")
    assert shown.exit_code == 0
    newest, oldest = (line for line in shown.output.splitlines() if "aa" in line and "b2b" in line)
    assert "aa22" in newest
    assert "in progress" in newest
    assert "1:01.5" in oldest
    assert "qualified" in oldest
    assert [call["id"] for call in json.loads(leadline("calls", "list", "--json", "--limit", "1").output)] == ["aa22"]


def test_show_prints_where_the_milliseconds_of_each_reply_went(url: str) -> None:
    shown = leadline("calls", "show", "aa11", "--timing")
    row = next(line for line in shown.output.splitlines() if line.lstrip().startswith("And the budget"))
    assert row.split()[3:] == [str(ms) for ms in STEPS.values()]
    assert "median of 1" in shown.output
    told = json.loads(leadline("calls", "show", "aa11", "--timing", "--json").output)
    assert told["timing"] == [{"n": 2, "text": "And the budget", **STEPS}]
    assert "no reply of this call was timed" in leadline("calls", "show", "aa22", "--timing").output


def test_show_prints_answers_with_evidence_points_and_response_times(url: str) -> None:
    shown = leadline("calls", "show", "aa1")
    assert shown.exit_code == 0
    for piece in (
        "about twenty [five]",
        "[25, 25]",
        "company_size >= 20",
        "p50 255 ms, max 410 ms over 2 replies",
        "Wants to start in March.",
        f"{LEE} → +12025550100",
    ):
        assert piece in shown.output
    told = json.loads(leadline("calls", "show", "aa11", "--json").output)
    assert (told["disposition"], told["score"], told["record"]) == ("qualified", 45, RECORD)
    assert told["answers"][0]["value"] == [25, 25]
    assert told["response_ms"] == {"n": 2, "p50": 255, "max": 410}


def test_transcript_says_who_when_and_how_fast(url: str) -> None:
    shown = leadline("calls", "transcript", "aa11")
    assert shown.exit_code == 0
    for piece in ("0:03.0", "about twenty [five]", "410 ms", "And the budget —", "[keys] 95"):
        assert piece in shown.output
    turns = json.loads(leadline("calls", "transcript", "aa11", "--json").output)
    assert [(turn["who"], turn["mode"], turn["response_ms"]) for turn in turns[2:]] == [
        ("bot", "speech", 410),
        ("caller", "keypad", None),
    ]
    assert "nothing was said" in leadline("calls", "transcript", "aa22").output


@pytest.mark.parametrize(("command", "call_id"), [("show", "zz"), ("transcript", "zz"), ("show", "aa")])
def test_an_unknown_or_ambiguous_id_is_an_error(url: str, command: str, call_id: str) -> None:
    shown = leadline("calls", command, call_id)
    assert shown.exit_code == 1
    assert ("no call with the id 'zz'" if call_id == "zz" else "2 calls begin with 'aa'") in shown.output


def test_a_database_that_cannot_be_opened_is_an_error(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLINE_DATABASE_URL", "nonsense")
    shown = leadline("calls", "list")
    assert shown.exit_code == 1
    assert "LEADLINE_DATABASE_URL is not usable" in shown.output


def test_a_stack_that_was_never_started_is_an_error(url: str) -> None:
    shown = leadline("calls", "list", "--name", "nowhere")
    assert shown.exit_code == 1
    assert "leadline up --name nowhere" in shown.output


def test_the_stack_in_this_folder_is_found(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEADLINE_DATABASE_URL")
    (tmp_path / "run" / "local").mkdir(parents=True)
    (tmp_path / "run" / "local" / "env").write_text(f"LEADLINE_DATABASE_URL={url}\n")
    assert "aa22" in leadline("calls", "list").output


def test_response_times_of_a_call_without_replies() -> None:
    assert response_times([Turn(0, "bot", "Hello.", 1.0)]) is None


# -- leadline call


@pytest.fixture
def fake(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeLiveKit]:
    """A scripted LiveKit in a thread of its own, found through the environment."""
    fake, at, ended = FakeLiveKit(), Future[str](), threading.Event()

    async def serve() -> None:
        async with serving(fake) as where:
            at.set_result(where)
            await asyncio.to_thread(ended.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    monkeypatch.setenv("LIVEKIT_URL", at.result(10))
    monkeypatch.setenv("LIVEKIT_API_KEY", KEY)
    monkeypatch.setenv("LIVEKIT_API_SECRET", SECRET)
    yield fake
    ended.set()
    thread.join(10)


def call(*words: str) -> Result:
    return leadline("call", LEE, "--trunk", "127.0.0.1:5099", "--from", "+12025550100", *words)


@pytest.mark.parametrize(
    ("answer", "code", "says"),
    [
        (sip_refusal(486, "Busy Here", "resource_exhausted", 429), 3, "busy (486 Busy Here)"),
        (sip_refusal(603, "Decline", "permission_denied", 403), 4, "declined (603 Decline)"),
        (sip_refusal(480, "Temporarily Unavailable", "resource_exhausted", 429), 5, "unanswered (480"),
        (sip_refusal(404, "Not Found", "not_found", 404), 8, "not_found (404 Not Found)"),
        (sip_refusal(503, "Service Unavailable", "failed_precondition", 412), 7, "trunk_down (503"),
        (Refusal("unavailable", "no response from servers", 503), 7, "no_gateway"),
    ],
)
def test_how_the_call_ended_is_the_exit_code(
    fake: FakeLiveKit, url: str, answer: Refusal, code: int, says: str
) -> None:
    fake.phone.answer = answer
    shown = call("--var", "first_name=Ada", "--digits", "ww12#")
    assert [one.dtmf for one in fake.dialled] == ["ww12#"]
    assert shown.exit_code == code, shown.output
    assert says in shown.output
    (newest,) = json.loads(leadline("calls", "list", "--json", "--limit", "1").output)
    assert newest["lead"] == {"first_name": "Ada"}
    assert newest["ended_at"] is not None


def test_an_answered_call_prints_the_bots_record(fake: FakeLiveKit, url: str) -> None:
    async def bot(call_id: str) -> None:
        async with open_calls(url, migrated=True) as calls:
            assert await calls.flow_body((await calls.get(call_id)).begun.flow_hash)
            await calls.finish(call_id, "qualified", 45, RECORD, 1_790_000_200.0)

    fake.phone.on_answer = lambda request: bot(request.room_name.removeprefix("call-"))
    shown = call()
    assert shown.exit_code == 0, shown.output
    for piece in ("waiting for the agent", "dialling", "answered (200 OK)", "qualified", "company_size >= 20"):
        assert piece in shown.output


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("call", "911"), 6, "refused by the gate (number_kind)"),
        (("call", "+18005550199"), 6, "toll-free"),
        (("call", LEE, "--flow", "nowhere"), 1, "no such flow"),
        (("call", LEE, "--var", "nonsense"), 1, "--var first_name=Ada"),
        (("call", LEE, "--var", "firstname=Ada"), 1, "uses no firstname: did you mean first_name?"),
        (("call", LEE, "--var", "shoe=9"), 1, "Known are first_name, last_name, company, state, role;"),
        (("call", LEE, "--digits", "12 34"), 1, "like ww12#"),
        (("call", LEE, "--trunk", "nowhere"), 1, "no outbound trunk called 'nowhere'"),
    ],
)
def test_what_cannot_be_called_is_said(fake: FakeLiveKit, words: tuple[str, ...], code: int, says: str) -> None:
    fake.outbound["ST_1"] = SIPOutboundTrunkInfo(sip_trunk_id="ST_1", name="lab", address="127.0.0.1:5099")
    shown = leadline(*words)
    assert shown.exit_code == code, shown.output
    assert says in shown.output
    assert fake.dialled == []


def test_a_peer_needs_a_number_to_show(fake: FakeLiveKit) -> None:
    shown = leadline("call", LEE, "--trunk", "127.0.0.1:5099")
    assert shown.exit_code == 6
    assert "--from NUMBER" in shown.output


def test_missing_keys_are_said(url: str) -> None:
    shown = call()
    assert shown.exit_code == 1
    assert "LIVEKIT_API_KEY and LIVEKIT_API_SECRET are not set" in shown.output


@pytest.mark.parametrize(("setting", "value"), [("LIVEKIT_URL", "somewhere"), ("LEADLINE_RINGING_S", "3")])
def test_wrong_settings_are_said(fake: FakeLiveKit, monkeypatch: pytest.MonkeyPatch, setting: str, value: str) -> None:
    monkeypatch.setenv(setting, value)
    shown = call()
    assert shown.exit_code == 1
    assert setting.removeprefix("LEADLINE_").lower() in shown.output.lower()


def test_a_server_that_is_not_there_is_out_of_order(
    fake: FakeLiveKit, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    monkeypatch.setenv("LIVEKIT_URL", f"ws://127.0.0.1:{unused_tcp_port}")
    shown = call()
    assert shown.exit_code == 7
    assert "no_server" in shown.output
