"""What keeps a worker from starting, said in words that name what to change."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from bot.worker import WorkerUnusable, run


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"LIVEKIT_API_KEY": "", "LIVEKIT_API_SECRET": ""}, "LIVEKIT_API_KEY and LIVEKIT_API_SECRET are not set"),
        ({"LEADLINE_BOT_FLOW": "no-such-flow"}, "there is no such flow or file"),
        ({"LEADLINE_BOT_FLOW": "{broken}"}, "broken.yaml:"),
    ],
    ids=["no keys", "no such flow", "broken flow"],
)
async def test_a_worker_that_cannot_work_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, env: Mapping[str, str], words: str
) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("flow: broken\nslots: []\n")
    keys = {"LIVEKIT_API_KEY": "key", "LIVEKIT_API_SECRET": "s" * 36}
    for name, value in {**keys, **env}.items():
        monkeypatch.setenv(name, value.format(broken=broken))
    with pytest.raises(WorkerUnusable, match=words.replace(".", "\\.")):
        await run()
