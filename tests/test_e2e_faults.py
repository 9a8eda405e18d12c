"""What happens to calls when parts fail: Redis away, livekit-server dead, no worker, a worker that must go."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import aiohttp
import psutil
import pytest
from livekit import api

from bench.edge import Edge, worker
from cli.stack.config import ROOT
from cli.stack.health import WORKER_READY
from cli.stack.stack import Stack
from sip.phone import CallFailed, Phone
from tests.conftest import running
from tests.e2e_support import (
    IMPATIENT,
    SHORT,
    TURN_S,
    UNKNOWN,
    Files,
    at_rest,
    bot_turn,
    calling,
    finished,
    nothing_left,
    open_livekit,
    processes,
    said,
    write_files,
)
from tests.waiting import eventually

pytestmark = pytest.mark.e2e

RINGING_S = 3
_EXIT_S = 30.0


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return write_files(tmp_path_factory.mktemp("flows"))


@pytest.fixture(scope="module", autouse=True)
def _parts_are_ours(sip_edge: str) -> None:
    if sip_edge == "external":
        pytest.skip("stops and kills parts of stacks of its own, all of them with the embedded gateway")


# -- a stack whose parts are stopped and killed during calls


@pytest.fixture(scope="module")
def frail(files: Files, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of this file's own."""
    with running(files.config("frail", tmp_path_factory.mktemp("run"))) as stack:
        yield stack


async def qualify(stack: Stack, caller: str) -> None:
    """A whole call that must work."""
    async with calling(stack.at, SHORT, caller) as call:
        await bot_turn(call)
        await call.media.send_dtmf("1")
        await call.wait_ended(20)
    (row,) = await finished(stack.at, caller)
    assert row.disposition == "qualified"


async def trunk_is_there(stack: Stack) -> bool:
    try:
        async with open_livekit(stack.at) as lk:
            trunks = (await lk.sip.list_inbound_trunk(api.ListSIPInboundTrunkRequest())).items
            rules = (await lk.sip.list_dispatch_rule(api.ListSIPDispatchRuleRequest())).items
    except (api.ServerError, aiohttp.ClientError):
        return False
    return [trunk.name for trunk in trunks] == ["e2e"] and len(rules) == len(stack.config.rule_files)


async def test_a_call_outlives_redis_and_trunks_come_back_with_an_empty_one(frail: Stack) -> None:
    async with calling(frail.at, SHORT, "+14045550180") as call:
        _, silent = await bot_turn(call)
        frail.stop("redis")
        await eventually(lambda: not _listens(frail.redis_url))
        await call.media.send_dtmf("1")
        await call.media.wait_speech(silent)  # the goodbye, without Redis
        frail.start("redis")
        await call.wait_ended(20)
        assert call.ended_by == "remote"
    (row,) = await finished(frail.at, "+14045550180")
    assert row.disposition == "qualified"
    await eventually(lambda: trunk_is_there(frail))
    await qualify(frail, "+14045550181")


