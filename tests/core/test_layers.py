"""Imports run one way, between rooms and between files, and every module and public class has a name of its own."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

import mmr_core
import mmr_leaderboard
import mmr_plugins
from mmr_core.runner.provenance import APART

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
"""The rooms of `mmr_core` from top to bottom; a room imports only rooms further down."""

BARE = {"errors", "specs", "contracts", "hookspecs", "plugins", "registry"}
"""Modules that must not import numpy or anything heavier."""

MEASURING = {"numerics", "results", "runner", "savings", "studies"}
PRESENTING = {"mmr_core.cli", "mmr_core.render", "matplotlib", "rich"}

DISTRIBUTED = (mmr_core, mmr_plugins, mmr_leaderboard)
by_package = pytest.mark.parametrize("package", DISTRIBUTED, ids=lambda package: package.__name__)


def home(package: ModuleType) -> Path:
    return Path(package.__file__).parent


def rooms() -> list[str]:
    found = {path.relative_to(home(mmr_core)).parts[0].removesuffix(".py") for path in home(mmr_core).rglob("*.py")}
    return sorted(found - {"__init__"})


def imported_by(room: str) -> Iterator[str]:
    """Every module that a room imports, inside functions too, imports for type checkers left out."""
    file = home(mmr_core) / f"{room}.py"
    for path in [file] if file.is_file() else sorted((home(mmr_core) / room).rglob("*.py")):
        yield from imported_in(path)


@cache
def imported_in(file: Path) -> tuple[str, ...]:
    """Every module that a file imports, and `module.name` for what it imports from one."""
    tree = ast.parse(file.read_text("utf-8"))
    for branch in ast.walk(tree):
        if isinstance(branch, ast.If) and getattr(branch.test, "id", "") == "TYPE_CHECKING":
            branch.body = []
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} has a relative import"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return tuple(names)


def level(room: str) -> int:
    return next(i for i, names in enumerate(LEVELS) if room in names)


def modules_of(package: ModuleType) -> dict[str, Path]:
    """The files of a package by their module names; a folder's `__init__` by the folder's."""
    found = {}
    for path in sorted(home(package).rglob("*.py")):
        parts = path.relative_to(home(package)).with_suffix("").parts
        found[".".join([package.__name__, *(parts[:-1] if parts[-1] == "__init__" else parts)])] = path
    return found


def file_imports(modules: Mapping[str, Path]) -> dict[str, set[str]]:
    """Which modules each module imports, of those that are given."""
    imports = {}
    for module, path in modules.items():
        names = ({name, name.rpartition(".")[0]} & modules.keys() for name in imported_in(path))
        imports[module] = {max(found, key=len) for found in names if found}
    return imports


def circles(imports: Mapping[str, set[str]]) -> list[list[str]]:
    """One circle of imports for each set of modules that reach one another."""
    found: list[list[str]] = []
    done: set[str] = set()

    def walk(module: str, path: list[str]) -> None:
        if module in path:
            found.append(path[path.index(module) :])
        elif module not in done:
            for other in sorted(imports[module]):
                walk(other, [*path, module])
            done.add(module)

    for module in sorted(imports):
        walk(module, [])
    return found


def test_every_module_has_its_level():
    assert rooms() == sorted(name for names in LEVELS for name in names)


@pytest.mark.parametrize("room", rooms())
def test_a_module_imports_only_what_stands_below_it(room):
    for name in imported_by(room):
        package, _, rest = name.partition(".")
        assert package not in ("mmr_plugins", "mmr_leaderboard")
        other = rest.partition(".")[0]
        if package == "mmr_core" and other in rooms() and other != room:
            assert level(other) > level(room), f"{room} imports {name}"


@by_package
def test_no_files_import_one_another_in_a_circle(package):
    found = [" -> ".join([*circle, circle[0]]) for circle in circles(file_imports(modules_of(package)))]
    assert not found, "\n".join(found)


@by_package
def test_no_file_imports_from_the_init_of_its_own_folder(package):
    imports = file_imports(modules_of(package))
    assert {module: others for module, others in imports.items() if module.rpartition(".")[0] in others} == {}


def test_a_circle_is_found_wherever_it_starts():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"d"}, "e": {"a"}}) == [["b", "c"], ["d"]]
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


@by_package
def test_modules_and_public_classes_have_names_of_their_own(package):
    places: dict[str, list[str]] = defaultdict(list)
    for module, path in modules_of(package).items():
        if path.name != "__init__.py":
            places[f"{path.name} of {package.__name__}"].append(module)
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[f"class {node.name} of {package.__name__}"].append(module)
    assert {name: modules for name, modules in places.items() if len(modules) > 1} == {}


@pytest.mark.parametrize("room", sorted(MEASURING))
def test_what_measures_imports_nothing_that_presents(room):
    for name in imported_by(room):
        assert not any(f"{name}.".startswith(f"{other}.") for other in PRESENTING), f"{room} imports {name}"


def test_measuring_a_cell_enters_none_of_the_rooms_that_do_not_count_for_it():
    """Finished cells are found again when these rooms change, so neither `runner` nor a component may run them."""
    components = [
        path for kind in ("routers", "fusions", "encoders") for path in (home(mmr_plugins) / kind).rglob("*.py")
    ]
    entered, ahead = {"runner"}, ["runner"]
    for name in [name for path in components for name in imported_in(path)]:
        ahead += [name.split(".")[1]] if name.startswith("mmr_core.") else []
    assert len(ahead) > 5
    while ahead:
        room = ahead.pop()
        others = {name.split(".")[1] for name in imported_by(room) if name.startswith("mmr_core.")} & set(rooms())
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
    files = sorted(home(mmr_leaderboard).rglob("*.py"))
    assert files
    assert not {file.name: name for file in files for name in imported_in(file) if name.startswith("mmr_core.cli")}
