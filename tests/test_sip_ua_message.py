"""SIP messages: what is read, what is refused, and that nothing else can happen."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip.ua.message import BadMessage, Msg, host_of, note_source, reply_addr, split_list, tag_of, uri_of, user_of

INVITE = (
    b"INVITE sip:+12025550100@127.0.0.1 SIP/2.0\r\n"
    b"v: SIP/2.0/UDP 127.0.0.1:5071;branch=z9hG4bK1;rport, SIP/2.0/UDP 127.0.0.9;branch=z9hG4bK0\r\n"
    b'f: "Lee, A <x>" <sip:+12025550111@127.0.0.1>;tag=a1\r\n'
    b"t: <sip:+12025550100@127.0.0.1>\r\n"
    b"i: c1\r\n"
    b"CSeq: 7 INVITE\r\n"
    b"Subject: folded\r\n line\r\n"
    b"l: 3\r\n\r\nabcdef"
)


def changed(old: bytes, new: bytes) -> bytes:
    assert old in INVITE
    return INVITE.replace(old, new)


def test_compact_names_folding_lists_and_body_length() -> None:
    msg = Msg.parse(INVITE)
    assert (msg.method, msg.uri, msg.cseq, msg.branch) == ("INVITE", "sip:+12025550100@127.0.0.1", 7, "z9hG4bK1")
    assert len(msg.all("via")) == 2
    assert (tag_of(msg.get("from")), user_of(msg.get("from"))) == ("a1", "+12025550111")
    assert msg.get("subject") == "folded line"
    assert msg.body == "abc"


BAD = {
    "empty": b"",
    "no blank line": INVITE.partition(b"\r\n\r\n")[0],
    "not SIP": changed(b" SIP/2.0\r\nv:", b" HTTP/1.1\r\nv:"),
    "no call id": changed(b"i: c1\r\n", b""),
    "no via": changed(b"v: ", b"x: "),
    "via without sender": changed(b"v: SIP/2.0/UDP 127.0.0.1:5071", b"v: nonsense"),
    "cseq of another method": changed(b"7 INVITE", b"7 BYE"),
    "cseq without number": changed(b"7 INVITE", b"INVITE"),
    "cut off": changed(b"l: 3", b"l: 300"),
    "length is no number": changed(b"l: 3", b"l: -3"),
    "header without name": changed(b"i: c1\r\n", b"i: c1\r\n: x\r\n"),
    "status out of range": b"SIP/2.0 999 Odd\r\n" + INVITE.partition(b"\r\n")[2],
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD.keys())
def test_malformed_messages_are_refused(data: bytes) -> None:
    with pytest.raises(BadMessage):
        Msg.parse(data)


@given(st.binary(max_size=400))
def test_parsing_raises_nothing_but_bad_message(data: bytes) -> None:
    with contextlib.suppress(BadMessage):
        Msg.parse(data)


@given(st.integers(0, len(INVITE)), st.binary(max_size=8), st.integers(0, 12))
def test_damaged_messages_raise_nothing_but_bad_message(at: int, put: bytes, cut: int) -> None:
    with contextlib.suppress(BadMessage):
        msg = Msg.parse(INVITE[:at] + put + INVITE[at + cut :])
        note_source(msg, ("127.0.0.1", 5071))
        assert reply_addr(msg.get("via")) == ("127.0.0.1", 5071)
        assert Msg.parse(bytes(msg)).get("call-id") == msg.get("call-id")


WORDS = st.text("abcXYZ019-_.!~'()", min_size=1, max_size=12)
TEXT = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=30)


@given(call_id=WORDS, subject=TEXT, body=st.text(max_size=80), number=st.integers(0, 2**31))
def test_what_is_written_is_read_again(call_id: str, subject: str, body: str, number: int) -> None:
    headers = [
        ("via", "SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKx"),
        ("from", "<sip:a@127.0.0.1>;tag=1"),
        ("to", "<sip:b@127.0.0.1>"),
        ("call-id", call_id),
        ("cseq", f"{number} OPTIONS"),
        ("subject", subject),
    ]
    msg = Msg("OPTIONS sip:b@127.0.0.1 SIP/2.0", headers, body)
    again = Msg.parse(bytes(msg))
    assert [h for h in again.headers if h[0] != "content-length"] == headers
    assert again.body == body


def test_a_header_value_cannot_smuggle_another_header() -> None:
    msg = Msg.parse(INVITE)
    msg.set("refer-to", "<sip:a@b>\r\nX-Evil: 1")
    with pytest.raises(BadMessage, match="line break"):
        bytes(msg)


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("a, b", ["a", "b"]),
        ('"x, y" <sip:a,b@c>, <sip:d@e>;lr', ['"x, y" <sip:a,b@c>', "<sip:d@e>;lr"]),
        ("", []),
        (",,", []),
    ],
)
def test_lists_are_split_outside_quotes_and_brackets(value: str, parts: list[str]) -> None:
    assert split_list(value) == parts


@pytest.mark.parametrize(
    ("uri", "addr"),
    [
        ("sip:a@127.0.0.1:5070;transport=udp", ("127.0.0.1", 5070)),
        ("sip:127.0.0.1", ("127.0.0.1", 5060)),
        ("SIPS:a:secret@host.example?x=1", ("host.example", 5060)),
    ],
)
def test_host_and_port(uri: str, addr: tuple[str, int]) -> None:
    assert host_of(uri) == addr


def test_uri_of_reads_past_a_display_name() -> None:
    assert uri_of('"a <sip:x@y>" <sip:b@c>;tag=1') == "sip:b@c"
    assert uri_of("sip:b@c;tag=1") == "sip:b@c"


def test_answers_go_where_the_request_came_from() -> None:
    msg = Msg.parse(INVITE)
    note_source(msg, ("127.0.0.7", 4000))
    assert reply_addr(msg.get("via")) == ("127.0.0.7", 4000)
    assert len(msg.all("via")) == 2
