"""`leadline listen`: files as people have them, turns with times, errors that say what to do."""

from __future__ import annotations

import json
import struct
import wave
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from bot.speech.audio import Samples, resample
from bot.speech.local import VOICE
from bot.speech.wavfile import Unreadable, read_wav
from cli.main import app
from sip.ua.g711 import PCMA, PCMU, encode

RUN = CliRunner()
WORDS = "We have sixty people."


@cache
def speech(rate: int) -> Samples:
    quiet = np.random.default_rng(1).normal(0, 3e-4, 24_000).astype(np.float32)
    return resample(np.concatenate((quiet, VOICE.render(WORDS), quiet)), 24_000, rate)


def riff(path: Path, tag: int, channels: int, rate: int, bits: int, sound: bytes, size: int | None = None) -> Path:
    width = channels * bits // 8
    form = struct.pack("<HHIIHH", tag, channels, rate, rate * width, width, bits)
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + b"LIST" + struct.pack("<I", 4) + b"note"
    data = b"data" + struct.pack("<I", len(sound) if size is None else size) + sound
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunks) + len(data)) + b"WAVE" + chunks + data)
    return path


def pcm16(path: Path, rate: int, *channels: Samples) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.stack(channels, axis=1) * 32767).astype("<i2").tobytes())
    return path


