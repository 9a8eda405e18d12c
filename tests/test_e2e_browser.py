"""Talking to the bot in a real browser: by voice, by keys, after a reload, in two tabs, without microphone, without bot."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.visitor import Visitor, chromium, site
from cli.stack.stack import Stack
from tests.browser_world import skip_unless_possible, write_flow
from tests.e2e_support import Files, write_files
from tests.test_e2e_faults import in_the_call

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

PHONE = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the tests play."""

    stack: Stack
    url: str
    files: Files
    mic: Path


@pytest.fixture(scope="module")
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    skip_unless_possible()
    folder = tmp_path_factory.mktemp("browser")
    stack: Stack = request.getfixturevalue("stack")
    files = write_files(folder)
    with site(stack.env(), [*files.flows.values(), write_flow(folder)]) as url:
        yield Stage(stack, url, files, folder / "microphone.wav")


async def test_by_voice_the_page_shows_what_was_heard_known_and_decided(stage: Stage) -> None:
    async with chromium(stage.mic) as browser:
        visitor = await Visitor.at(browser, stage.url, stage.mic)
        assert await visitor.faults() == []
        await visitor.shot("start")
        await visitor.watch()
        await visitor.start("short", caller="+13035550142")
        await visitor.asked("ready", turns=2)
        await visitor.says("Yes, I am.")
        assert await visitor.finished() == "Qualified · 1 point"
        bot, caller, level = await visitor.seen()
        assert "Bot Are you ready?" in bot
        assert caller
        assert level > 0
        page = visitor.page
        assert "Yes, I am." in await page.locator(".answers q").inner_text()
        assert "ready == 'yes'" in await page.locator(".rules").inner_text()
        assert "answered after" in await page.locator("li.turn.bot").last.inner_text()
        assert await page.locator(".falls .bar i").count() >= 4
        assert await visitor.faults() == []
        await visitor.shot("finished-by-voice")


async def test_by_keys_on_a_telephone_in_the_dark_with_a_reload_in_mid_call(stage: Stage) -> None:
    async with chromium(stage.mic) as browser:
        visitor = await Visitor.at(browser, stage.url, stage.mic, **PHONE)
        await visitor.start("trio", caller="+13035550143")
        await visitor.asked("good time")
        await visitor.presses("1")
        await visitor.asked("company size")
        assert await visitor.faults() == []
        await visitor.page.reload()
        await visitor.shows("the line dropped for a moment")
        await visitor.asked("company size")
        assert await visitor.page.locator(".answers strong").all_inner_texts() == ["yes"]
        await visitor.page.keyboard.type("60")  # the keyboard's own digits
        await visitor.presses("#")
        await visitor.asked("budget")
        await visitor.shot("mid-call-on-a-telephone")
        await visitor.presses("9000#")
        assert (await visitor.finished()).startswith("Qualified")
        await in_step(visitor)
        assert await visitor.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert await visitor.faults() == []
        await visitor.shot("finished-on-a-telephone")


async def test_two_tabs_have_two_calls_and_one_call_is_in_one_tab(stage: Stage) -> None:
    async with chromium(stage.mic) as browser:
        first = await Visitor.at(browser, stage.url, stage.mic)
        second = Visitor(await first.page.context.new_page(), stage.mic, stage.url)
        await second.page.goto(stage.url)
        await first.start("short")
        await second.start("short")
        seat = await second.page.evaluate("sessionStorage.getItem('leadline.call')")
        assert seat != await first.page.evaluate("sessionStorage.getItem('leadline.call')")
        await second.asked("ready")
        third = Visitor(await first.page.context.new_page(), stage.mic, stage.url)
        await third.page.goto(stage.url)
        await third.page.evaluate("seat => sessionStorage.setItem('leadline.call', seat)", seat)  # a duplicated tab
        await third.page.reload()
        await second.shows("This call goes on in another tab.")
        await first.presses("1")
        await third.asked("ready")
        await third.presses("2")
        assert await first.finished() == "Qualified · 1 point"
        assert (await third.finished()).startswith("Unqualified")


async def test_without_microphone_it_says_so_and_the_keypad_finishes_the_call(stage: Stage) -> None:
    async with chromium(stage.mic, allowed=False) as browser:
        visitor = await Visitor.at(browser, stage.url, stage.mic)
        await visitor.start("short", mute=False)
        await visitor.shows("The microphone was refused.")
        await visitor.asked("ready", turns=2)
        await visitor.shot("microphone-refused")
        await visitor.presses("1")
        assert await visitor.finished() == "Qualified · 1 point"


async def test_a_bot_that_is_killed_is_told_plainly_or_replaced(stage: Stage) -> None:
    async with chromium(stage.mic) as browser:
        visitor = await Visitor.at(browser, stage.url, stage.mic)
        await visitor.start("short")
        await visitor.asked("ready")
        os.kill(in_the_call(stage.stack), signal.SIGKILL)
        ending = visitor.page.get_by_text("The call broke off").or_(visitor.page.get_by_text("the line dropped"))
        await ending.first.wait_for()
        await visitor.shot("bot-killed")


async def in_step(visitor: Visitor) -> None:
    """The recording plays, and the transcript shows where it is."""
    page = visitor.page
    player = page.get_by_label("Recording of the call")
    await player.wait_for()
    turn = page.locator("li.turn.bot").last
    await turn.get_by_role("button").click()
    await page.locator("li.turn.bot[aria-current=true]").wait_for()
    assert await turn.get_attribute("aria-current") == "true"
    assert await player.evaluate("audio => audio.duration") > 3
    await player.evaluate("audio => audio.pause()")
