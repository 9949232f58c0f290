"""The engine as submitted code sees it: copies of `mmr_core`, `mmr_plugins` and the program of the isolated process.

Everything that holds outcomes, or could generate those of the embedded sample, is left out: importers, the published
tables, the presets of the authors' protocol, and all of the leaderboard but the program. The copy describes itself as
the distribution it is part of, without any path of the machine that made it.
"""

from __future__ import annotations

import compileall
import hashlib
import importlib
import py_compile
import shutil
from collections.abc import Iterator
from functools import cache as once
from importlib import metadata
from pathlib import Path

from mmr_core.hookspecs import ENTRY_POINT_GROUP
from mmr_core.plugins import HOME
from mmr_leaderboard.packaging.environments import finished_folder
from mmr_leaderboard.sandbox.contract import RunnerTrouble

LEFT_OUT = {"mmr_plugins": ("importers", "published", "authors")}
"""For each top-level package, the rooms that submitted code must not have."""
PROGRAM = ("mmr_leaderboard", "child")
"""The one package of the leaderboard that the isolated process runs."""
_BUILT_INS = "builtin"


def engine(cache: Path) -> Path:
    """The folder to put on `sys.path`, made if it does not exist yet.

    :param cache: a folder for such copies; it is made.
    """
    target = cache.resolve() / engine_digest()
    return finished_folder(target, lambda folder: _copy(folder, target))


def engine_digest() -> str:
    """A digest of every copied byte, and of how the copy describes itself."""
    digest = hashlib.blake2b(digest_size=16)
    for name, source in sorted(_files()):
        content = source.read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    for name, text in sorted(_description().items()):
        digest.update(f"{name}\0{text}\0".encode())
    return digest.hexdigest()


def engine_modules() -> frozenset[str]:
    """The names of the benchmark's own packages."""
    return frozenset({"mmr_core", "mmr_plugins", PROGRAM[0]})


def _copy(folder: Path, target: Path) -> None:
    """Fills `folder`, which will be `target`."""
    for name, source in _files():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, path)
    for name, text in _description().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    # An isolated process cannot write beside the sources, and would compile them anew each time.
    compileall.compile_dir(
        folder,
        quiet=2,
        stripdir=str(folder),
        prependdir=str(target),
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )


def _files() -> Iterator[tuple[str, Path]]:
    """Every file of the copy: its path below the folder, and its source."""
    for package, left_out in (("mmr_core", ()), ("mmr_plugins", LEFT_OUT["mmr_plugins"])):
        root = _root(package)
        for path in _sources(root):
            if path.relative_to(root).parts[0] not in left_out:
                yield f"{package}/{path.relative_to(root).as_posix()}", path
    parent, child = PROGRAM
    program = _root(parent) / child
    if not (program / "__init__.py").is_file():
        raise RunnerTrouble(
            "the program of the isolated process is missing", where=str(program), fix="install mmr-bench again"
        )
    for path in _sources(program):
        yield f"{parent}/{child}/{path.relative_to(program).as_posix()}", path


def _sources(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file() and path.suffix in (".py", ".typed"))


def _description() -> dict[str, str]:
    """What is written rather than copied."""
    version = metadata.version(HOME)
    described = f"{HOME.replace('-', '_')}-{version}.dist-info"
    return {
        f"{PROGRAM[0]}/__init__.py": "",
        f"{described}/METADATA": f"Metadata-Version: 2.1\nName: {HOME}\nVersion: {version}\n",
        f"{described}/entry_points.txt": f"[{ENTRY_POINT_GROUP}]\n{_BUILT_INS} = mmr_plugins\n",
    }


@once
def _root(package: str) -> Path:
    return Path(next(iter(importlib.import_module(package).__path__)))
