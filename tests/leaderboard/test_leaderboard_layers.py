"""Inside the leaderboard imports run one way, and it draws on the public names of the engine alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import mmr_leaderboard

ROOT = Path(mmr_leaderboard.__file__).parent
LEVELS = [
    {"cli"},
    {"ranking"},
    {"publish"},
    {"site"},
    {"packaging"},
    {"jobs"},
    {"board_tables"},
    {"wording"},
    {"schema"},
    {"submission"},
    {"audit", "child", "board"},
    {"sandbox"},
    {"findings"},
]
"""The rooms from top to bottom; a room imports only rooms further down. tests/core/test_layers.py looks at files."""


def rooms() -> list[str]:
    found = {path.relative_to(ROOT).parts[0].removesuffix(".py") for path in ROOT.rglob("*.py")}
    return sorted(found - {"__init__"})


def files_of(room: str) -> list[Path]:
    return [ROOT / f"{room}.py"] if (ROOT / f"{room}.py").is_file() else sorted((ROOT / room).rglob("*.py"))


def imported_by(file: Path) -> Iterator[str]:
    """Every absolute name that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "mmr_leaderboard":
            yield from (f"mmr_leaderboard.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def level(room: str) -> int:
    return next(i for i, names in enumerate(LEVELS) if room in names)


def test_every_room_has_its_level():
    assert rooms() == sorted(name for names in LEVELS for name in names)


@pytest.mark.parametrize("room", rooms())
def test_a_room_imports_only_what_stands_below_it(room):
    for file in files_of(room):
        for name in imported_by(file):
            package, _, rest = name.partition(".")
            other = rest.partition(".")[0]
            assert package != "mmr_plugins", f"{file.name} imports {name}"
            if package == "mmr_leaderboard" and other != room:
                assert level(other) > level(room), f"{file.name} of {room} imports {name}"


@pytest.mark.parametrize("room", rooms())
def test_only_public_names_of_the_engine_are_used(room):
    for file in files_of(room):
        for name in imported_by(file):
            if name.startswith("mmr_core."):
                assert not any(part.startswith("_") for part in name.split(".")), f"{file.name} imports {name}"


@pytest.mark.parametrize("room", rooms())
def test_nothing_of_the_engines_command_line_is_used(room):
    for file in files_of(room):
        assert not [name for name in imported_by(file) if f"{name}.".startswith("mmr_core.cli.")], file.name


def test_no_submitted_code_can_be_imported_where_outcomes_are():
    """The process that holds test outcomes discovers plugins of the benchmark's own distribution alone."""
    for room in set(rooms()) - {"child"}:
        for file in files_of(room):
            source = file.read_text()
            for call in ("Registry.discover(", "discover("):
                at = source.find(call)
                while at >= 0:
                    assert "trusts=" in source[at : at + 120], f"{file.name} discovers every plugin"
                    at = source.find(call, at + 1)
            assert "console import registry" not in source, f"{file.name} uses the registry of all plugins"


def test_nothing_of_the_leaderboard_unpickles():
    for file in ROOT.rglob("*.py"):
        names = set(imported_by(file))
        assert not {"pickle", "dill", "cloudpickle", "joblib.load", "shelve", "marshal"} & names, file.name
        assert "allow_pickle=True" not in file.read_text(), file.name
