"""The local models, loaded once at import: the fork server imports this, job processes share its pages."""

from __future__ import annotations

from typing import Final

from bot.speech.moonshine import Moonshine
from bot.speech.voice import LocalVoice

RECOGNISER: Final = Moonshine()
VOICE: Final = LocalVoice()
