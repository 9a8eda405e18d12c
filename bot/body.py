"""The parts of the bot that a conversation moves."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bot.ear import Ear
from bot.hands import Hands
from bot.history import History
from bot.inbox import Inbox
from bot.keys import Keys
from bot.memory import Memory, NoMemory
from bot.mind import Mind, NoMind
from bot.mouth import Mouth
from bot.recorder import Recorder


@dataclass(slots=True)
class Body:
    """One per call."""

    inbox: Inbox
    ear: Ear
    mouth: Mouth
    keys: Keys
    hands: Hands
    history: History
    now: Callable[[], float] = time.time  #: Unix seconds
    mind: Mind = field(default_factory=NoMind)
    recorder: Recorder = field(default_factory=Recorder)
    memory: Memory = field(default_factory=NoMemory)
