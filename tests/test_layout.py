"""The shape of the repository, checked like any other behaviour: purpose, size, names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("bench", "bot", "campaigns", "cli", "console", "flows", "sip", "store")
FOLDERS = (*PACKAGES, "tests")
FILES = sorted(file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py"))
LINES_MAX = 400
FUNCTION_LINES_MAX = 60
ATTRIBUTES_MAX = 10
#: Words that say nothing about what a file is for.
EMPTY_NAMES = frozenset(
    [
        "base",
        "common",
        "core",
        "handler",
        "helper",
        "helpers",
        "manager",
        "misc",
        "processor",
        "service",
        "util",
        "utils",
    ]
)
#: Records and settings: many fields, no behaviour worth splitting. Each with the reason.
RECORDS = {
    "StackSettings": "settings: one flat section of leadline.toml",
    "BotSettings": "settings: one flat section",
    "ConsoleSettings": "settings: one flat section",
    "CampaignFile": "the keys that a campaign file may have",
    "CampaignRow": "a row of the table of campaigns",
    "FlowFile": "the keys that a flow file may have",
    "Notes": "what the engine remembers of a call besides the answers: flat, as the state is written down",
    "SlotFile": "the keys that a question may have in a flow file",
}


def classes(tree: ast.AST) -> Iterator[ast.ClassDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))


def attributes(node: ast.ClassDef) -> set[str]:
    """Return what an object of the class keeps: `self.x = …` anywhere, and annotated fields of the body."""
    assigned = {
        target.attr
        for target in ast.walk(node)
        if isinstance(target, ast.Attribute)
        and isinstance(target.ctx, ast.Store)
        and isinstance(target.value, ast.Name)
        and target.value.id == "self"
    }
    fields = {
        line.target.id
        for line in node.body
        if isinstance(line, ast.AnnAssign)
        and isinstance(line.target, ast.Name)
        and "ClassVar" not in ast.unparse(line.annotation)
    }
    return assigned | fields


def named(file: Path) -> str:
    return str(file.relative_to(ROOT))


@pytest.mark.parametrize("package", PACKAGES)
def test_our_package_is_the_one_imported(package: str) -> None:
    """`sip` and `cli` are common names: another distribution could shadow ours."""
    assert Path(import_module(package).__file__ or "").is_relative_to(ROOT)


@pytest.mark.parametrize("package", PACKAGES)
def test_no_test_folder_shadows_a_package(package: str) -> None:
    assert not [found for found in (ROOT / "tests").rglob(package) if found.is_dir()]


def test_tests_are_flat() -> None:
    assert not [named(file) for file in (ROOT / "tests").rglob("test_*.py") if file.parent != ROOT / "tests"]


def numbers(file: Path) -> set[str]:
    """Return the telephone numbers that a file names."""
    return set(re.findall(r"\+1\d{10}", file.read_text()))


def test_no_two_files_of_calls_use_one_number() -> None:
    shared = numbers(ROOT / "tests" / "e2e_support.py")
    owner: dict[str, str] = {}
    for file in sorted((ROOT / "tests").glob("test_e2e_*.py")):
        for number in numbers(file) - shared:
            assert owner.setdefault(number, file.name) == file.name, f"{number}: calls of both would be found together"


@pytest.mark.parametrize("file", FILES, ids=named)
def test_file_is_readable_in_one_sitting(file: Path) -> None:
    source = file.read_text(encoding="utf-8")
    tree = ast.parse(source)
    assert ast.get_docstring(tree), "say in one sentence what this file is for"
    assert len(source.splitlines()) <= LINES_MAX
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= FUNCTION_LINES_MAX, f"{node.name} is {length} lines"


@pytest.mark.parametrize("file", FILES, ids=named)
def test_classes_keep_few_things(file: Path) -> None:
    for node in classes(ast.parse(file.read_text(encoding="utf-8"))):
        kept = attributes(node)
        assert len(kept) <= ATTRIBUTES_MAX or node.name in RECORDS, f"{node.name} keeps {len(kept)}: {sorted(kept)}"


@pytest.mark.parametrize("file", FILES, ids=named)
def test_names_say_what_is_inside(file: Path) -> None:
    for part in file.relative_to(ROOT).with_suffix("").parts:
        assert not EMPTY_NAMES & set(part.split("_")), f"{part}: name it after what it does"


def test_no_exception_from_the_rules_is_kept_for_nothing() -> None:
    kept = {
        node.name
        for file in FILES
        for node in classes(ast.parse(file.read_text(encoding="utf-8")))
        if len(attributes(node)) > ATTRIBUTES_MAX
    }
    assert set(RECORDS) <= kept


def test_the_rules_see_what_breaks_them() -> None:
    crowded = ast.parse(
        "class A:\n    def __init__(self):\n" + "".join(f"        self.a{n} = {n}\n" for n in range(11))
    )
    record = ast.parse("class B:\n" + "".join(f"    b{n}: int\n" for n in range(11)))
    assert [len(attributes(node)) for tree in (crowded, record) for node in classes(tree)] == [11, 11]