def heard(*arguments: str) -> dict[str, object]:
    done = RUN.invoke(app, ["listen", *arguments, "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (16_000, 1), (48_000, 2)])
def test_one_turn_with_its_times(rate: int, channels: int, tmp_path: Path) -> None:
    file = pcm16(tmp_path / "caller.wav", rate, *[speech(rate)] * channels)
    found = heard(str(file), "--expect", "integer_range", "--hotwords", "Rajesh Patel, Northwind,")
    (turn,) = found["turns"]
    assert found["rate"] == rate
    assert found["channels"] == channels
    assert found["hotwords"] == ["Rajesh Patel", "Northwind"]
    assert "60" in turn["words"] or "sixty" in turn["words"].lower()
    assert turn["begin"] == pytest.approx(1.0, abs=0.12)
    assert turn["begin"] < turn["end"] < turn["decided"] < turn["end"] + 0.6


def test_the_table_names_every_turn(tmp_path: Path) -> None:
    done = RUN.invoke(app, ["listen", str(pcm16(tmp_path / "caller.wav", 16_000, speech(16_000)))])
    assert done.exit_code == 0
    header, line = done.stdout.splitlines()
    assert header.split() == ["begin", "end", "decided", "words"]
    assert "people" in line


def test_real_speed_takes_real_time_and_says_the_same(tmp_path: Path) -> None:
    file = pcm16(tmp_path / "caller.wav", 8_000, speech(8_000)[4_000:-4_000])
    slow, fast = (heard(str(file), "--speed", speed)["turns"] for speed in ("real", "full"))
    assert [turn["words"] for turn in slow] == [turn["words"] for turn in fast]


@pytest.mark.parametrize("sound", ["silence", "noise"])
def test_nobody_speaks(sound: str, tmp_path: Path) -> None:
    level = 0.0 if sound == "silence" else 0.02
    samples = np.random.default_rng(4).normal(0, level, 32_000).astype(np.float32)
    file = pcm16(tmp_path / "empty.wav", 16_000, samples)
    assert [turn for turn in heard(str(file))["turns"] if turn["words"]] == []


def test_a_channel_can_be_chosen(tmp_path: Path) -> None:
    bot = np.zeros_like(speech(8_000))
    file = pcm16(tmp_path / "call.wav", 8_000, bot, speech(8_000))
    assert heard(str(file), "--channel", "1")["turns"] == []
    assert len(heard(str(file), "--channel", "2")["turns"]) == 1


@pytest.mark.parametrize("coding", ["8 bit", "24 bit", "32 bit", "float", "A-law", "µ-law", "extensible"])
def test_codings_of_telephones_and_editors(coding: str, tmp_path: Path) -> None:
    samples = speech(8_000)
    pcm = (samples * 32767).astype(np.int16)
    tag, bits, sound = {
        "8 bit": (1, 8, ((samples * 127) + 128).astype(np.uint8).tobytes()),
        "24 bit": (1, 24, (samples * 2**31).astype("<i4").view(np.uint8).reshape(-1, 4)[:, 1:].tobytes()),
        "32 bit": (1, 32, (samples * (2**31 - 1)).astype("<i4").tobytes()),
        "float": (3, 32, samples.astype("<f4").tobytes()),
        "A-law": (6, 8, encode(pcm, PCMA)),
        "µ-law": (7, 8, encode(pcm, PCMU)),
        "extensible": (1, 16, pcm.tobytes()),
    }[coding]
    recording = read_wav(riff(tmp_path / "a.wav", tag, 1, 8_000, bits, sound))
    wanted = resample(samples, 8_000, 16_000) * 32767
    assert len(recording.pcm) == pytest.approx(len(wanted), abs=2)
    size = min(len(recording.pcm), len(wanted))
    assert np.corrcoef(recording.pcm[:size], wanted[:size])[0, 1] > 0.98


def test_a_file_that_ends_early_is_heard_as_far_as_it_goes(tmp_path: Path) -> None:
    sound = (speech(8_000) * 32767).astype("<i2").tobytes()
    recording = read_wav(riff(tmp_path / "cut.wav", 1, 1, 8_000, 16, sound, size=len(sound) * 2))
    assert "ends early" in recording.note
    assert recording.seconds == pytest.approx(len(sound) / 16_000)
    streamed = read_wav(riff(tmp_path / "streamed.wav", 1, 1, 8_000, 16, sound, size=0xFFFFFFFF))
    assert (streamed.note, streamed.seconds) == ("", recording.seconds)


BROKEN = [
    (b"", "is empty"),
    (b"hello world, this is no sound", "no WAV file; convert it: ffmpeg"),
    (b"ID3\x04" + bytes(40), "an MP3"),
    (b"OggS" + bytes(40), "an Ogg"),
    (b"RIFF\x24\x00\x00\x00WAVE", "ends before any sound"),
    (b"RIFF\x24\x00\x00\x00WAVEfmt \x04\x00\x00\x00\x01\x00\x01\x00data\x02\x00\x00\x00ab", "format chunk is broken"),
    (b"RIFF\x24\x00\x00\x00WAVEdata\x02\x00\x00\x00ab", "before its format"),
]


@pytest.mark.parametrize(("content", "words"), BROKEN, ids=[words for _, words in BROKEN])
def test_a_broken_file_is_named_with_what_to_do(content: bytes, words: str, tmp_path: Path) -> None:
    file = tmp_path / "broken.wav"
    file.write_bytes(content)
    done = RUN.invoke(app, ["listen", str(file)])
    assert done.exit_code == 2
    assert words in done.stderr
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("tag", "channels", "rate", "bits", "sound", "words"),
    [
        (85, 1, 8_000, 16, b"1234", "coding 0x0055 is not read here; convert it"),
        (1, 1, 8_000, 12, b"1234", "12-bit PCM is not read here"),
        (1, 0, 8_000, 16, b"1234", "header is broken"),
        (1, 1, 3, 16, b"1234", "at 3 Hz cannot be"),
        (1, 2, 8_000, 16, b"", "there is no sound in it"),
    ],
)
def test_a_header_that_cannot_be_used(
    tag: int, channels: int, rate: int, bits: int, sound: bytes, words: str, tmp_path: Path
) -> None:
    with pytest.raises(Unreadable, match=words):
        read_wav(riff(tmp_path / "odd.wav", tag, channels, rate, bits, sound))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["/nowhere/caller.wav"], "there is no file /nowhere/caller.wav"),
        (["."], "is a folder"),
        (["x.wav", "--expect", "salary"], "use one of yes_no"),
        (["x.wav", "--hotwords", ",".join(f"name {n}" for n in range(51))], "50 at most"),
    ],
)
def test_a_wrong_argument(arguments: list[str], words: str) -> None:
    done = RUN.invoke(app, ["listen", *arguments])
    assert done.exit_code == 2
    assert words in done.stderr
