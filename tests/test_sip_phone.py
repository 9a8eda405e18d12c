"""Two phones on loopback, over real UDP: everything that a call can do, and that nothing stays behind."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from sip.phone import (
    CallFailed,
    Phone,
    PhoneCall,
    answer,
    busy,
    echo,
    no_answer,
    save_stereo,
    silent,
    stereo,
    tone,
    voicemail,
)
from tests.waiting import eventually


@pytest.fixture
async def me() -> AsyncIterator[Phone]:
    async with Phone(user="+12025550111") as phone:
        yield phone
    assert phone.errors == []


@pytest.fixture
async def far() -> AsyncIterator[Phone]:
    async with Phone(user="+12025550100", on_call=answer()) as phone:
        yield phone
    assert phone.errors == []


def other_end(phone: Phone) -> PhoneCall:
    return next(call for call in phone.calls if call.active)


async def test_speech_arrives_when_and_as_it_was_said(me: Phone, far: Phone) -> None:
    call = await me.call("+12025550100", far.addr)
    other = other_end(far)
    said = await call.media.say(tone(440, 0.6))
    await eventually(lambda: len(other.media.received) > 0 and other.media.received[-1].t > said.end)
    heard = other.media.speech()
    assert len(heard) == 1
    assert heard[0].start - said.start < 0.02
    assert (heard[0].end - heard[0].start) == pytest.approx(said.end - said.start, abs=0.04)
    samples = other.media.heard(said.start - 0.001, said.end).astype(float)
    spectrum = np.abs(np.fft.rfft(samples))
    assert np.argmax(spectrum) * 8000 / len(samples) == pytest.approx(440, abs=3)
    assert (call.media.lost, other.media.lost) == (0, 0)
    await call.hangup()
    assert other.ended_by == "remote"


async def test_keys_both_ways(me: Phone, far: Phone) -> None:
    call = await me.call("+12025550100", far.addr)
    other = other_end(far)
    await asyncio.gather(call.media.send_dtmf("12#*A", ms=60, gap_ms=40), other.media.send_dtmf("90", ms=60))
    assert await other.media.wait_digits(5) == "12#*A"
    assert await call.media.wait_digits(2) == "90"
    await other.hangup()
    await call.wait_ended(2)
    assert call.ended_by == "remote"


@pytest.mark.parametrize("code", [486, 480, 603, 404, 503])
async def test_refusals_carry_their_status(me: Phone, far: Phone, code: int) -> None:
    far.manner.on_call = busy(code)
    with pytest.raises(CallFailed) as failed:
        await me.call("+12025550100", far.addr)
    assert failed.value.status == code
    assert far.sent_count(code) == 1  # the ACK ended the repetitions


@pytest.mark.parametrize("behaviour", [no_answer, silent])
async def test_an_unanswered_call_is_cancelled(me: Phone, far: Phone, behaviour: object) -> None:
    far.manner.on_call = no_answer() if behaviour is no_answer else silent()
    with pytest.raises(TimeoutError):
        await me.call("+12025550100", far.addr, wait=0.3)
    assert [call.ended_by for call in far.calls] == ["cancel"]
    assert me.calls[0].failure is not None and me.calls[0].failure.status == 487


async def test_credentials(me: Phone, far: Phone) -> None:
    far.manner.credentials = ("u", "p")
    for credentials in (None, ("u", "wrong")):
        with pytest.raises(CallFailed) as failed:
            await me.call("+12025550100", far.addr, credentials=credentials)
        assert failed.value.status == 407
    call = await me.call("+12025550100", far.addr, credentials=("u", "p"))
    await other_end(far).hangup()
    await call.wait_ended(2)


async def test_hold_stops_the_audio_and_resume_brings_it_back(me: Phone, far: Phone) -> None:
    call = await me.call("+12025550100", far.addr)
    assert (await call.reinvite("inactive")).status == 200
    other = other_end(far).media
    await eventually(lambda: other.out.direction == "inactive")
    sent = other.out.packets
    assert (await call.reinvite("sendrecv")).status == 200
    assert other.out.packets - sent <= 1
    await eventually(lambda: other.out.packets > sent + 5)


@pytest.mark.parametrize(
    ("answered", "script", "told"),
    [
        ((202, "Accepted"), [(0.0, 100, "Trying"), (0.0, 200, "OK")], ["100", "200"]),
        ((202, "Accepted"), [(0.0, 486, "Busy Here")], ["486"]),
        ((603, "Decline"), [], []),
    ],
)
async def test_transfer_by_script(
    me: Phone, far: Phone, answered: tuple[int, str], script: list[tuple[float, int, str]], told: list[str]
) -> None:
    me.manner.refer, me.manner.notifies = answered, script
    call = await me.call("+12025550100", far.addr)
    asked = await other_end(far).request("REFER", [("refer-to", "<tel:+12025550199>")])
    assert asked.status == answered[0]
    assert (await me.refers.get()).to == "tel:+12025550199"
    await eventually(lambda: [m.body.split()[1] for m in far.notified] == told)
    await call.hangup()


async def test_voicemail_beeps_records_and_hangs_up(me: Phone, far: Phone) -> None:
    far.manner.on_call = voicemail(tone(300, 0.4), after=0.0, record=0.2)
    call = await me.call("+12025550100", far.addr)
    await call.wait_ended(5)
    segments = call.media.speech()
    assert segments[-1].end - segments[0].start == pytest.approx(0.8, abs=0.1)


async def test_stereo_recording_keeps_both_sides_in_time(me: Phone, far: Phone, tmp_path: Path) -> None:
    far.manner.on_call = echo()
    call = await me.call("+12025550100", far.addr)
    said = await call.media.say(tone(700, 0.2))
    await call.media.wait_speech(said.start)
    await call.media.wait_quiet(0.2)
    await call.hangup()
    both = stereo(call.media)
    onsets = [int(np.argmax(np.abs(both[:, side]) > 1000)) for side in (0, 1)]
    first = min(call.media.sent[0].t, call.media.received[0].t)
    assert onsets[0] / 8000 == pytest.approx(said.start - first, abs=0.025)
    assert onsets[1] / 8000 == pytest.approx(call.media.speech()[0].start - first, abs=0.025)
    save_stereo(tmp_path / "call.wav", call)
    assert (tmp_path / "call.wav").stat().st_size == 44 + both.size * 2


async def test_two_calls_of_the_same_number_do_not_meet(me: Phone, far: Phone) -> None:
    first, second = await asyncio.gather(*(me.call("+12025550100", far.addr) for _ in range(2)))
    await first.hangup()
    assert second.active
    said = await second.media.say(tone(440, 0.1))
    assert len(other_end(far).media.speech(said.start - 0.01)) == 1


async def test_malformed_datagrams_harm_no_call(me: Phone) -> None:
    async with Phone(user="+12025550100", on_call=answer()) as far:
        call = await me.call("+12025550100", far.addr)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hostile:
            for junk in (b"\x00" * 40, b"INVITE", b"BYE sip:a SIP/2.0\r\n\r\n", b"\xff" * 2000):
                hostile.sendto(junk, far.addr)
                hostile.sendto(junk, (far.ip, other_end(far).media.port.number))
        await eventually(lambda: len(far.errors) == 3)  # zeros are a keep-alive
        assert call.active and other_end(far).active


async def test_a_dead_port_fails_in_the_end_and_leaves_nothing(me: Phone) -> None:
    call = await me.call("+12025550100", ("127.0.0.1", 9), wait=None)
    await call.hangup()  # no provisional answer: no CANCEL may be sent
    assert call.ended.is_set()
    assert all(msg.method != "CANCEL" for _, _, msg, _ in me.log)


async def test_leaving_hangs_up(far: Phone) -> None:
    async with Phone(user="+12025550111") as me:
        await me.call("+12025550100", far.addr)
    assert [call.ended_by for call in far.calls] == ["remote"]
    assert len(me.agent.tasks) == 0
