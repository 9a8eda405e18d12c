"""How calls end: SIP statuses and LiveKit's errors as outcomes, in tables."""

from __future__ import annotations

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from livekit import api

from sip.outcome import Ending, Outcome, of_error, of_status


@pytest.mark.parametrize(
    ("status", "ending", "retryable"),
    [
        (200, Ending.ANSWERED, False),
        (486, Ending.BUSY, True),
        (600, Ending.BUSY, True),
        (603, Ending.DECLINED, False),
        (607, Ending.UNWANTED, False),
        (608, Ending.BLOCKED, False),
        (408, Ending.UNANSWERED, True),
        (480, Ending.UNANSWERED, True),
        (487, Ending.UNANSWERED, True),
        (404, Ending.NOT_FOUND, False),
        (410, Ending.NOT_FOUND, False),
        (484, Ending.NOT_FOUND, False),
        (604, Ending.NOT_FOUND, False),
        (401, Ending.TRUNK_REFUSED, False),
        (403, Ending.TRUNK_REFUSED, False),
        (407, Ending.TRUNK_REFUSED, False),
        (488, Ending.TRUNK_REFUSED, False),
        (500, Ending.TRUNK_DOWN, True),
        (503, Ending.TRUNK_DOWN, True),
        (504, Ending.TRUNK_DOWN, True),
    ],
)
def test_sip_statuses(status: int, ending: Ending, retryable: bool) -> None:
    outcome = of_status(status, "Some Phrase")
    assert outcome == Outcome(ending, status, "Some Phrase")
    assert outcome.retryable is retryable


def test_a_network_that_blocks_is_not_a_person_who_declines() -> None:
    assert of_status(603, "Network Blocked").name is Ending.BLOCKED
    assert of_status(603, "Decline").name is Ending.DECLINED


@given(st.integers(200, 699))
def test_only_a_2xx_is_an_answer(status: int) -> None:
    assert (of_status(status).name is Ending.ANSWERED) == (status < 300)


def _server_error(code: str, message: str = "") -> api.ServerError:
    return api.ServerError(code, message, status=500)


@pytest.mark.parametrize(
    ("error", "ending"),
    [
        (_server_error("canceled", "sip request timed out"), Ending.UNANSWERED),
        (_server_error("deadline_exceeded"), Ending.UNANSWERED),
        (_server_error("unavailable", "no response from servers"), Ending.NO_GATEWAY),
        (_server_error("failed_precondition", "auth required"), Ending.TRUNK_REFUSED),
        (_server_error("invalid_argument", "bad address"), Ending.TRUNK_REFUSED),
        (_server_error("not_found", "sip trunk does not exist"), Ending.TRUNK_REFUSED),
        (_server_error("unauthenticated", "invalid API key"), Ending.NO_SERVER),
        (_server_error("internal", "sip not connected (redis required)"), Ending.NO_SERVER),
        (TimeoutError(), Ending.NO_SERVER),
        (aiohttp.ClientConnectionError("refused"), Ending.NO_SERVER),
    ],
    ids=lambda value: str(value)[:40],
)
def test_errors_without_a_sip_status(error: api.ServerError, ending: Ending) -> None:
    outcome = of_error(error)
    assert outcome.name is ending
    assert outcome.sip_status is None
    assert outcome.phrase


def test_a_sip_status_in_an_error_decides() -> None:
    meta = {"sip_status_code": "486", "sip_status": "Busy Here"}
    error = api.SipCallError("resource_exhausted", "INVITE failed", status=429, metadata=meta)
    assert of_error(error) == Outcome(Ending.BUSY, 486, "Busy Here")
    assert str(of_error(error)) == "busy (486 Busy Here)"
