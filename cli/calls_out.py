"""`leadline calls export` and `play`: calls as JSON, CSV or WAV, and their sound on this machine's speaker."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, BinaryIO, Final, cast

import typer

from cli.calls import AsJson, Id, Stack, app, call_as_dict, find_call, moment, plain, told_plainly
from cli.places import find_installation
from flows.model import Answer
from store.calls import Call, Part, StoreError, Turn
from store.playback import joined
from store.recordings import Sound, folder_of, write_sound

#: Programs that play a WAV file and end, as they are called on Linux and macOS.
_PLAYERS: Final = (("paplay",), ("aplay", "-q"), ("afplay",), ("ffplay", "-nodisp", "-autoexit", "-v", "error"))
_COLUMNS: Final = (
    *("id", "began", "direction", "caller", "callee", "flow", "disposition", "score"),
    *("seconds", "next_action", "summary"),
)
_FORMULA: Final = ("=", "@", "-", "+", "\t", "\r")


Writes = Callable[[BinaryIO], object]


class Format(StrEnum):
    """What `export` writes."""

    JSON = "json"
    CSV = "csv"
    WAV = "wav"


class NotPlayed(StoreError):
    """The sound cannot be heard here."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A call with everything that belongs to it."""

    call: Call
    turns: Sequence[Turn]
    answers: Sequence[Answer]
    parts: Sequence[Part]
    folder: Path


@app.command()
def export(
    call_id: Annotated[str | None, typer.Argument(help="The call's id, or how it begins; without: the newest.")] = None,
    form: Annotated[Format, typer.Option("--format", "-f", help="json: everything; csv: a line a call.")] = Format.JSON,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A file; without: standard output.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-l", min=1, max=100_000, help="How many of the newest.")] = 1000,
    name: Stack = None,
) -> None:
    """Write calls out: transcript, answers and record as JSON, results as CSV, the recording as stereo WAV."""
    with told_plainly():
        if form is Format.WAV and call_id is None:
            raise StoreError(
                "one recording is one file: name the call, as in `leadline calls export ID -f wav -o x.wav`"
            )
        if form is Format.WAV and out is None and sys.stdout.isatty():
            raise StoreError("a terminal cannot show sound: write it to a file with --out x.wav")
        found = asyncio.run(_read(name, call_id, limit))
        if form is Format.WAV:
            _to_file(out, lambda file: write_sound(file, _sound(found[0])))
            return
        text = _as_csv(found) if form is Format.CSV else _as_json(found, single=call_id is not None)
        _to_file(out, lambda file: file.write(text.encode()))


@app.command()
def play(call_id: Id, as_json: AsJson = False, name: Stack = None) -> None:
    """Play the recording: the caller left, the bot right."""
    with told_plainly():
        (found,) = asyncio.run(_read(name, call_id, 1))
        sound = _sound(found)
        if as_json:
            told = {"seconds": round(sound.seconds, 3), "rate": sound.rate, "parts": [asdict(p) for p in found.parts]}
            typer.echo(json.dumps({**told, "folder": str(found.folder)}))
            return
        typer.echo(f"call {found.call.id}: {sound.seconds:.1f} s, the caller left, the bot right")
        _play(sound, found)


def _play(sound: Sound, found: Whole) -> None:
    """Hand the sound to the first player that takes it. Raises NotPlayed."""
    elsewhere = f"listen elsewhere: `leadline calls export {found.call.id[:8]} -f wav -o call.wav`"
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        write_sound(cast("BinaryIO", file), sound)
        file.flush()
        said = ""
        for player in _PLAYERS:
            if (program := shutil.which(player[0])) is None:
                continue
            done = subprocess.run([program, *player[1:], file.name], capture_output=True, text=True, check=False)  # noqa: S603
            if done.returncode == 0:
                return
            said = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]
    if said:
        raise NotPlayed(f"this machine plays no sound ({said}); {elsewhere}")
    names = ", ".join(player[0] for player in _PLAYERS)
    raise NotPlayed(f"none of {names} is installed here; {elsewhere}")


def _sound(found: Whole) -> Sound:
    return joined(found.folder, found.call.id, found.parts)


async def _read(stack: str | None, call_id: str | None, limit: int) -> list[Whole]:
    from store.database import open_calls

    at = find_installation(stack)
    async with open_calls(at.database_url) as store:
        calls = [await find_call(store, call_id)] if call_id is not None else await store.list(limit)
        return [
            Whole(
                call,
                await store.turns(call.id),
                await store.answers(call.id),
                await store.recordings(call.id),
                folder_of(at.places.recordings, call.id, call.begun.created_at),
            )
            for call in calls
        ]


def _as_json(found: Iterable[Whole], *, single: bool) -> str:
    calls = [
        call_as_dict(whole.call)
        | {
            "turns": [asdict(turn) for turn in whole.turns],
            "answers": [asdict(answer) for answer in whole.answers],
            "recordings": [asdict(part) for part in whole.parts],
        }
        for whole in found
    ]
    return json.dumps(calls[0] if single else calls, indent=2, ensure_ascii=False, default=plain) + "\n"


def _as_csv(found: Sequence[Whole]) -> str:
    """A line a call, a column for every answer that any of them has."""
    slots = list(dict.fromkeys(answer.slot for whole in found for answer in whole.answers))
    text = io.StringIO()
    out = csv.writer(text)
    out.writerow([*_COLUMNS, *slots])
    for whole in found:
        call, begun = whole.call, whole.call.begun
        lasted = "" if call.ended_at is None or call.answered_at is None else f"{call.ended_at - call.answered_at:.1f}"
        values = {answer.slot: answer.value for answer in whole.answers}
        row: list[object] = [begun.id, moment(begun.created_at), begun.direction.value, begun.caller, begun.callee]
        row += [begun.flow, call.disposition, call.score, lasted]
        row += [call.record.get("next_action"), call.record.get("summary"), *(values.get(slot) for slot in slots)]
        out.writerow([_cell(value) for value in row])
    return text.getvalue()


def _cell(value: object) -> str:
    """Text for a spreadsheet, which would run what begins like a formula."""
    if value is None:
        return ""
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, default=plain, ensure_ascii=False)
    text = str(value)
    number = text[1:].isdigit() or not isinstance(value, str)
    return f"'{text}" if text.startswith(_FORMULA) and not number else text


def _to_file(out: Path | None, write: Writes) -> None:
    """Write a whole file or none; personal data is for its owner's eyes."""
    if out is None:
        write(sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    draft = out.with_name(f".{out.name}.part")
    try:
        with draft.open("wb") as file:
            draft.chmod(0o600)
            write(file)
        draft.replace(out)
    except OSError as wrong:
        draft.unlink(missing_ok=True)
        raise StoreError(f"cannot write {out}: {wrong.strerror}; choose another place") from None
    typer.echo(f"{out}: {out.stat().st_size} bytes", err=True)