def _listens(url: str) -> bool:
    """Whether something takes connections there."""
    host, port = url.partition("//")[2].partition("/")[0].split(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


async def test_a_worker_that_must_go_finishes_its_calls_and_told_again_ends_them_with_an_apology(frail: Stack) -> None:
    worker, workers = frail.pid("worker"), registrations(frail)
    assert worker is not None
    async with calling(frail.at, SHORT, "+14045550182") as one, calling(frail.at, SHORT, "+14045550192") as other:
        await one.media.wait_speech(one.t["answer"])
        os.kill(worker, signal.SIGTERM)
        await eventually(lambda: "draining" in worker_log(frail)[-4000:])
        await bot_turn(one)
        await one.media.send_dtmf("1")
        await one.wait_ended(20)
        (row,) = await finished(frail.at, "+14045550182")
        assert row.disposition == "qualified"
        assert not other.ended.is_set()
        await other.media.wait_quiet(TURN_S)
        told = time.time()
        os.kill(worker, signal.SIGTERM)
        await other.media.wait_speech(told)
        await other.wait_ended(20)
        assert other.ended_by == "remote"
    (row,) = await finished(frail.at, "+14045550192")
    assert row.disposition == "dropped"
    await eventually(lambda: frail.pid("worker") not in (None, worker), 30)
    await eventually(lambda: registrations(frail) == workers + 1, 60)


def worker_log(stack: Stack) -> str:
    return (stack.at.run_dir / "logs" / "worker.log").read_text()


def registrations(stack: Stack) -> int:
    """How often a worker of this stack was accepted by livekit-server."""
    return worker_log(stack).count(WORKER_READY)


async def test_a_call_whose_process_is_killed_goes_on_with_its_question(frail: Stack) -> None:
    before = await at_rest(frail)
    async with calling(frail.at, SHORT, "+14045550190") as call:
        await bot_turn(call)
        killed = time.time()
        os.kill(in_the_call(frail), signal.SIGKILL)
        began, silent = await bot_turn(call, killed + 0.3)
        assert began - killed < 10
        assert silent - began > 1  # a sentence, and the open question
        await call.media.send_dtmf("1")
        await call.wait_ended(20)
        assert call.ended_by == "remote"
    (row,) = await finished(frail.at, "+14045550190")
    assert row.disposition == "qualified"
    assert "the line dropped" in " ".join(await said(frail.at, row, "bot"))
    await nothing_left(frail, before, calls=2)


async def test_a_call_that_kills_three_processes_gets_an_apology_and_is_kept_as_dropped(frail: Stack) -> None:
    before = await at_rest(frail)
    async with calling(frail.at, SHORT, "+14045550191") as call:
        await bot_turn(call)
        for _ in range(3):
            killed = time.time()
            os.kill(await one_in_the_call(frail), signal.SIGKILL)
            await call.media.wait_speech(killed + 0.3)
        await call.wait_ended(20)
        assert call.ended_by == "remote"
    (row,) = await finished(frail.at, "+14045550191")
    assert row.disposition == "dropped"
    assert "Call back" in str(row.record["next_action"])
    await nothing_left(frail, before, calls=2)


async def one_in_the_call(stack: Stack) -> int:
    """Wait until there is one process in the call, as a successor comes."""
    found: list[int] = []

    def there() -> bool:
        found[:] = jobs_in_calls(stack)
        return len(found) == 1

    await eventually(there)
    return found[0]


def jobs_in_calls(stack: Stack) -> list[int]:
    """Of the worker's family only processes in a call are connected to the server."""
    port = int(stack.livekit_url.rpartition(":")[2])
    connected = []
    for pid in processes(stack):
        with contextlib.suppress(psutil.NoSuchProcess):
            if any(c.raddr and c.raddr.port == port for c in psutil.Process(pid).net_connections()):
                connected.append(pid)
    return connected


def in_the_call(stack: Stack) -> int:
    """The process that talks in the only call: of the worker's family it alone is connected to the server."""
    (job,) = jobs_in_calls(stack)
    return job


async def test_a_call_whose_server_dies_and_comes_back_goes_on_or_is_hung_up_within_ten_seconds(frail: Stack) -> None:
    workers = registrations(frail)
    async with calling(frail.at, SHORT, "+14045550183") as call:
        await bot_turn(call)
        frail.kill("livekit")
        killed = time.time()
        with contextlib.suppress(TimeoutError):  # it ends when the edge does not find back in time
            await call.media.wait_speech(killed + 1, timeout=12)
            await bot_turn(call, killed + 1)
            await call.media.send_dtmf("1")
        await call.wait_ended(20)
        assert call.ended_by == "remote"
    (row,) = await finished(frail.at, "+14045550183")
    assert row.disposition in ("qualified", "dropped")
    await works_again(frail, workers + 1, "+14045550184")


async def test_a_server_that_stays_away_ends_the_call_within_ten_seconds(frail: Stack) -> None:
    workers = registrations(frail)
    async with calling(frail.at, SHORT, "+14045550188") as call:
        await bot_turn(call)
        frail.stop("livekit")
        await eventually(lambda: not _listens(frail.livekit_url))
        await call.wait_ended(10)
        assert call.ended_by == "remote"
    (row,) = await finished(frail.at, "+14045550188")
    assert row.disposition == "dropped"
    frail.start("livekit")
    await works_again(frail, workers + 1, "+14045550189")


async def works_again(stack: Stack, workers: int, caller: str) -> None:
    """Trunks are there, so many registrations were made, and a call is answered and finished."""
    await eventually(lambda: trunk_is_there(stack), 30)
    await eventually(lambda: registrations(stack) >= workers, 60)
    await qualify(stack, caller)


# -- a stack without a worker


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Redis, livekit-server and the gateway only; its phones ring for a moment, for lack of an agent."""
    files = write_files(tmp_path_factory.mktemp("flows"), ringing_s=RINGING_S)
    config = files.config("edge", tmp_path_factory.mktemp("run"), parts=("redis", "livekit", "gateway"))
    with running(config) as stack:
        yield stack


def gateway_log(stack: Stack) -> str:
    return (stack.at.run_dir / "logs" / "gateway.log").read_text()


async def test_without_a_worker_the_phone_rings_then_hears_busy_and_the_log_says_why(edge: Stack) -> None:
    async with Phone(user="+14045550185") as phone:
        with pytest.raises(CallFailed) as failed:
            await phone.call(SHORT, (edge.sip_ip, edge.sip_port), wait=20)
        assert failed.value.status == 486
        (call,) = phone.calls
        assert call.t["end"] - call.t["ringing"] >= RINGING_S
    assert "no agent took the call" in gateway_log(edge)
    assert "Check that a worker runs" in gateway_log(edge)


async def test_an_unknown_number_gets_no_final_answer(edge: Stack) -> None:
    async with Phone(user="+14045550186") as phone:
        call = await phone.call(UNKNOWN, (edge.sip_ip, edge.sip_port), wait=None)
        await eventually(lambda: "no trunk or dispatch rule matches" in gateway_log(edge))
        answers = [msg.status for _, way, msg, _ in phone.log if way == "<" and msg.is_response]
        assert all(status < 200 for status in answers), answers
        assert not call.ended.is_set()
        await call.hangup()


async def test_callers_beyond_capacity_hear_busy_within_two_seconds_and_are_served_later(
    edge: Stack, tmp_path: Path
) -> None:
    where = Edge("edge", edge.at, tmp_path, {})
    async with worker(where, calls_max=1, idle_processes=1), calling(edge.at, SHORT, "+14045550193") as call:
        await bot_turn(call)
        async with Phone(user="+14045550194") as phone:
            asked = time.time()
            with pytest.raises(CallFailed) as failed:
                await phone.call(SHORT, (edge.sip_ip, edge.sip_port), wait=20)
            assert failed.value.status == 486
            assert time.time() - asked < RINGING_S  # the trunk's own limit, which ends it otherwise
        await call.media.send_dtmf("1")
        await call.wait_ended(20)
        (row,) = await finished(edge.at, "+14045550193")
        assert row.disposition == "qualified"
        await qualify(edge, "+14045550195")


BROKEN = "flow: broken\nslots: []\n"


async def test_a_worker_that_cannot_work_says_why_and_ends(edge: Stack) -> None:
    await _fails(["worker"], {**edge.env(), "LIVEKIT_API_SECRET": "x" * 36}, "does not take the keys")


async def test_a_demo_of_a_broken_flow_says_why(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text(BROKEN)
    await _fails(["demo", "--flow", str(broken)], {"LEADLINE_RUN_DIR": str(tmp_path)}, "broken.yaml:")


async def _fails(arguments: list[str], env: Mapping[str, str], words: str) -> None:
    """Run a command that must end by itself with exit code 1, one sentence and no traceback."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli.main", *arguments),
        env={**os.environ, **env},  # noqa: TID251 -- handed on, not read
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(_EXIT_S):
            output = (await process.communicate())[0].decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 1, output
    assert words in output.replace("\n", " "), output
    assert "Traceback" not in output


async def test_a_broken_flow_behind_a_number_refuses_the_call_at_once(frail: Stack, files: Files) -> None:
    flow = files.flows["impatient"]
    sound = flow.read_text()
    flow.write_text(BROKEN)
    try:
        async with Phone(user="+14045550187") as phone:
            with pytest.raises(CallFailed, match="486"):
                await phone.call(IMPATIENT, (frail.sip_ip, frail.sip_port), wait=20)
    finally:
        flow.write_text(sound)
    await eventually(lambda: f"this call cannot be taken, its room is closed: {flow}:" in worker_log(frail))
