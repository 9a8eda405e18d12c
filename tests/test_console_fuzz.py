"""The API under fire: whatever its own schema allows, and what it does not, gets an answer that is no 500."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode

from tests.console_world import boundless, console, keep_call


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The schema of a console that serves in a thread of its own."""
    started: Future[str] = Future()
    ended = threading.Event()
    thread = threading.Thread(target=asyncio.run, args=(serve(tmp_path_factory.mktemp("fuzz"), started, ended),))
    thread.start()
    try:
        yield schemathesis.openapi.from_url(f"{started.result(20)}/api/openapi.json").exclude(path_regex="events$")
    finally:
        ended.set()
        thread.join(20)


async def serve(folder: Path, started: Future[str], ended: threading.Event) -> None:
    async with console(folder, limits=boundless()) as world:
        await keep_call(world.calls)
        started.set_result(world.url)
        await asyncio.to_thread(ended.wait)


def test_nothing_asked_breaks_it(schema: Any) -> None:
    asked = []
    for found in schema.get_all_operations():
        operation = found.ok()
        asked.append(operation.label)

        @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(
            case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
            | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
        )
        def fire(case: Any) -> None:
            answer = case.call(timeout=10)
            assert answer.status_code < 500, f"{case.as_curl_command()}: {answer.text}"
            assert answer.status_code != 429, "the limits are off here"

        fire()
    assert len(asked) >= 10, asked
