"""Session descriptions: offers that are understood, answers that fit them."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip.ua.message import BadMessage
from sip.ua.sdp import DIRECTIONS, Sdp

OFFER = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\n"
    "m=audio 4000 RTP/AVP 9 8 0 96\r\na=rtpmap:96 telephone-event/8000\r\na=sendonly\r\n"
    "m=video 4002 RTP/AVP 97\r\na=inactive\r\n"
)


def test_offer_is_read_and_answered() -> None:
    offer = Sdp.parse(OFFER)
    assert offer == Sdp("127.0.0.2", 4000, (9, 8, 0, 96), 96, "sendonly", ("m=video 0 RTP/AVP 97",))
    answer = offer.answer("127.0.0.3", 5000, (0, 8))
    assert answer.payloads == (8,)
    assert answer.direction == "recvonly"
    assert "m=video 0 RTP/AVP 97" in answer.text(1, 1)


BAD = {
    "empty": "",
    "no audio": "v=0\r\nm=video 1 RTP/AVP 96\r\n",
    "encrypted only": OFFER.replace("audio 4000 RTP/AVP", "audio 4000 RTP/SAVP"),
    "no address": OFFER.replace("c=IN IP4 127.0.0.2\r\n", ""),
    "a name for an address": OFFER.replace("c=IN IP4 127.0.0.2", "c=IN IP4 phone.example"),
    "port out of range": OFFER.replace("4000", "70000"),
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
def test_unusable_descriptions_are_refused(text: str) -> None:
    with pytest.raises(BadMessage):
        Sdp.parse(text)


def test_no_common_codec_is_refused() -> None:
    with pytest.raises(BadMessage, match="codec"):
        Sdp.parse(OFFER).answer("127.0.0.3", 5000, (3,))


@given(st.text(max_size=300))
def test_parsing_raises_nothing_but_bad_message(text: str) -> None:
    with contextlib.suppress(BadMessage):
        Sdp.parse(text)


@given(
    port=st.integers(0, 65535),
    payloads=st.permutations([0, 8]),
    event=st.one_of(st.none(), st.integers(96, 127)),
    direction=st.sampled_from(DIRECTIONS),
)
def test_what_is_written_is_read_again(port: int, payloads: list[int], event: int | None, direction: str) -> None:
    sdp = Sdp("127.0.0.1", port, tuple(payloads), event, direction)
    read = Sdp.parse(sdp.text(1, 2))
    formats = (*payloads, event) if event is not None else tuple(payloads)
    assert read == Sdp("127.0.0.1", port, formats, event, direction)


@given(offered=st.sampled_from(DIRECTIONS), wanted=st.sampled_from(DIRECTIONS))
def test_an_answer_never_takes_more_than_the_offer_gives(offered: str, wanted: str) -> None:
    answer = Sdp("127.0.0.1", 1, (0,), None, offered).answer("127.0.0.1", 2, (0,), wanted).direction
    sends, receives = ("sendrecv", "sendonly"), ("sendrecv", "recvonly")
    assert (answer in sends) == (wanted in sends and offered in receives)
    assert (answer in receives) == (wanted in receives and offered in sends)
