"""The file system of a sandbox: what Python needs to start, and the links, mounts and empty places that make a view.

Nothing here changes anything; it only looks at what the paths are. `bubblewrap` gets a layout as arguments,
`namespaces` as mounts, and both build the same world: the readable paths under their own names, one temporary folder,
five harmless devices.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections import Counter, deque
from collections.abc import Iterator, Set
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mmr_core.errors import DataError
from mmr_leaderboard.sandbox.contract import View

LIBRARY_FOLDERS = (Path("/lib64"), Path("/lib"), Path("/usr/lib64"), Path("/usr/lib"))
FACTS = ("/etc/ld.so.cache", "/usr/share/zoneinfo", "/usr/lib/locale/C.utf8", "/proc/cpuinfo")
PROCESSORS = "/sys/devices/system/cpu"


def interpreter() -> Path:
    """The interpreter itself, not the link to it that a virtual environment has."""
    return Path(getattr(sys, "_base_executable", None) or sys.executable).resolve()


@cache
def interpreter_paths() -> tuple[Path, ...]:
    """Files and folders: the interpreter, its standard library, the C libraries, time zones, facts of the processor.

    Other people's packages (`site-packages`) and anything about the machine's users are left out.
    """
    found = dict.fromkeys((interpreter(), *_standard_library(), *_own_libraries(), *_system_libraries()))
    facts = (Path(fact) for fact in (*FACTS, PROCESSORS))
    return (*found, *(fact for fact in facts if fact.exists()))


def _standard_library() -> Iterator[Path]:
    for folder in {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}:
        standard = Path(folder)
        yield from sorted(entry for entry in standard.iterdir() if entry.name not in ("site-packages", "dist-packages"))


def _own_libraries() -> Iterator[Path]:
    """The shared libraries beside the standard library, such as libpython; none for the system's Python."""
    folder = Path(sys.base_prefix) / "lib"
    if folder.resolve() not in {system.resolve() for system in LIBRARY_FOLDERS}:
        yield from sorted(folder.glob("*.so*"))


def _system_libraries() -> Iterator[Path]:
    """The folders per architecture where the system has them (Debian), else each shared library by itself."""
    for folder in LIBRARY_FOLDERS:
        if folder.is_dir():
            yield from sorted(entry for entry in folder.iterdir() if _is_library(entry))


def _is_library(entry: Path) -> bool:
    if entry.is_dir():
        return "-linux-" in entry.name
    return ".so" in entry.suffixes


DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
SHARED_MEMORY = Path("/dev/shm")
FOREIGN_PACKAGES = ("site-packages", "dist-packages")
MANY = 32
MOST_LINKS = 40


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A file system.

    :param links: symbolic links and what they say, parents first.
    :param mounts: files and folders that are mounted read-only, none of them beneath another unless an `emptied`
        folder lies between; in the order in which to mount them.
    :param emptied: folders beneath a mount that are covered by empty ones.
    :param scratch: where the temporary folder is mounted.
    """

    links: tuple[tuple[Path, str], ...]
    mounts: tuple[Path, ...]
    emptied: tuple[Path, ...]
    scratch: Path


def layout(view: View) -> Layout:
    """The file system in which a view holds.

    :raises DataError: if a path of the view is relative, absent, the root, or lies in the scratch folder.
    """
    links: dict[Path, str] = {}
    real = {_resolved(path, links) for path in view.readable if str(path) not in DEVICES}
    scratch = _resolved(view.scratch, links)
    if Path("/") in real:
        raise DataError("the whole file system cannot be readable in a sandbox", fix="name what it has to read")
    hidden = sorted(path for path in real if scratch in (path, *path.parents))
    if hidden:
        raise DataError(f"'{hidden[0]}' lies in the temporary folder of a sandbox and would be covered by it")
    gathered, emptied = _gathered(real, links.keys())
    mounts = tuple(path for path in sorted(gathered) if not _covered(path, gathered, emptied))
    links[SHARED_MEMORY] = str(scratch)
    return Layout(
        links=tuple((path, links[path]) for path in sorted(links) if not _covered(path, gathered, emptied)),
        mounts=mounts,
        emptied=tuple(sorted(emptied)),
        scratch=scratch,
    )


def _resolved(path: Path, links: dict[Path, str]) -> Path:
    """Resolves a path, and adds every symbolic link on the way to `links`."""
    if not path.is_absolute():
        raise DataError(f"a sandbox was given the relative path '{path}'", fix="give absolute paths")
    ahead, at, followed = deque(path.parts[1:]), Path("/"), 0
    while ahead:
        part = ahead.popleft()
        step = at.parent if part == ".." else at / part
        if not step.is_symlink():
            at = step
            continue
        followed += 1
        if followed > MOST_LINKS:
            raise DataError(f"'{path}' has a cycle of symbolic links")
        links[step] = target = os.readlink(step)
        if target.startswith("/"):
            at = Path("/")
        ahead.extendleft(reversed([name for name in target.split("/") if name not in ("", ".")]))
    if not at.exists():
        raise DataError(f"a sandbox was given '{path}', which does not exist")
    return at


def _gathered(real: set[Path], links: Set[Path]) -> tuple[set[Path], set[Path]]:
    """Mounts a folder as a whole if everything in it is listed but other people's packages, which are then covered.

    A standard library has two hundred entries, and bubblewrap takes quadratic time over mounts.
    """
    gathered, emptied = set(real), set[Path]()
    for folder, listed in Counter(path.parent for path in real).items():
        if listed < MANY:
            continue
        missing = [name for name in os.listdir(folder) if folder / name not in real | links]
        if all(name in FOREIGN_PACKAGES for name in missing):
            gathered = {path for path in gathered if path.parent != folder} | {folder}
            emptied |= {folder / name for name in missing}
    return gathered, emptied - gathered


def _covered(path: Path, mounts: set[Path], emptied: set[Path]) -> bool:
    """Whether a path is there already because a folder above it is."""
    for above in path.parents:
        if above in emptied:
            return False
        if above in mounts:
            return True
    return False
