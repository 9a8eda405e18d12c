"""What the tests in a browser share: what they need, and a flow whose questions all have keys."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from bench.visitor import CHROMIUM
from console.settings import PAGE
from store.flowfiles import load_flow, read_flow


def skip_unless_possible() -> None:
    """Skip with the sentence that says what is missing."""
    if not shutil.which(CHROMIUM):
        pytest.skip(f"no {CHROMIUM}: install Debian's chromium")
    if not (PAGE / "index.html").is_file():
        pytest.skip("the page is not built: make web")


def write_flow(folder: Path) -> Path:
    """The shipped flow's first three questions, each with keys, as `trio`."""
    flow = yaml.load(read_flow("b2b-software")[0], yaml.BaseLoader)
    flow |= {"flow": "trio", "slots": flow["slots"][:3], "rules": [], "qualified_at": "20"}
    flow |= {
        "greeting": {"inbound": "Hello!", "outbound": "Hello!"},
        "disclose": "This is an automated assistant. The call may be recorded.",
    }
    file = folder / "trio.yaml"
    file.write_text(yaml.safe_dump(flow, sort_keys=False), encoding="utf-8")
    load_flow(file)
    return file
