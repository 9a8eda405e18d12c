"""Whole flows in a real browser, and what a visitor sees when servers and workers are missing: minutes, so on demand only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.visitor import Visitor, chromium
from cli.stack.config import ALL_PARTS, StackConfig
from cli.stack.stack import Stack
from sip.phone import Phone
from tests.browser_world import skip_unless_possible
from tests.conftest import running
from tests.e2e_support import B2B, bot_turn, speech
from tests.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.nightly, pytest.mark.timeout(400)]

#: What b2b-software asks, in order, with what to say and what to press.
SCRIPT = (
    ("good time", "Yeah, sure.", "1"),
    ("company size", "About twenty five people.", "25#"),
    ("budget", "Around five thousand dollars.", "5000#"),
    ("timeline", "Probably in the next three months.", "2"),
    ("decides alone", "Yes, I am.", "1"),
    ("number to call back", "It's two oh two, five five five, zero one eight nine.", "2025550189#"),
)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of this file's own: its parts are stopped here."""
    skip_unless_possible()
    with running(StackConfig("browser", tmp_path_factory.mktemp("run"), ALL_PARTS)) as opened:
        yield opened


@pytest.fixture
def url(stack: Stack) -> str:
    return f"http://127.0.0.1:{stack.at.console_port}/"


@pytest.mark.parametrize("mode", ["voice", "keys", "mixed"])
async def test_a_whole_flow(stack: Stack, url: str, tmp_path: Path, mode: str) -> None:
    mic = tmp_path / "microphone.wav"
    async with chromium(mic) as browser:
        visitor = await Visitor.at(browser, url, mic)
        await visitor.start("b2b-software", caller="+13035550146")
        for n, (label, words, keys) in enumerate(SCRIPT):
            await visitor.asked(label, turns=n + 2)
            if mode == "voice" or (mode == "mixed" and n % 2 == 0):
                await visitor.says(words)
            else:
                await visitor.presses(keys)
            if label == "budget":
                await visitor.shot(f"mid-call-{mode}")
        await visitor.page.locator("li.turn.bot", has_text="right?").wait_for()  # the number is read back
        await visitor.presses("1")
        assert (await visitor.finished()).startswith("Qualified")
        answers = await visitor.page.locator(".answers strong").all_inner_texts()
        assert [answers[0], answers[1], answers[4]] == ["yes", "25", "yes"]
        assert answers[5].endswith("2025550189")
        await visitor.shot(f"finished-{mode}")


async def test_a_phone_call_is_watched_live_and_read_afterwards(stack: Stack, url: str, tmp_path: Path) -> None:
    mic = tmp_path / "microphone.wav"
    yes = await speech("Yeah, sure.")
    async with chromium(mic) as browser, Phone(user="+13035550147") as phone:
        watcher = await Visitor.at(browser, f"{url}#/calls", mic)
        call = await phone.call(B2B, (stack.sip_ip, stack.sip_port), wait=30)
        row = watcher.page.get_by_role("row").filter(has_text="From +13035550147")
        await row.get_by_text("Live").wait_for()
        await watcher.shot("calls")
        await row.get_by_role("link").click()
        _, quiet = await bot_turn(call)
        await call.media.say(yes)
        await watcher.page.locator("li.turn.caller").wait_for()
        await watcher.asked("company size")
        assert await watcher.page.get_by_role("button", name="Hang up").count() == 0
        await watcher.shot("watching-a-phone-call")
        await call.hangup()
        await watcher.finished()
        assert quiet


async def test_a_visitor_without_a_bot_is_told_so(stack: Stack, url: str, tmp_path: Path) -> None:
    mic = tmp_path / "microphone.wav"
    async with chromium(mic) as browser:
        visitor = await Visitor.at(browser, url, mic)
        stack.stop("worker")
        await eventually(lambda: stack.pid("worker") is None)
        try:
            await visitor.start("b2b-software")
            await visitor.shows("No bot has come.")
            await visitor.shot("no-bot")
        finally:
            stack.start("worker")


async def test_a_visitor_without_a_server_is_told_so(stack: Stack, url: str, tmp_path: Path) -> None:
    mic = tmp_path / "microphone.wav"
    async with chromium(mic) as browser:
        visitor = await Visitor.at(browser, url, mic)
        stack.stop("livekit")
        await eventually(lambda: stack.pid("livekit") is None)
        try:
            await visitor.start("b2b-software", mute=False)
            await visitor.shows("Livekit-server does not answer.")
            await visitor.shot("server-away")
            stack.stop("console")
            await eventually(lambda: stack.pid("console") is None)
            await visitor.page.get_by_role("button", name="Start the call").click()
            await visitor.shows("The console does not answer.")
        finally:
            stack.start("livekit")
            stack.start("console")
