"""Whose consent a recording needs: a table of places, and everything unknown on the strict side."""

from __future__ import annotations

import pytest

from campaigns.recording_law import rule

DC, TEXAS, CALIFORNIA, ONTARIO, LONDON = "+12025550134", "+12145550134", "+14155550134", "+14165550134", "+442079460123"


@pytest.mark.parametrize(
    ("caller", "callee", "lead", "asks_for"),
    [
        (DC, DC, {}, "one_party"),
        (DC, TEXAS, {"state": "tx"}, "one_party"),
        (DC, CALIFORNIA, {}, "all_party"),
        (CALIFORNIA, DC, {}, "all_party"),
        (DC, TEXAS, {"state": "CA"}, "all_party"),
        (DC, TEXAS, {"state": "Bavaria"}, "all_party"),
        (DC, ONTARIO, {}, "all_party"),
        (DC, LONDON, {}, "all_party"),
        (DC, "", {}, "all_party"),
        ("anonymous", DC, {}, "all_party"),
        ("2025550134", DC, {}, "all_party"),
        (DC, "+18005550134", {}, "all_party"),
    ],
)
def test_the_stricter_place_rules(caller: str, callee: str, lead: dict[str, str], asks_for: str) -> None:
    assert rule(caller, callee, lead) == asks_for
