"""The command tree: every command is there, says what it does, and makes none of the others wait."""

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from cli.main import COMMANDS, app, load

#: What takes a second or more to load, and is for a call or a table of rows, not for a list of commands.
HEAVY = ("livekit", "onnxruntime", "numpy", "transformers", "sqlalchemy", "redis", "pydantic", "aiohttp", "av")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_listed_as_it_describes_itself(name: str) -> None:
    described = " ".join((load(name).help or "").split())
    assert described.startswith(COMMANDS[name].summary)
    assert COMMANDS[name].summary.endswith(".")


def test_the_list_of_commands_loads_none_of_them() -> None:
    program = (
        "import sys, json; from typer.testing import CliRunner; from cli.main import app;"
        "told = CliRunner().invoke(app, ['--help']).stdout; print(json.dumps([told, sorted(sys.modules)]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    told, loaded = json.loads(done.stdout)
    assert all(name in told for name in COMMANDS)
    assert [name for name in HEAVY if name in loaded] == []
    assert [name for name in loaded if name.startswith("cli.")] == ["cli.main"]


@pytest.mark.parametrize(("typed", "told"), [("eras", "Did you mean 'erase'"), ("nothing", "No such command")])
def test_a_command_that_is_none(typed: str, told: str) -> None:
    done = CliRunner().invoke(app, [typed])
    assert (done.exit_code, told in done.output) == (2, True)
