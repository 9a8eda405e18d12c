"""`leadline web` as a person uses it: logins are made, mistakes are told in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from console.logins import check, read_logins

PASSWORD = "a long enough password"
run = CliRunner().invoke


def typed(*passwords: str) -> str:
    return "".join(f"{password}\n" for password in passwords for _ in range(2))


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without a stack, an environment without LiveKit."""
    monkeypatch.chdir(tmp_path)
    for name in ("LIVEKIT_API_KEY", "LEADLINE_CONSOLE_LOGINS", "LEADLINE_RUN_DIR"):
        monkeypatch.delenv(name, raising=False)


def test_a_login_is_made_replaced_and_private(tmp_path: Path) -> None:
    file = tmp_path / "people"
    for name, role, password in (
        ("olga", "operator", PASSWORD),
        ("vera", "visitor", PASSWORD),
        ("olga", "visitor", "x" * 12),
    ):
        done = run(app, ["web", "login", name, "--role", role, "--file", str(file)], input=typed(password))
        assert done.exit_code == 0, done.output
    assert f"LEADLINE_CONSOLE_LOGINS={file}" in done.output.replace("\n", "")
    logins = read_logins(file)
    assert {name: login.role for name, login in logins.items()} == {"olga": "visitor", "vera": "visitor"}
    assert (check(logins, "olga", PASSWORD), check(logins, "olga", "x" * 12)) == (None, logins["olga"])
    assert file.stat().st_mode & 0o077 == 0
    assert PASSWORD not in file.read_text()


@pytest.mark.parametrize(
    ("arguments", "password", "words"),
    [
        (["olga", "--role", "boss"], "", "there is no role boss: the roles are operator and visitor"),
        (["olga"], "short", "a password has at least 12 characters"),
        (["o:lga"], PASSWORD, "a name has up to 64"),
    ],
)
def test_what_will_not_do_is_told(arguments: list[str], password: str, words: str, tmp_path: Path) -> None:
    done = run(app, ["web", "login", *arguments, "--file", str(tmp_path / "people")], input=typed(password))
    assert done.exit_code == 1
    assert words in done.output
    assert not (tmp_path / "people").exists()


@pytest.mark.parametrize("name", [[], ["--name", "demo"]])
def test_without_a_stack_it_says_how_to_start_one(name: list[str]) -> None:
    done = run(app, ["web", *name])
    assert done.exit_code == 1
    assert "start one with `leadline up`, or both with `leadline up --web`" in done.output
