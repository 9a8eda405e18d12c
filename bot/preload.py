"""Imported once by the fork server: models, and the fixed prompts of every shipped flow, rendered and shared.

Job processes fork from it, so a call owns none of this memory and loads nothing.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Final

from bot.settings import BotSettings
from bot.speech.local import RECOGNISER, VOICE
from bot.speech.vad import builtin
from bot.studio import PromptCache, Studio
from flows.flow import Flow
from flows.prompts import fixed
from store.flowfiles import list_flows, load_flow

__all__ = ["CACHE", "FLOWS", "RECOGNISER", "VOICE"]

CACHE: Final = PromptCache(BotSettings().prompt_folder)
FLOWS: Final[dict[str, Flow]] = {name: load_flow(name) for name in list_flows()}


def _render_fixed_prompts() -> None:
    studio = Studio(VOICE, CACHE, ThreadPoolExecutor(1))  # no thread starts: `prepare` renders right here
    for flow in FLOWS.values():
        for text in fixed(flow):
            studio.prepare(text)


_render_fixed_prompts()
builtin()  # maps the detector's weights before the first fork
