"""The local stack: ports, keys, files and binaries, each wrong one told in a line that says what to do."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from cli.settings import StackSettings
from cli.stack import health
from cli.stack.config import ROOT, Endpoints, StackConfig, check_keys
from cli.stack.livekit_config import derive
from cli.stack.livekit_server import find_built, version_of, version_wanted
from cli.stack.ports import is_free, pick
from cli.stack.problem import StackError
from cli.stack.redis_server import find_redis, redis_argv
from cli.stack.rundir import PartState, RunDir, RunState, process_started
from cli.stack.sessions import members
from cli.stack.stack import Stack
from tests.waiting import eventually

SECRET = "s" * 36


def settings(**chosen: object) -> StackSettings:
    """Return settings that nothing on this machine has a part in."""
    return StackSettings.model_construct(**{**StackSettings.model_construct().model_dump(), **chosen})


def redis_only(folder: Path, **chosen: object) -> StackConfig:
    return StackConfig("test", folder, parts=("redis",), settings=settings(**chosen))


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that another program listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


# Ports


def test_a_taken_port_is_told_with_its_holder_and_the_setting(taken: int) -> None:
    assert not is_free(taken)
    with pytest.raises(StackError, match=rf"port {taken} on 127.0.0.1 is taken.*LEADLINE_SIP_PORT"):
        pick(taken, "127.0.0.1", "LEADLINE_SIP_PORT", taken=set())


def test_a_port_taken_over_udp_is_taken() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind(("127.0.0.1", 0))
        assert not is_free(phone.getsockname()[1])


def test_free_ports_differ() -> None:
    taken: set[int] = set()
    assert len({pick(None, "127.0.0.1", "X", taken=taken) for _ in range(20)}) == 20


# Keys


@pytest.mark.parametrize(
    ("key", "secret", "told"),
    [
        ("key", None, "LIVEKIT_API_SECRET is not"),
        (None, SECRET, "LIVEKIT_API_KEY is not"),
        ("key", "short", "5 characters"),
    ],
)
def test_wrong_keys_are_told(key: str | None, secret: str | None, told: str) -> None:
    with pytest.raises(StackError, match=told):
        check_keys(key, secret)


@pytest.mark.parametrize(("key", "secret"), [(None, None), ("key", SECRET)])
def test_keys_are_given_or_made(key: str | None, secret: str | None, tmp_path: Path) -> None:
    config = redis_only(tmp_path, api_key=key, api_secret=secret)
    made = RunDir(tmp_path).keys(config)
    check_keys(*made)
    assert key is None or made == (key, secret)


# livekit-server's configuration and binary


def test_the_template_is_laid_under_loopback() -> None:
    text = derive(ROOT / "livekit.yaml", port=1, rtc_port=2, redis_port=3, keys=("key", SECRET))
    config = yaml.safe_load(text)
    assert config["bind_addresses"] == ["127.0.0.1"]
    assert config["rtc"]["use_external_ip"] is False
    assert config["rtc"]["stun_servers"] == ["127.0.0.1:3478"]  # no name to look up, nothing leaves the machine
    assert config["rtc"]["udp_port"] == 2
    assert config["keys"] == {"key": SECRET}
    assert config["room"]["departure_timeout"] == 5  # the template's own


def test_a_broken_template_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "livekit.yaml").write_text("port: 1\n  rtc: [\n")
    with pytest.raises(StackError, match=r"livekit.yaml, line \d+ is not YAML"):
        derive(tmp_path / "livekit.yaml", port=1, rtc_port=2, redis_port=3, keys=("key", SECRET))
    with pytest.raises(StackError, match="is missing: restore it"):
        derive(tmp_path / "none.yaml", port=1, rtc_port=2, redis_port=3, keys=("key", SECRET))


def test_a_chosen_server_of_another_version_is_refused(tmp_path: Path) -> None:
    fake = tmp_path / "livekit-server"
    fake.write_text("#!/bin/sh\necho livekit-server version 1.0.0\n")
    fake.chmod(0o755)
    assert version_of(fake) == "1.0.0"
    with pytest.raises(StackError, match=f"is version 1.0.0, {version_wanted()} is wanted"):
        find_built(fake, tmp_path)
    with pytest.raises(StackError, match="does not run"):
        find_built(tmp_path / "none", tmp_path)


def test_a_chosen_redis_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"LEADLINE_REDIS_SERVER is .* no such file"):
        find_redis(tmp_path / "none")


@pytest.mark.parametrize(("durable", "appends"), [(True, "yes"), (False, "no")])
def test_redis_writes_to_disk_only_where_it_should(durable: bool, appends: str, tmp_path: Path) -> None:
    argv = redis_argv(Path("redis-server"), port=1, directory=tmp_path, durable=durable)
    assert argv[argv.index("--appendonly") + 1] == appends
    assert argv[argv.index("--save") + 1] == ""


# The run directory


def test_endpoints_survive_the_env_file(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    at = Endpoints(tmp_path, "127.0.0.1", 5060, "ws://a:1", "redis://b:2/0", "sqlite+aiosqlite:///c", "key", SECRET)
    run.write_env(at)
    assert Endpoints.of(tmp_path, run.env()) == at
    assert stat.S_IMODE((tmp_path / "env").stat().st_mode) == 0o600


def test_an_unreadable_state_is_told(tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text("{")
    with pytest.raises(StackError, match="delete that file"):
        RunDir(tmp_path).read()


# Running: Redis alone, which starts in a tenth of a second


async def test_a_stack_starts_and_leaves_nothing_running(tmp_path: Path) -> None:
    async with Stack(redis_only(tmp_path)) as stack:
        assert await health.redis_ready(stack.at)
        pid = stack.pid("redis")
        assert pid is not None
        state = json.loads((tmp_path / "test" / "stack.json").read_text())
        assert state["ready"]
        assert state["parts"]["redis"]["pid"] == pid
        assert stack.api_secret not in json.dumps(state)
    assert not members([pid])
    assert not await health.redis_ready(stack.at)
    assert RunDir(tmp_path / "test").read() is None


async def test_a_killed_redis_is_back(tmp_path: Path) -> None:
    async with Stack(redis_only(tmp_path)) as stack:
        before = stack.pid("redis")
        stack.kill("redis")
        await eventually(lambda: stack.pid("redis") not in (before, None))
        assert not stack.failed.done()


async def test_a_second_stack_in_the_same_directory_is_refused(tmp_path: Path) -> None:
    async with Stack(redis_only(tmp_path)):
        with pytest.raises(StackError, match=rf"already runs in .*process {os.getpid()}.*leadline down --name test"):
            async with Stack(redis_only(tmp_path)):
                pass


async def test_a_taken_port_stops_the_start(taken: int, tmp_path: Path) -> None:
    with pytest.raises(StackError, match="LEADLINE_REDIS_PORT"):
        async with Stack(redis_only(tmp_path, redis_port=taken)):
            pass
    async with Stack(redis_only(tmp_path)):
        pass  # and nothing of the failed start is in the way


async def test_a_part_that_cannot_start_is_told_with_its_last_words(tmp_path: Path) -> None:
    broken = tmp_path / "redis-server"
    broken.write_text("#!/bin/sh\necho no memory for me\nexit 3\n")
    broken.chmod(0o755)
    with pytest.raises(StackError, match=r"redis stopped at its start \(exit 3\): no memory for me"):
        async with Stack(redis_only(tmp_path, redis_server=broken)):
            pass


@pytest.fixture
def orphan() -> Iterator[subprocess.Popen[bytes]]:
    """A part whose owner and keeper were both killed, on a system where that kills no child."""
    process = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


def left_behind(folder: Path, part: PartState) -> RunDir:
    run = RunDir(folder / "test")
    run.logs.mkdir(parents=True)
    run.write(RunState("test", 2**22, 1.0, "", "", "", "", ready=True, parts={"redis": part}))
    return run


async def test_a_worker_with_a_wrong_setting_is_told(tmp_path: Path) -> None:
    wrong = {"LEADLINE_BOT_CALLS_MAX": "0"}
    with pytest.raises(StackError, match=r"worker stopped at its start \(exit 1\)"):
        async with Stack(StackConfig("test", tmp_path, parts=("worker",), settings=settings(), extra_env=wrong)):
            pass


async def test_what_a_killed_stack_left_is_swept(orphan: subprocess.Popen[bytes], tmp_path: Path) -> None:
    left_behind(tmp_path, PartState(orphan.pid, process_started(orphan.pid)))
    async with Stack(redis_only(tmp_path)):
        assert not members([orphan.pid])


def test_a_stranger_with_a_used_pid_is_let_be(orphan: subprocess.Popen[bytes], tmp_path: Path) -> None:
    run = left_behind(tmp_path, PartState(orphan.pid, process_started(orphan.pid) - 3600))
    assert run.sweep() == 0
    assert members([orphan.pid])


async def test_a_gateway_is_asked_over_sip(tmp_path: Path) -> None:
    at = Endpoints(tmp_path, "127.0.0.1", pick(None, "127.0.0.1", "X", taken=set()), "", "", "", "", "")
    assert not await health.gateway_ready(at)
