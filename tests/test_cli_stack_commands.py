"""`leadline up|down|status|logs|doctor` as a person types them, on a stack of Redis alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.stack.rundir import RunDir
from cli.stack.sessions import members
from tests.waiting import eventually

ROOT = Path(__file__).parents[1]
REDIS_ALONE = ("--without", "livekit", "--without", "gateway", "--without", "worker")


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    code: int
    out: str
    err: str


Type = Callable[..., Said]


@pytest.fixture
def leadline(tmp_path: Path) -> Iterator[Type]:
    """Return what runs a command in a folder of its own; whatever it left running is stopped."""

    def run(*words: str, **env: str) -> Said:
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", *words],
            cwd=ROOT,
            env={**os.environ, "LEADLINE_RUN_DIR": str(tmp_path), "COLUMNS": "200", **env},  # noqa: TID251
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    yield run
    run("down")


def test_a_day_in_the_life_of_a_stack(leadline: Type) -> None:
    assert leadline("up", "--detach", *REDIS_ALONE).out.startswith("ready: sip:127.0.0.1:")
    told = json.loads(leadline("status", "--json").out)
    assert told["answers"] == {"redis": True}
    assert "redis" in leadline("status").out
    assert "Ready to accept connections" in leadline("logs", "redis").out
    assert len(leadline("logs", "redis", "--lines", "1").out.splitlines()) == 1
    again = leadline("up", *REDIS_ALONE)
    assert again.code == 1
    assert "already runs" in again.err
    assert leadline("down").out == "stopped\n"
    assert not members([told["parts"]["redis"]["pid"]])
    assert leadline("status").code == 1


async def test_nothing_is_left_after_kill_9_of_leadline_up(leadline: Type, tmp_path: Path) -> None:
    leadline("up", "--detach", *REDIS_ALONE)
    state = RunDir(tmp_path / "local").read()
    assert state is not None
    redis = state.parts["redis"].pid
    assert redis is not None
    os.kill(state.pid, signal.SIGKILL)
    await eventually(lambda: not members([redis]))
    assert leadline("up", "--detach", *REDIS_ALONE).code == 0  # and the directory is free again


WRONG = {
    "nothing runs": (("status",), {}, "start one with `leadline up`"),
    "no such part": (("up", "--without", "telephone"), {}, "the parts are redis, livekit, gateway, worker"),
    "no such log": (("logs", "telephone"), {}, "no log of telephone"),
    "half a key": (("up", *REDIS_ALONE), {"LIVEKIT_API_KEY": "key"}, "LIVEKIT_API_SECRET is not"),
    "port that is none": (("up",), {"LEADLINE_SIP_PORT": "99999"}, "LEADLINE_SIP_PORT is '99999'"),
    "redis that is none": (("up",), {"LEADLINE_REDIS_SERVER": "/nowhere"}, "there is no such file"),
}


@pytest.mark.parametrize(("words", "env", "told"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_in_one_line(
    words: tuple[str, ...], env: dict[str, str], told: str, leadline: Type
) -> None:
    said = leadline(*words, **env)
    assert said.code == 1
    assert told in said.err
    assert said.err.count("\n") == 1


def test_doctor_names_every_part(leadline: Type) -> None:
    findings = json.loads(leadline("doctor", "--json").out)
    assert {"python", "keys", "redis", "livekit-server", "disk", "speech weights"} <= {one["what"] for one in findings}
    assert all(one["fix"] for one in findings if one["verdict"] != "ok")


def test_doctor_says_how_to_get_what_is_missing(leadline: Type) -> None:
    said = leadline("doctor", LEADLINE_REDIS_SERVER="/nowhere")
    assert said.code == 1
    assert "apt-get install redis-server" in said.out
