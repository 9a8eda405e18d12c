"""Every import contract is shown to hold, and shown to fail on a copy of the tree with one bad import in it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
NAMES = {contract["id"]: contract["name"] for contract in CONFIG["contracts"]}

#: Contract, file that breaks it, the line that does.
BAD = {
    "flows imports store": ("layers", "flows/bad.py", "import store"),
    "store imports sip": ("layers", "store/bad.py", "import sip"),
    "sip imports campaigns": ("layers", "sip/bad.py", "import campaigns"),
    "campaigns imports bot": ("layers", "campaigns/bad.py", "import bot"),
    "console imports bot": ("layers", "console/bad.py", "import bot"),
    "bot imports cli": ("layers", "bot/bad.py", "import cli"),
    "flows reads a clock": ("pure-flows", "flows/bad.py", "import time"),
    "flows knows a framework": ("pure-flows", "flows/bad.py", "import livekit"),
    "the model is made of pydantic": ("pydantic-in-schema", "flows/model.py", "import pydantic"),
    "the engine reads YAML": ("pydantic-in-schema", "flows/engine.py", "import yaml"),
    "the console dials past the gate": ("one-gate", "console/bad.py", "import sip.dial"),
    "the bot dials past the gate": ("one-gate", "bot/bad.py", "import sip.dial"),
    "the bot transfers past the gate": ("one-gate", "bot/bad.py", "import sip.transfer"),
    "sip loads the voice": ("speech-without-agents", "sip/bad.py", "import bot.settings"),
}

_LINT = "from importlinter.cli import lint_imports_command as lint; lint()"


def lint(tree: Path, contract: str) -> subprocess.CompletedProcess[str]:
    """Check one contract in a tree; `-P` and the path keep the installed packages out of it."""
    program = f"import sys; sys.path.insert(0, {str(tree)!r}); {_LINT}"
    return subprocess.run(
        [sys.executable, "-P", "-c", program, "--no-cache", "--contract", contract],
        cwd=tree,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of our packages."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in CONFIG["root_packages"]:
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "data", "*.onnx")
        )
    return tmp_path


def test_only_what_the_gate_guards_asks_livekit_for_calls() -> None:
    """The contract protects modules; this sees to it that no other module asks LiveKit's API by itself."""
    asking = ("create_sip_participant", "transfer_sip_participant", "CreateSIPParticipantRequest")
    packages = ("bot", "campaigns", "cli", "console", "flows", "sip", "store")
    files = [file for package in packages for file in (ROOT / package).rglob("*.py")]
    found = {str(file.relative_to(ROOT)) for file in files if any(word in file.read_text("utf-8") for word in asking)}
    assert found == {"sip/dial.py", "sip/transfer.py"}


def test_every_contract_is_broken_below() -> None:
    assert {contract for contract, _, _ in BAD.values()} == set(NAMES)


@pytest.mark.parametrize("contract", NAMES)
def test_contract_holds(contract: str) -> None:
    done = lint(ROOT, contract)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("contract", "file", "line"), BAD.values(), ids=BAD)
def test_contract_fails_on_a_bad_import(contract: str, file: str, line: str, tree: Path) -> None:
    bad = tree / file
    source = bad.read_text(encoding="utf-8") if bad.exists() else ""
    bad.write_text(f"{source}\n{line}\n", encoding="utf-8")
    done = lint(tree, contract)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{NAMES[contract]} BROKEN" in " ".join(done.stdout.split())
