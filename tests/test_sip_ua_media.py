"""G.711, RTP packets, counting what is lost, keys as telephone events."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip.ua.audio import level_db, load_wav, save_wav, tone
from sip.ua.dtmf import DIGITS, Digit, DigitReader, DigitWriter
from sip.ua.g711 import PCMA, PCMU, decode, encode
from sip.ua.rtp import Packet, Reception, pack, parse

CODECS = [PCMU, PCMA]


@pytest.mark.parametrize("pt", CODECS)
def test_every_code_survives_decoding_and_encoding(pt: int) -> None:
    samples = decode(bytes(range(256)), pt)
    assert np.array_equal(decode(encode(samples, pt), pt), samples)


@pytest.mark.parametrize(
    ("pt", "code", "sample"),
    [(PCMU, 0xFF, 0), (PCMU, 0x80, 32124), (PCMU, 0x00, -32124), (PCMA, 0xD5, 8), (PCMA, 0xAA, 32256)],
)
def test_values_of_the_standard(pt: int, code: int, sample: int) -> None:
    assert decode(bytes([code]), pt)[0] == sample


@pytest.mark.parametrize("pt", CODECS)
def test_a_loud_tone_keeps_its_shape(pt: int) -> None:
    x = tone(440, 0.5)
    error = decode(encode(x, pt), pt).astype(float) - x
    assert 10 * np.log10((x.astype(float) ** 2).mean() / (error**2).mean()) > 35  # dB


def test_wav_round_trip(tmp_path: object) -> None:
    path = f"{tmp_path}/t.wav"
    stereo = np.stack([tone(300, 0.1), tone(500, 0.1)], axis=1)
    save_wav(path, stereo)
    assert np.abs(load_wav(path) - stereo.mean(axis=1)).max() <= 1
    assert level_db(np.zeros(160, np.int16)) == pytest.approx(-120, abs=0.1)


@given(
    pt=st.integers(0, 63),
    marker=st.booleans(),
    seq=st.integers(0, 65535),
    ts=st.integers(0, 2**32 - 1),
    payload=st.binary(max_size=200),
)
def test_packets_are_read_as_written(pt: int, marker: bool, seq: int, ts: int, payload: bytes) -> None:
    assert parse(pack(pt, marker, seq, ts, 5, payload), 1.0) == Packet(1.0, seq, ts, pt, marker, 5, payload)


@given(st.binary(max_size=60))
def test_any_datagram_is_a_packet_or_nothing(data: bytes) -> None:
    parse(data, 0.0)


def received(seqs: list[int]) -> Reception:
    reception = Reception()
    for seq in seqs:
        reception.count(Packet(0.0, seq & 0xFFFF, 0, 0, False, 1, b""))
    return reception


@pytest.mark.parametrize(
    ("seqs", "lost", "reordered"),
    [
        ([1, 2, 3], 0, 0),
        ([1, 2, 5], 2, 0),
        ([65534, 65535, 65536, 65537], 0, 0),
        ([65535, 65537], 1, 0),
        ([1, 3, 2, 4], 0, 1),
    ],
)
def test_lost_packets_are_counted(seqs: list[int], lost: int, reordered: int) -> None:
    reception = received(seqs)
    assert (reception.lost, reception.reordered) == (lost, reordered)


@given(st.text(DIGITS, min_size=1, max_size=8), st.integers(40, 400))
async def test_keys_arrive_as_pressed(digits: str, ms: int) -> None:
    writer, reader, ts, seq = DigitWriter(), DigitReader(), 1000, 0
    for digit in digits:
        writer.press(digit, ms)
    new: list[Digit] = []
    while writer:
        for marker, event_ts, payload in writer.frame(ts):
            seq += 1
            digit = reader.read(Packet(0.0, seq, event_ts, 101, marker, 1, payload))
            new += [digit] if digit else []
        ts += 160
    assert "".join(d.digit for d in new) == digits
    assert all(d.ended and abs(d.ms - ms) <= 20 for d in reader.digits)


async def test_a_letter_that_is_no_key_is_refused() -> None:
    with pytest.raises(ValueError, match="keypad"):
        DigitWriter().press("x", 100)


@pytest.mark.parametrize("payload", [b"", b"\x01", bytes([16, 0, 0, 160]), bytes([255, 255, 255, 255])])
def test_what_is_no_key_is_not_read(payload: bytes) -> None:
    assert DigitReader().read(Packet(0.0, 1, 1, 101, True, 1, payload)) is None
