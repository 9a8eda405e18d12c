"""Who was there and heard it: what happens on a call's line, kept for the day when somebody asks why the call failed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from livekit import rtc

from bot.line import LineSink
from bot.speech.audio import Pcm
from store.happenings import Fact, Happening, Source

#: A sample louder than this is sound; codecs and comfort noise stay below it.
_SOUND: Final = 200
_FRAME_S: Final = 16_000  # samples a second
#: Attributes of the leg that say how it came here; none of them personal.
_TOLD: Final = ("sip.trunkID", "sip.ruleID", "sip.callStatus", "sip.callID", "sip.callIDFull")


class Witness:
    """Passes everything on to a sink, and remembers."""

    def __init__(self, sink: LineSink) -> None:
        self._sink = sink
        self._seen: list[Happening] = []
        self._samples = 0
        self._loud = 0
        self._first_sound: float | None = None

    def happenings(self, now: float) -> tuple[Happening, ...]:
        """What was seen until now; how much of the caller was heard stands last."""
        heard: dict[str, Fact] = {
            "seconds": round(self._samples / _FRAME_S, 2),
            "sound_s": round(self._loud / _FRAME_S, 2),
            "first_sound_at": self._first_sound,
        }
        return (*self._seen, Happening(now, "agent", "heard", heard))

    def on_arrived(self, at: float, attributes: Mapping[str, str]) -> None:
        self._note(at, "room", "leg arrived", **{key: attributes[key] for key in _TOLD if key in attributes})
        self._sink.on_arrived(at, attributes)

    def on_answered(self, at: float) -> None:
        self._note(at, "room", "leg active")
        self._sink.on_answered(at)

    def on_audio(self, pcm: Pcm, at: float) -> None:
        self._samples += len(pcm)
        if len(pcm) and max(int(pcm.max()), -int(pcm.min())) > _SOUND:
            self._loud += len(pcm)
            self._first_sound = self._first_sound or at
        self._sink.on_audio(pcm, at)

    def on_key(self, key: str, at: float) -> None:
        self._sink.on_key(key, at)

    def on_gone(self, at: float, reason: str, *, ours: bool = False) -> None:
        self._note(at, "room", "leg gone", reason=_named(reason))
        self._sink.on_gone(at, reason, ours=ours)

    def on_cut(self, at: float) -> None:
        self._note(at, "room", "bot cut off")
        self._sink.on_cut(at)

    def on_away(self, at: float) -> None:
        self._sink.on_away(at)

    def on_back(self, at: float) -> None:
        self._sink.on_back(at)

    def _note(self, at: float, source: Source, name: str, **facts: Fact) -> None:
        self._seen.append(Happening(at, source, name, facts))


def _named(reason: str) -> str:
    """LiveKit's word for a reason that came as a number."""
    return rtc.DisconnectReason.Name(int(reason)).lower() if reason.isdigit() else reason  # type: ignore[arg-type]
