"""Imports run one way: a module of the engine imports only what stands below it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import mmr_core
import mmr_leaderboard
import mmr_plugins
from mmr_core.runner.provenance import APART

ROOT = Path(mmr_core.__file__).parent
LEVELS = [
    {"cli"},
    {"testing"},
    {"trained"},
    {"render"},
    {"studies", "savings"},
    {"runner"},
    {"results"},
    {"authors"},
    {"features"},
    {"logs"},
    {"store"},
    {"numerics"},
    {"splits", "pricing", "state"},
    {"registry"},
    {"plugins"},
    {"hookspecs"},
    {"contracts"},
    {"outcomes"},
    {"specs"},
    {"errors"},
]
TO_MEND = {("results", "render")}
"""Imports that still run the wrong way; the set shrinks until it is empty."""
BARE = {"errors", "specs", "contracts", "hookspecs", "plugins", "registry"}
"""Modules that must not bring numpy or anything heavier along."""


def rooms() -> list[str]:
    return sorted({path.relative_to(ROOT).parts[0].removesuffix(".py") for path in ROOT.rglob("*.py")} - {"__init__"})


def imported_by(room: str) -> Iterator[str]:
    """Every absolute name that a room imports, inside functions too, imports for type checkers left out."""
    files = [ROOT / f"{room}.py"] if (ROOT / f"{room}.py").is_file() else list((ROOT / room).rglob("*.py"))
    for file in files:
        yield from imported_in(file)


def imported_in(file: Path) -> Iterator[str]:
    tree = ast.parse(file.read_text())
    for branch in ast.walk(tree):
        if isinstance(branch, ast.If) and getattr(branch.test, "id", "") == "TYPE_CHECKING":
            branch.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "mmr_core":
            yield from (f"mmr_core.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def level(room: str) -> int:
    return next(i for i, names in enumerate(LEVELS) if room in names)


def test_every_module_has_its_level():
    assert rooms() == sorted(name for names in LEVELS for name in names)


@pytest.mark.parametrize("room", rooms())
def test_a_module_imports_only_what_stands_below_it(room):
    for name in imported_by(room):
        package, _, rest = name.partition(".")
        assert package not in ("mmr_plugins", "mmr_leaderboard")
        other = rest.partition(".")[0]
        if package == "mmr_core" and other and other != room and (room, other) not in TO_MEND:
            assert level(other) > level(room), f"{room} imports {other}"


def test_measuring_a_cell_enters_none_of_the_rooms_that_do_not_count_for_it():
    """Finished cells are found again when these rooms change, so neither `runner` nor a component may run them."""
    components = [
        path
        for kind in ("routers", "fusions", "encoders")
        for path in (Path(mmr_plugins.__file__).parent / kind).rglob("*.py")
    ]
    entered, ahead = {"runner"}, ["runner"]
    for name in [name for path in components for name in imported_in(path)]:
        ahead += [name.split(".")[1]] if name.startswith("mmr_core.") else []
    assert len(ahead) > 5
    while ahead:
        room = ahead.pop()
        others = {name.split(".")[1] for name in imported_by(room) if name.startswith("mmr_core.")} & set(rooms())
        others -= {other for importing, other in TO_MEND if importing == room}
        ahead += others - entered
        entered |= others | {room}
    assert not entered & set(APART)
    assert set(APART) <= set(rooms())
    assert all(name in APART for i, names in enumerate(LEVELS) if i < level("runner") for name in names)


@pytest.mark.parametrize("room", sorted(BARE))
def test_what_the_help_page_needs_brings_nothing_heavy(room):
    heavy = {"numpy", "pandas", "sklearn", "torch", "pyarrow", "matplotlib", "pydantic", "PIL"}
    assert not heavy & {name.partition(".")[0] for name in imported_by(room)}


def test_the_leaderboard_takes_nothing_from_the_command_line_of_the_engine():
    files = sorted(Path(mmr_leaderboard.__file__).parent.rglob("*.py"))
    assert files
    assert not {file.name: name for file in files for name in imported_in(file) if name.startswith("mmr_core.cli")}
