"""A person at a browser: Debian's Chromium with a WAV for a microphone, and the console's page."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import wave
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

import numpy as np
from playwright.async_api import Browser, Page, async_playwright

from bot.caller import phone_speech
from bot.speech.audio import Pcm, resample, to_float, to_pcm
from bot.speech.voice import LocalVoice, ShiftedVoice
from cli.stack.config import ROOT
from sip.ua.audio import RATE as PHONE_RATE

CHROMIUM = "/usr/bin/chromium"
#: What was seen, for a person to look at.
SHOTS = ROOT / "run" / "browser"
_AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
_NUMBER = "+12025550100"
_MIC_RATE = 48_000
_LEAD_S, _TAIL_S = 0.3, 2.0
_PACE = 1.08
_FAKE_MEDIA = "--use-fake-device-for-media-stream"
_WAIT_MS = 30_000


@contextmanager
def site(env: Mapping[str, str], flow_files: list[Path]) -> Iterator[str]:
    """A console of its own beside a stack; yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    own = {
        "LEADLINE_CONSOLE_NUMBER": _NUMBER,
        "LEADLINE_CONSOLE_PORT": str(port),
        "LEADLINE_CONSOLE_FLOW_FILES": json.dumps([str(f) for f in flow_files]),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "console"],
        env={**os.environ, **env, **own},  # noqa: TID251 -- handed on, not read
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("console ready"), "see the captured log"
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.communicate(timeout=20)


@asynccontextmanager
async def chromium(mic: Path, *, allowed: bool = True) -> AsyncIterator[Browser]:
    """A browser whose microphone plays `mic` from its beginning each time it is opened."""
    write_wav(mic, np.zeros(PHONE_RATE, np.int16))
    arguments = [_FAKE_MEDIA, f"--use-file-for-fake-audio-capture={mic}%noloop"]
    if allowed:
        arguments.append("--use-fake-ui-for-media-stream")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        try:
            yield browser
        finally:
            await browser.close()


def write_wav(file: Path, words: Pcm) -> None:
    """Words of 8 kHz as a microphone hears them, with silence around them."""
    silence = [np.zeros(int(PHONE_RATE * seconds), np.int16) for seconds in (_LEAD_S, _TAIL_S)]
    pcm = to_pcm(resample(to_float(np.concatenate([silence[0], words, silence[1]])), PHONE_RATE, _MIC_RATE))
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(_MIC_RATE)
        out.writeframes(pcm.tobytes())


@cache
def _speech(words: str) -> Pcm:
    """Words in another voice than the bot's."""
    return phone_speech(_voice(), words)


@cache
def _voice() -> ShiftedVoice:
    return ShiftedVoice(LocalVoice(), _PACE)


@dataclass(slots=True)
class Visitor:
    """Somebody with the page open."""

    page: Page
    mic: Path
    url: str

    @classmethod
    async def at(cls, browser: Browser, url: str, mic: Path, **context: Any) -> Self:
        """Open the page in a browser profile of its own."""
        opened = await browser.new_context(**context)
        opened.set_default_timeout(_WAIT_MS)
        visitor = cls(await opened.new_page(), mic, url)
        await visitor.page.goto(url)
        return visitor

    async def start(self, flow: str, *, caller: str = "", mute: bool = True) -> None:
        """Begin a call; muted, so that the microphone's file is heard when it is meant to be."""
        await self.page.get_by_label("Flow").select_option(flow)
        await self.page.get_by_label("Caller's number").fill(caller)
        await self.page.get_by_role("button", name="Start the call").click()
        if mute:
            await self.page.get_by_role("button", name="Mute", exact=True).click()

    async def asked(self, label: str, *, turns: int = 1) -> None:
        """Wait until the bot asks for this, has spoken so often, and has finished asking."""
        await self.page.locator("li.turn.bot").nth(turns - 1).wait_for()
        await self.page.wait_for_function(
            """label => document.querySelector('#now + p strong')?.textContent === label
               && !document.querySelector('.turn.bot.partial')""",
            arg=label,
        )

    async def listens(self) -> None:
        """Wait until the bot has finished speaking and it is the visitor's turn."""
        await self.page.wait_for_function(
            """() => document.querySelector('.transcript li:last-child.bot')
               && !document.querySelector('.turn.bot.partial')"""
        )

    async def says(self, words: str) -> None:
        """Speak to the end, and wait until the bot has heard something of it."""
        sound = await asyncio.to_thread(_speech, words)
        await asyncio.to_thread(write_wav, self.mic, sound)
        heard = await self.page.locator("li.turn.caller").count()
        await self.page.get_by_role("button", name="Unmute").click()
        await asyncio.sleep(_LEAD_S + len(sound) / PHONE_RATE)
        await self.page.locator("li.turn.caller").nth(heard).wait_for()
        await self.page.get_by_role("button", name="Mute", exact=True).click()

    async def presses(self, keys: str) -> None:
        """Use the page's keypad."""
        names = {"*": "star", "#": "pound"}
        for key in keys:
            await self.page.get_by_role("button", name=names.get(key, key), exact=True).click()

    async def finished(self) -> str:
        """Wait until the call is over and its record is there; returns the result's heading."""
        await self.page.locator(".badge.finished").wait_for()
        heading = self.page.locator("#result")
        await heading.wait_for()
        await self.page.locator(".result pre").wait_for(state="attached")
        return await heading.inner_text()

    async def watch(self) -> None:
        """From now on, remember partial words and the microphone's level: they come and go."""
        await self.page.evaluate(
            """() => {
                window.seen = { bot: new Set(), caller: new Set(), level: 0 };
                new MutationObserver(() => {
                    for (const who of ["bot", "caller"])
                        for (const turn of document.querySelectorAll(`.turn.${who}.partial`))
                            window.seen[who].add(turn.textContent);
                    const level = document.querySelector(".level meter");
                    window.seen.level = Math.max(window.seen.level, level ? level.value : 0);
                }).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
            }"""
        )

    async def seen(self) -> tuple[list[str], list[str], float]:
        """What `watch` has seen: the bot's partial words, the caller's, the highest level (0 to 1)."""
        bot, caller, level = await self.page.evaluate(
            "() => [[...window.seen.bot], [...window.seen.caller], window.seen.level]"
        )
        return bot, caller, level

    async def shows(self, words: str) -> None:
        """Wait until these words are on the page."""
        await self.page.get_by_text(words).first.wait_for()

    async def shot(self, name: str) -> None:
        """Keep a picture for a person."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=SHOTS / f"{name}.png", full_page=True)

    async def faults(self) -> list[str]:
        """Serious accessibility faults by axe's rules."""
        await self.page.evaluate(await asyncio.to_thread(_AXE.read_text, "utf-8"))
        found = await self.page.evaluate("async () => (await axe.run()).violations")
        return [
            f"{fault['id']}: {fault['help']}: {[node['html'] for node in fault['nodes']]}"
            for fault in found
            if fault["impact"] in ("serious", "critical")
        ]
