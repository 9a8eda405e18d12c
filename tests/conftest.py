"""Fixtures of the whole suite: a real local stack for `e2e` tests, started once."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NoReturn, cast

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from cli.settings import isolated
from cli.stack.config import Endpoints, StackConfig
from cli.stack.livekit_server import find_built, find_go
from cli.stack.problem import StackError
from cli.stack.redis_server import find_redis
from cli.stack.stack import Stack
from tests.databases import Databases
from tests.postgres import Postgres
from tests.postgres import running as running_postgres

_START_S_MAX = 1200.0  # building livekit-server included
_STOP_S_MAX = 60.0

_EXTERNAL = {
    "sip_ip": "LEADLINE_E2E_SIP_IP",
    "sip_port": "LEADLINE_E2E_SIP_PORT",
    "livekit_url": "LIVEKIT_URL",
    "redis_url": "LEADLINE_REDIS_URL",
    "database_url": "LEADLINE_DATABASE_URL",
    "api_key": "LIVEKIT_API_KEY",
    "api_secret": "LIVEKIT_API_SECRET",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the same end-to-end tests run against the embedded gateway or a real livekit-sip."""
    parser.addoption(
        "--sip-edge",
        choices=("gateway", "external"),
        default="gateway",
        help="external: a livekit-sip with server, Redis and worker of yours, named by "
        + ", ".join(_EXTERNAL.values()),
    )

    parser.addoption("--nightly", action="store_true", help="also the tests that take minutes each")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes minutes. In two processes calls come first: they take longest.

    A call that fails is made once more, as its machine may have been busy with other things; the summary names it.
    """
    nightly = config.getoption("--nightly")
    for item in items:
        if item.get_closest_marker("e2e"):
            item.add_marker(pytest.mark.flaky(reruns=1))
        if item.get_closest_marker("nightly") and not nightly:
            item.add_marker(pytest.mark.skip(reason="takes minutes: pytest --nightly, or make test-nightly"))
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: not has_calls(str(item.path.relative_to(config.rootpath))))


class CallsTogether(LoadScopeScheduling):
    """All files with calls in one process, which share a stack; the others, file by file, wherever there is time."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "calls" if has_calls(file) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> CallsTogether:
    """Groups by marks would do, but xdist 3.8 cannot write them into the ids of pytest 9.2."""
    return CallsTogether(config, log)


@cache
def has_calls(file: str) -> bool:
    """Tell whether a file of tests, named from the project's root, is marked e2e."""
    return "pytest.mark.e2e" in (Path(__file__).parents[1] / file).read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def sip_edge(pytestconfig: pytest.Config) -> str:
    """Return "gateway" or "external"; tests that start and stop parts need the former."""
    return str(pytestconfig.getoption("--sip-edge"))


@pytest.fixture(scope="session")
def endpoints(sip_edge: str, request: pytest.FixtureRequest) -> Endpoints:
    """Return where a phone calls and where the server is, on either edge."""
    if sip_edge == "external":
        return _external()
    stack: Stack = request.getfixturevalue("stack")
    return stack.at


@pytest.fixture(scope="session")
def stack(sip_edge: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Yield a whole stack of our own. It lives in its own thread, so it goes on whichever loop a test uses."""
    if sip_edge == "external":
        yield cast(Stack, Elsewhere(_external()))
        return
    with running(StackConfig("suite", tmp_path_factory.mktemp("run"))) as stack:
        yield stack


class Elsewhere:
    """A site that we did not start, on this machine: its addresses; a test that wants to stop a part of it is skipped."""

    def __init__(self, at: Endpoints) -> None:
        self.at = at
        self.sip_ip, self.sip_port = at.sip_ip, at.sip_port
        self.livekit_url, self.api_key, self.api_secret = at.livekit_url, at.api_key, at.api_secret

    def env(self) -> dict[str, str]:
        """As of a stack."""
        return self.at.env()

    def __getattr__(self, name: str) -> NoReturn:
        pytest.skip(f"needs a stack of its own ({name}), which an external edge is not")


@contextmanager
def running(config: StackConfig) -> Iterator[Stack]:
    """Run a stack in a thread with an event loop of its own; skip the test if this machine cannot."""
    skip_unless_possible(config)
    started: Future[Stack] = Future()
    ended = threading.Event()
    thread = threading.Thread(target=asyncio.run, args=(_live(config, started, ended),), name="stack")
    thread.start()
    try:
        yield started.result(_START_S_MAX)
    finally:
        ended.set()
        thread.join(_STOP_S_MAX)
        assert not thread.is_alive(), "the stack did not stop in time"


async def _live(config: StackConfig, started: Future[Stack], ended: threading.Event) -> None:
    try:
        async with Stack(config) as stack:
            started.set_result(stack)
            await asyncio.to_thread(ended.wait)
    except StackError as error:
        started.set_exception(error)
    finally:
        started.cancel()  # whatever else went wrong, nobody waits for it; done already otherwise


def skip_unless_possible(config: StackConfig) -> None:
    """Skip with the sentence that says what is missing and how to get it."""
    settings = isolated()
    try:
        if "redis" in config.parts:
            find_redis(settings.redis_server)
        if "livekit" in config.parts and find_built(settings.livekit_server, settings.cache) is None:
            find_go()
    except StackError as error:
        pytest.skip(str(error))


def _external() -> Endpoints:
    values = {field: os.environ.get(name, "") for field, name in _EXTERNAL.items()}  # noqa: TID251 -- the suite's own settings
    missing = [name for field, name in _EXTERNAL.items() if not values[field]]
    if missing:
        pytest.skip(f"--sip-edge=external needs {', '.join(missing)}")
    return Endpoints(
        run_dir=Path(os.environ.get("LEADLINE_RUN_DIR", "run")),  # noqa: TID251 -- the suite's own settings
        sip_ip=values["sip_ip"],
        sip_port=int(values["sip_port"]),
        livekit_url=values["livekit_url"],
        redis_url=values["redis_url"],
        database_url=values["database_url"],
        api_key=values["api_key"],
        api_secret=values["api_secret"],
    )


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Yield a PostgreSQL of our own; skips where it is not installed."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def databases(request: pytest.FixtureRequest) -> Databases:
    """Return what makes databases of either kind for a test."""
    return Databases(lambda: request.getfixturevalue("postgres"))
