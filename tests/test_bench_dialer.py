"""A short run of `python -m bench dialer`: a dialer is killed in the middle of calls, and nobody is rung twice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bench.pace import figures


def test_kills_cost_no_lead_and_no_second_ring(tmp_path: Path) -> None:
    """In a process of its own, for it forks."""
    import json

    file = tmp_path / "kills.json"
    command = [sys.executable, "-m", "bench", "dialer", "--kills", "4", "--leads", "60", "--json", str(file)]
    subprocess.run(command, check=True, capture_output=True, timeout=100)
    found = json.loads(file.read_text())
    wrong = (
        "double_invites_of_an_attempt",
        "numbers_rung_twice",
        "invites_without_a_row",
        "lost_leads",
        "attempts_open",
    )
    assert {name: found[name] for name in wrong} == dict.fromkeys(wrong, 0), found
    assert found["invites"] > 0


def test_figures_of_pace() -> None:
    assert figures([0, 0.25, 0.5, 0.75, 1.0, 1.25], 5) == {
        "invites": 6,
        "seconds": 1.25,
        "use": 0.8,
        "most_in_any_second": 4,
        "least_gap_ms": 250.0,
    }
