"""Imported once by the fork server: models, and the fixed prompts of every shipped flow, rendered and shared.

Job processes fork from it, so a call owns none of this memory and loads nothing.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from bot.providers import ProviderUnusable, preload
from bot.settings import BotSettings
from bot.speech.local import RECOGNISER, VOICE
from bot.speech.vad import builtin
from bot.studio import PromptCache, Studio
from flows.flow import Flow
from flows.prompts import fixed
from store.flowfiles import list_flows, load_flow

__all__ = ["CACHE", "FLOWS", "RECOGNISER", "VOICE"]

log = logging.getLogger("leadline.preload")

CACHE: Final = PromptCache(BotSettings().prompt_folder)
FLOWS: Final[dict[str, Flow]] = {name: load_flow(name) for name in list_flows()}


def _render_fixed_prompts() -> None:
    studio = Studio(VOICE, CACHE, ThreadPoolExecutor(1))  # no thread starts: `prepare` renders right here
    for flow in FLOWS.values():
        for text in fixed(flow):
            studio.prepare(text)


def _import_model() -> None:
    settings = BotSettings()
    try:
        preload("llm", settings.llm, settings.llm_base_url)  # 0.8 s, which no call shall wait for
    except ProviderUnusable as wrong:
        log.error("calls go by the rules alone: %s", wrong)


_import_model()
_render_fixed_prompts()
builtin()  # maps the detector's weights before the first fork
