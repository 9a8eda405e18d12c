"""Every shipped flow is gone through before the first fork: to its end or to a question, and one that breaks breaks nothing."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from bot.run_through import run_through
from store.flowfiles import list_flows, load_flow


@pytest.mark.parametrize("name", list_flows())
def test_a_shipped_flow_is_gone_through(name: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        run_through(load_flow(name))
    assert caplog.records == []


def test_a_flow_that_breaks_is_told_and_stops_no_worker(caplog: pytest.LogCaptureFixture) -> None:
    broken = replace(load_flow("b2b-software"), slots=None)  # type: ignore[arg-type]
    run_through(broken)
    assert "cannot be gone through" in caplog.text
