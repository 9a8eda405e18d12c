"""The keeper: parts are restarted when they die, and none outlives its owner, however that ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import psutil
import pytest

from cli.stack.keeper import BACK_OFF_S, STEADY_S, restart_after
from cli.stack.owner import Owner, PartEvent
from cli.stack.parts import PartSpec
from cli.stack.sessions import kill_sessions, members
from tests.waiting import LIMIT_S, eventually

#: A part with a grandchild that ignores requests to stop, as job processes of a worker may.
FAMILY = ["sh", "-c", "(trap '' TERM; while :; do sleep 1; done) & echo $!; wait"]
STUBBORN = ["sh", "-c", "trap '' TERM; while :; do sleep 1; done"]


class Bench:
    """A keeper under test, and what it told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told: list[PartEvent] = []
        lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR)
        self.owner = Owner.begin(lock, folder / "keeper.log", self.told.append)
        os.close(lock)

    async def start(self, name: str, argv: list[str], grace_s: float = 1.0) -> int:
        """Start a part and return its pid."""

        async def ready() -> bool:
            return True

        self.owner.start(PartSpec("redis", argv, ready, "", 1.0, grace_s), {}, self.folder / f"{name}.log")
        await eventually(lambda: any(event.event == "started" for event in self.told))
        pid = next(event.pid for event in self.told if event.event == "started")
        assert pid is not None
        return pid

    def events(self) -> list[str]:
        return [event.event for event in self.told]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path)
    yield made
    await made.owner.close()


def gone(session: int) -> Callable[[], bool]:
    return lambda: not members([session])


@pytest.mark.parametrize(
    ("deaths", "lived_s", "wait_s"),
    [
        (0, 0.0, BACK_OFF_S[0]),
        (1, 0.0, BACK_OFF_S[1]),
        (len(BACK_OFF_S) - 1, 1.0, BACK_OFF_S[-1]),
        (len(BACK_OFF_S), 1.0, None),
        (len(BACK_OFF_S), STEADY_S, BACK_OFF_S[0]),
    ],
)
def test_back_off(deaths: int, lived_s: float, wait_s: float | None) -> None:
    assert restart_after(deaths, lived_s) == wait_s


def test_redis_is_back_before_calls_notice() -> None:
    assert BACK_OFF_S[0] + BACK_OFF_S[1] < 4.0


async def test_a_part_that_dies_is_started_again(bench: Bench) -> None:
    pid = await bench.start("part", ["sleep", "1000"])
    bench.owner.keep("redis")
    os.kill(pid, signal.SIGKILL)
    await eventually(lambda: bench.events() == ["started", "died", "started"])
    assert bench.told[-1].pid != pid


async def test_a_part_that_cannot_start_is_told_and_not_repeated(bench: Bench) -> None:
    await bench.start("part", ["false"])
    await eventually(lambda: bench.events() == ["started", "exited"])
    assert bench.told[-1].code == 1


async def test_a_stopped_part_stays_stopped(bench: Bench) -> None:
    pid = await bench.start("part", ["sleep", "1000"])
    bench.owner.keep("redis")
    bench.owner.stop("redis")
    await eventually(gone(pid))
    await eventually(lambda: bench.events()[-1] == "exited")


async def test_a_part_that_does_not_stop_is_killed(bench: Bench) -> None:
    pid = await bench.start("part", STUBBORN, grace_s=0.1)
    bench.owner.stop("redis")
    await eventually(gone(pid))
    await eventually(lambda: bench.events() == ["started", "late"])


async def test_the_grandchildren_of_a_dead_part_go_with_it(bench: Bench) -> None:
    pid = await bench.start("part", FAMILY)
    await eventually(lambda: len(members([pid])) >= 2)
    os.kill(pid, signal.SIGKILL)
    await eventually(gone(pid))


async def test_closing_stops_everything(bench: Bench) -> None:
    pid = await bench.start("part", FAMILY, grace_s=0.1)
    assert await bench.owner.close()
    assert not members([pid])


@pytest.mark.skipif(sys.platform != "linux", reason="parent-death signals are Linux's")
async def test_a_killed_keeper_takes_its_parts_along(bench: Bench) -> None:
    pid = await bench.start("part", ["sleep", "1000"])
    os.kill(bench.owner.pid, signal.SIGKILL)
    await eventually(gone(pid))
    await asyncio.wait_for(asyncio.shield(bench.owner.ended), LIMIT_S)


@pytest.fixture
def owner_process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A program that owns a stack of one part with a stubborn grandchild, as `leadline up` does."""
    program = f"""
import asyncio, pathlib
from tests.test_cli_stack_keeper import Bench, FAMILY
async def main():
    bench = Bench(pathlib.Path({str(tmp_path)!r}))
    pid = await bench.start("part", FAMILY, grace_s=0.2)
    print(pid, bench.owner.pid, flush=True)
    await asyncio.sleep(1000)
asyncio.run(main())
"""
    root = Path(__file__).parents[1]
    process = subprocess.Popen([sys.executable, "-c", program], cwd=root, stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGHUP, signal.SIGABRT])
async def test_no_orphans_however_the_owner_ends(owner_process: subprocess.Popen[str], how: signal.Signals) -> None:
    assert owner_process.stdout is not None
    part, keeper = (int(word) for word in (await asyncio.to_thread(owner_process.stdout.readline)).split())
    await eventually(lambda: len(members([part])) >= 2)
    owner_process.send_signal(how)
    await eventually(gone(part))
    await eventually(lambda: not psutil.pid_exists(keeper) or psutil.Process(keeper).status() == psutil.STATUS_ZOMBIE)


def test_sweep_kills_a_whole_session() -> None:
    process = subprocess.Popen(FAMILY, start_new_session=True, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    assert kill_sessions([process.pid]) >= 2
    process.wait()
    assert members([process.pid]) == []
