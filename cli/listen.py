"""`leadline listen`: run the ear on a WAV file and print the caller's turns: begin, end, when each was decided, words."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from bot.speech.wavfile import Recording, Unreadable, read_wav
from flows.model import Expect, SlotType

if TYPE_CHECKING:
    from bot.ear import Turn

# The speech models are imported where they are used: a wrong option must be answered at once.

KINDS: Final = (*(str(kind) for kind in SlotType), "confirm", "open")
_HOTWORDS_MAX: Final = 50


class Speed(StrEnum):
    """How fast the file is heard."""

    FULL = "full"  #: as fast as the machine can; times come out as in a call
    REAL = "real"  #: at the pace of a call


def listen(
    file: Annotated[Path, typer.Argument(metavar="FILE.wav", help="8 to 32 bit, any rate, A-law and µ-law too.")],
    expect: Annotated[str, typer.Option(help=f"What was asked: {', '.join(KINDS)}.")] = "open",
    hotwords: Annotated[str, typer.Option(help="Names to listen for, as Rajesh Patel,Northwind.")] = "",
    speed: Annotated[Speed, typer.Option(help="full: as fast as possible; real: at the pace of a call.")] = Speed.FULL,
    channel: Annotated[int | None, typer.Option(min=1, help="Hear only this channel; default: all, mixed.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Run the ear on a recording: what a caller's turns are, when each ended and when that was decided."""
    try:
        asked = Expect(_kind(expect), None, _names(hotwords))
        recording = read_wav(file, channel)
    except Unreadable as problem:
        typer.echo(f"error: {problem}", err=True)
        raise typer.Exit(2) from None
    found = _hear(recording, asked, speed, as_json)
    if recording.note:
        typer.echo(f"note: {recording.note}", err=True)
    if as_json:
        typer.echo(json.dumps({"file": str(file), "expect": expect, "hotwords": list(asked.hotwords), **found}))


def _kind(name: str) -> SlotType | Literal["confirm", "open"]:
    if name not in KINDS:
        raise Unreadable(f"--expect {name!r} is nothing that can be asked; use one of {', '.join(KINDS)}")
    match name:
        case "confirm" | "open":
            return name
        case _:
            return SlotType(name)


def _names(given: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in given.split(",") if name.strip()))
    if len(names) > _HOTWORDS_MAX:
        raise Unreadable(f"{len(names)} hotwords are too many to tell apart; give {_HOTWORDS_MAX} at most")
    return names


def _hear(recording: Recording, asked: Expect, speed: Speed, as_json: bool) -> dict[str, object]:
    from bot.listening import listen as hear
    from bot.listening import listen_in_real_time
    from bot.speech.local import RECOGNISER
    from bot.speech.vad import VoiceActivity, builtin
    from flows.patience import patience

    def told(turn: Turn) -> None:
        if not as_json:
            words = turn.text or "(sound without words)"
            typer.echo(f"{turn.began_at:8.2f} {turn.ended_at:8.2f} {turn.decided_at:8.2f}  {words}")

    if not as_json:
        typer.echo("   begin      end  decided  words")
    parts = (recording.pcm, asked, RECOGNISER, VoiceActivity(builtin()), patience)
    if speed is Speed.REAL:
        heard = listen_in_real_time(*parts, told)
    else:
        heard = hear(*parts)
        for turn in heard.turns:
            told(turn)
    if not heard.turns and not as_json:
        typer.echo(f"nobody speaks in these {recording.seconds:.1f} s")
    return {
        "seconds": round(recording.seconds, 3),
        "rate": recording.rate,
        "channels": recording.channels,
        "note": recording.note,
        "turns": [_turn(turn) for turn in heard.turns],
    }


def _turn(turn: Turn) -> dict[str, object]:
    return {
        "begin": round(turn.began_at, 3),
        "end": round(turn.ended_at, 3),
        "decided": round(turn.decided_at, 3),
        "words": turn.text,
        "confidence": round(turn.confidence, 3),
    }
