"""A number is found however it is written or said, and goes from files that others are writing to."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.erasure import Found
from store.subject import ERASED, Subject, hashed
from store.traces import Places, erase_files, files_left

LEE = Subject("+12025550134", "2025550134")
LONDON = Subject("+442079460123", "2079460123")


@pytest.mark.parametrize(
    ("subject", "text", "found"),
    [
        (LEE, "+12025550134", True),
        (LEE, "12025550134", True),
        (LEE, "(202) 555-0134", True),
        (LEE, "call +1 202.555.01 34 now", True),
        (LEE, "two oh two, five five five, oh one three four", True),
        (LEE, "Two zero two 555 o one 34.", True),
        (LEE, '{"caller": "2025550134"}', True),
        (LEE, "sip_+12025550134", True),
        (LEE, "+12025550135", False),
        (LEE, "120255501341", False),
        (LEE, "9992025550134", False),
        (LEE, "+442025550134", False),
        (LEE, "someone two", False),
        (LONDON, "020 7946 0123", True),
        (LONDON, "+44 20 7946 0123", True),
        (LONDON, "+44 (0)20 7946 0123", True),
        (LONDON, "+442079460124", False),
    ],
)
def test_a_number_is_found_as_people_write_and_say_it(subject: Subject, text: str, found: bool) -> None:
    assert subject.is_in(text) is found
    assert not subject.is_in(subject.without(text))
    assert len(subject.masked(text)) == len(text)


@given(st.recursive(st.sampled_from(["+12025550134", "hello", 3, None]), lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner)))  # fmt: skip
def test_it_goes_from_any_data(data: object) -> None:
    without = LEE.out_of(data)
    assert not LEE.is_in(repr(without))
    assert LEE.out_of(without) == without
    if not LEE.is_in(repr(data)):
        assert without == data


def test_a_hash_is_the_same_for_the_same_salt_only() -> None:
    assert hashed(LEE.e164, "a") == hashed(LEE.e164, "a") != hashed(LEE.e164, "b")
    assert "0134" not in hashed(LEE.e164, "a").removeprefix("scrypt:")[:8]


def test_logs_are_crossed_out_in_place_and_their_writers_go_on(tmp_path: Path) -> None:
    logs, live = tmp_path / "logs", tmp_path / "journal" / "live"
    logs.mkdir()
    live.mkdir(parents=True)
    log = logs / "worker.log"
    log.write_bytes("é sip_+12025550134 joined\nother +12025550177\n".encode() + b"\xff\n")
    (live / "a.json").write_text('{"caller": "+12025550134"}')
    (live / "b.json").write_text('{"caller": "+12025550177", "call": {"id": "call-1"}}')
    (live / "c.json").write_text('{"caller": "+12025550177"}')
    places = Places("", tmp_path / "recordings", tmp_path / "journal", (logs,))
    calls = [Found("call-1", 0.0, "room")]
    with log.open("ab") as writing:
        size = log.stat().st_size
        assert erase_files(places, LEE, calls) == {"live states on disk": 2, "log lines": 1}
        assert log.stat().st_size == size
        writing.write(b"goes on\n")
    assert log.read_bytes() == "é sip_xxxxxxxxxxxx joined\nother +12025550177\n".encode() + b"\xff\ngoes on\n"
    assert [path.name for path in live.iterdir()] == ["c.json"]
    assert files_left(places, LEE, calls) == []


def test_what_is_replaced_reads_as_erased() -> None:
    assert LEE.without("Call me on 202-555-0134, please") == f"Call me on {ERASED}, please"
