"""Find and read flow files: those that ship with the package by name, any other by path."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from flows.flow import Flow
from flows.schema import FlowError, parse_flow

_BYTES_MAX = 200_000


def load_flow(name_or_path: str | Path) -> Flow:
    """Return the flow called `name_or_path`, or the one in that file.

    Raises FlowError when there is none or it cannot be used.
    """
    text, source = read_flow(name_or_path)
    return parse_flow(text, source)


def read_flow(name_or_path: str | Path) -> tuple[str, str]:
    """Return a flow file's text and how errors name it. Raises FlowError."""
    name = str(name_or_path)
    shipped = resources.files("flows") / "library" / f"{name}.yaml"
    if "/" not in name and not name.startswith(".") and shipped.is_file():
        return shipped.read_text(encoding="utf-8"), f"{name}.yaml"
    path = Path(name)
    try:
        if path.stat().st_size > _BYTES_MAX:
            raise FlowError(name, 1, "", "the file is too large for a flow", "Is it the right file?")
        return path.read_text(encoding="utf-8"), name
    except FileNotFoundError:
        known = ", ".join(list_flows())
        fix = f"Give a path to a .yaml file, or one of: {known}."
        raise FlowError(name, 1, "", "there is no such flow or file", fix) from None
    except (OSError, UnicodeDecodeError) as problem:
        raise FlowError(name, 1, "", f"the file cannot be read: {problem}", "Save it as plain UTF-8 text.") from problem


def list_flows() -> tuple[str, ...]:
    """Return the names of the flows that ship with the package."""
    folder = resources.files("flows") / "library"
    return tuple(sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml")))
