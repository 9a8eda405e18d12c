"""Read YAML with the line of every key, so that an error can say where it is. Text in, plain data out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import yaml

Path: TypeAlias = tuple[str | int, ...]


class _Loader(yaml.SafeLoader):
    """YAML in which only true and false are booleans: `yes` and `no` are words that callers say."""


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag != "tag:yaml.org,2002:timestamp" and (tag != "tag:yaml.org,2002:bool" or first in "tTfF")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class FlowError(ValueError):
    """A flow file cannot be used. Says in which file, line and key, what is wrong and how to put it right."""

    def __init__(self, source: str, line: int, key: str, problem: str, fix: str) -> None:
        self.source = source
        self.line = line
        self.key = key
        self.problem = problem
        self.fix = fix
        super().__init__(f"{source}:{line}: {key or 'the file'}: {problem}. {fix}")


@dataclass(slots=True)
class Located:
    """A YAML document as plain data with the line of each path, counted from 1."""

    source: str
    data: object = None
    lines: dict[Path, int] = field(default_factory=dict)

    def error(self, path: Path, problem: str, fix: str) -> FlowError:
        """Return an error at `path`, or at its nearest parent that has a line."""
        known = path
        while known and known not in self.lines:
            known = known[:-1]
        return FlowError(self.source, self.lines.get(known, 1), dotted(path), problem, fix)


def dotted(path: Path) -> str:
    """Return "slots[2].ask" for ("slots", 2, "ask")."""
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def read(text: str, source: str) -> Located:
    """Read one YAML document.

    Raises FlowError for broken YAML, a key given twice, or a file that is no mapping.
    """
    found = Located(source)
    try:
        root = yaml.compose(text, Loader=_Loader)
        if root is not None:
            _walk(found, root, ())
            found.data = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader with fewer types
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark
        line = mark.line + 1 if mark else 1
        raise FlowError(
            source, line, "", f"broken YAML: {problem.problem}", "Check indentation, quotes and colons there."
        ) from problem
    except (yaml.YAMLError, RecursionError) as problem:
        raise FlowError(source, 1, "", f"broken YAML: {problem}", "Save the file as plain UTF-8 text.") from problem
    if not isinstance(found.data, dict):
        raise FlowError(source, 1, "", "a flow file is a list of 'key: value' lines", "Start it with 'flow: NAME'.")
    return found


def _walk(found: Located, node: yaml.Node, path: Path) -> None:
    found.lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            here = (*path, name)
            found.lines[here] = key.start_mark.line + 1
            if name in seen:
                raise found.error(here, "the key is there twice", "Keep one of the two.")
            seen.add(name)
            _walk(found, value, here)
    elif isinstance(node, yaml.SequenceNode):
        for at, value in enumerate(node.value):
            _walk(found, value, (*path, at))
