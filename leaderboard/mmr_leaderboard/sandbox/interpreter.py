"""What has to be readable for this Python to start and to import compiled packages; never packages themselves."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path

LIBRARY_FOLDERS = (Path("/lib64"), Path("/lib"), Path("/usr/lib64"), Path("/usr/lib"))
FACTS = ("/etc/ld.so.cache", "/usr/share/zoneinfo", "/usr/lib/locale/C.utf8", "/proc/cpuinfo", "/proc/meminfo")
PROCESSORS = "/sys/devices/system/cpu"


def interpreter() -> Path:
    """The interpreter itself, not the link to it that a virtual environment has."""
    return Path(getattr(sys, "_base_executable", None) or sys.executable).resolve()


@cache
def interpreter_paths() -> tuple[Path, ...]:
    """Files and folders: the interpreter, its standard library, the C libraries, time zones, facts of the processor.

    Of a folder that also holds other people's packages only the rest is named. Nothing that tells of the machine's
    users, and no `site-packages`, is among them.
    """
    found = dict.fromkeys((interpreter(), *_standard_library(), *_own_libraries(), *_system_libraries()))
    facts = (Path(fact) for fact in (*FACTS, PROCESSORS))
    return (*found, *(fact for fact in facts if fact.exists()))


def _standard_library() -> Iterator[Path]:
    for folder in {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}:
        standard = Path(folder)
        yield from sorted(entry for entry in standard.iterdir() if entry.name not in ("site-packages", "dist-packages"))


def _own_libraries() -> Iterator[Path]:
    """The shared libraries that lie beside the standard library, such as libpython; none for the system's Python."""
    folder = Path(sys.base_prefix) / "lib"
    if folder.resolve() not in {system.resolve() for system in LIBRARY_FOLDERS}:
        yield from sorted(folder.glob("*.so*"))


def _system_libraries() -> Iterator[Path]:
    """The folders of one architecture where the system has such (Debian), else each shared library by itself."""
    for folder in LIBRARY_FOLDERS:
        if folder.is_dir():
            yield from sorted(entry for entry in folder.iterdir() if _is_library(entry))


def _is_library(entry: Path) -> bool:
    if entry.is_dir():
        return "-linux-" in entry.name
    return ".so" in entry.suffixes
