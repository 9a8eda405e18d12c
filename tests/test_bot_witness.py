"""The witness passes everything on, and remembers who came, what was heard and how the line ended."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bot.speech.audio import Pcm
from bot.witness import Witness
from store.happenings import Happening


class Sink:
    """Notes the names of what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def on_arrived(self, at: float, attributes: Mapping[str, str]) -> None:
        self.told.append("arrived")

    def on_answered(self, at: float) -> None:
        self.told.append("answered")

    def on_audio(self, pcm: Pcm, at: float) -> None:
        self.told.append("audio")

    def on_key(self, key: str, at: float) -> None:
        self.told.append(f"key {key}")

    def on_away(self, at: float) -> None:
        self.told.append("away")

    def on_back(self, at: float) -> None:
        self.told.append("back")

    def on_gone(self, at: float, reason: str, *, ours: bool = False) -> None:
        self.told.append(f"gone {reason}")

    def on_cut(self, at: float) -> None:
        self.told.append("cut")


def test_a_call_as_its_witness_saw_it() -> None:
    sink = Sink()
    witness = Witness(sink)
    witness.on_arrived(1.0, {"sip.trunkID": "ST_1", "sip.phoneNumber": "+12025550134", "sip.callStatus": "ringing"})
    witness.on_answered(2.0)
    witness.on_audio(np.zeros(640, np.int16), 3.0)
    witness.on_audio(np.full(640, -900, np.int16), 3.04)
    witness.on_key("5", 4.0)
    witness.on_away(5.0)
    witness.on_back(6.0)
    witness.on_cut(6.5)
    witness.on_gone(7.0, "1")
    assert sink.told == ["arrived", "answered", "audio", "audio", "key 5", "away", "back", "cut", "gone 1"]
    assert witness.happenings(8.0) == (
        Happening(1.0, "room", "leg arrived", {"sip.trunkID": "ST_1", "sip.callStatus": "ringing"}),
        Happening(2.0, "room", "leg active"),
        Happening(6.5, "room", "bot cut off"),
        Happening(7.0, "room", "leg gone", {"reason": "client_initiated"}),
        Happening(8.0, "agent", "heard", {"seconds": 0.08, "sound_s": 0.04, "first_sound_at": 3.04}),
    )


def test_the_loudest_sample_is_no_silence() -> None:
    witness = Witness(Sink())
    witness.on_audio(np.array([-32768, 0], np.int16), 1.0)
    assert witness.happenings(2.0)[-1].facts["first_sound_at"] == 1.0
