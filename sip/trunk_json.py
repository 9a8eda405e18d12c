"""JSON as protobuf reads it, with errors that name file, line and fix: unknown fields, wrong values, missing secrets."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, cast

import yaml
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

Place: TypeAlias = tuple[str | int, ...]
Kind = TypeVar("Kind", bound=Message)

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_DURATION = re.compile(r"\d+(\.\d{1,9})?s")


class TrunkFileError(Exception):
    """A trunk or rule file cannot be used: says which file and line, what is wrong, and what to write instead."""

    def __init__(self, path: Path, line: int, wrong: str, fix: str) -> None:
        super().__init__(f"{path}:{line}: {wrong}; {fix}")
        self.path, self.line, self.wrong, self.fix = path, line, wrong, fix


@dataclass(frozen=True, slots=True)
class _Problem:
    place: Place
    wrong: str
    fix: str


@dataclass(frozen=True, slots=True)
class JsonFile:
    """A JSON file that was read. Problems are raised with the line of their place."""

    path: Path
    text: str
    data: object

    def error(self, place: Place, wrong: str, fix: str) -> TrunkFileError:
        """The error that points to `place`."""
        return TrunkFileError(self.path, line_of(self.text, place), wrong, fix)

    def message(self, data: object, place: Place, empty: Kind, env: Mapping[str, str]) -> Kind:
        """The protobuf message that `data`, which stands at `place`, describes; `${NAME}` becomes `env["NAME"]`.

        Raises:
            TrunkFileError: an unknown field, a value of the wrong kind, a variable that is not set.
        """
        for problem in _problems(data, cast(Descriptor, empty.DESCRIPTOR), place):
            raise self.error(problem.place, problem.wrong, problem.fix)
        try:
            json_format.ParseDict(cast("dict[str, Any]", self._filled(data, place, env)), empty)
        except json_format.ParseError as wrong:
            first = str(wrong).partition("\n")[0]
            raise self.error(_named_place(first, place), first, "compare it with deploy/sip/templates") from None
        return empty

    def _filled(self, data: object, place: Place, env: Mapping[str, str]) -> object:
        if isinstance(data, dict):
            return {key: self._filled(value, (*place, key), env) for key, value in data.items()}
        if isinstance(data, list):
            return [self._filled(value, (*place, n), env) for n, value in enumerate(data)]
        if not isinstance(data, str):
            return data

        def value_of(found: re.Match[str]) -> str:
            name = found[1]
            if not env.get(name):
                fix = f"set it in the environment or in .env: {name}=…"
                raise self.error(place, f"${{{name}}} is not set", fix)
            return env[name]

        return _VARIABLE.sub(value_of, data)


def read_json(path: Path) -> JsonFile:
    """Read a file. Raises TrunkFileError if it cannot be read or is no JSON."""
    try:
        text = path.read_text(encoding="utf-8")
        return JsonFile(path, text, json.loads(text))
    except json.JSONDecodeError as wrong:
        raise TrunkFileError(path, wrong.lineno, f"this is not JSON: {wrong.msg}", "correct it there") from None
    except UnicodeDecodeError:
        raise TrunkFileError(path, 1, "this is not UTF-8 text", "save it as UTF-8") from None
    except RecursionError:
        raise TrunkFileError(path, 1, "this is nested too deeply", "write trunks and rules only") from None
    except OSError as wrong:
        raise TrunkFileError(path, 1, f"cannot be read: {wrong.strerror}", "give the path of a JSON file") from None


def spellings(field: str) -> tuple[str, str]:
    """A field's name in snake case and in camel case."""
    first, *rest = field.split("_")
    return field, first + "".join(word.title() for word in rest)


def line_of(text: str, place: Place) -> int:
    """The line of a place in a JSON text. JSON is YAML, and YAML's reader keeps positions."""
    try:
        node = yaml.compose(text.replace("\t", " "), yaml.SafeLoader)
    except yaml.YAMLError:
        return 1
    line = 1
    for step in place:
        if isinstance(node, yaml.MappingNode):
            pairs = {key.value: (key, value) for key, value in node.value}
            name = next((name for name in spellings(str(step)) if name in pairs), None)
            if name is None:
                break
            key, node = pairs[name]
            line = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line + 1
    return line


def _named_place(said: str, place: Place) -> Place:
    """Protobuf names the field that it could not parse; the place of the whole if it does not."""
    found = re.search(r"[Ff]ailed to parse (\w+) field", said)
    return (*place, found[1]) if found else place


def _problems(data: object, descriptor: Descriptor, place: Place) -> Iterator[_Problem]:
    """What in the JSON does not fit the message, in the order of the file."""
    if descriptor.full_name == "google.protobuf.Duration":
        if not isinstance(data, str) or not _DURATION.fullmatch(data):
            yield _Problem(place, f'"{place[-1]}" is {json.dumps(data)}', 'write seconds as in "20s"')
        return
    if descriptor.full_name.startswith("google.protobuf."):
        return  # timestamps and wrappers have a JSON form of their own
    if not isinstance(data, dict):
        yield _Problem(place, f'"{place[-1] if place else "this"}" must be an object', "write it in braces")
        return
    fields = {name: field for field in descriptor.fields for name in (field.name, field.json_name)}
    for name, value in data.items():
        if name not in fields:
            near = difflib.get_close_matches(name, fields, 1)
            fix = f'did you mean "{near[0]}"?' if near else f"known are {', '.join(f.name for f in descriptor.fields)}"
            yield _Problem((*place, name), f'"{name}" is not a field of {descriptor.name}', fix)
        elif value is not None:
            yield from _problems_of_field(value, fields[name], (*place, name))


def _problems_of_field(value: object, field: FieldDescriptor, place: Place) -> Iterator[_Problem]:
    kind = field.message_type
    if kind is not None and kind.GetOptions().map_entry:
        if not isinstance(value, dict):
            yield _Problem(place, f'"{field.name}" must be an object', 'write {"name": "value"}')
        return
    if field.is_repeated and not isinstance(value, list):
        yield _Problem(place, f'"{field.name}" must be a list', f"write {json.dumps([value])[:80]}")
        return
    items = list(enumerate(value)) if field.is_repeated and isinstance(value, list) else [(None, value)]
    for n, item in items:
        where = place if n is None else (*place, n)
        if kind is not None:
            yield from _problems(item, kind, where)
        else:
            yield from _problems_of_scalar(item, field, where)


def _problems_of_scalar(value: object, field: FieldDescriptor, place: Place) -> Iterator[_Problem]:
    if field.enum_type is not None:
        known = field.enum_type.values_by_name
        if isinstance(value, str) and value not in known:
            near = [name for name in known if name.endswith(f"_{value.upper()}")]
            fix = f"write {json.dumps(near[0])}" if len(near) == 1 else f"known are {', '.join(known)}"
            yield _Problem(place, f'"{field.name}" cannot be "{value}"', fix)
    elif field.type == FieldDescriptor.TYPE_STRING and not isinstance(value, str):
        fix = f"write {json.dumps(str(value))}" if isinstance(value, int | float) else 'write "text"'
        yield _Problem(place, f'"{field.name}" must be text in quotes', fix)
    elif field.type == FieldDescriptor.TYPE_BOOL and not isinstance(value, bool):
        yield _Problem(place, f'"{field.name}" must be true or false', "write it without quotes")
