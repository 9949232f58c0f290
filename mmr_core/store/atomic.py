"""Writing files so that a reader, a full disk or a killed process never meets half of one.

Everything that MMR-Bench keeps goes through `write_atomically`. To change several files as one, hold `exclusively`
for the time of the change, and write last the file that makes the others count.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from mmr_core.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path


def write_atomically(path: Path, content: bytes | memoryview | str) -> None:
    """Writes the file at `path`, new or instead of the old one, whole or not at all; text is written as UTF-8.

    Temporary file in the same folder, fsync, rename, fsync of the folder. Missing folders are made.

    :raises OSError: if the file cannot be written; the old one is then as it was, and no temporary file stays.
    """
    data = content.encode() if isinstance(content, str) else content
    made = _make_folders(path.parent)
    temporary = path.parent / f".{secrets.token_hex(8)}.tmp"
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    for folder in (path.parent, *(folder.parent for folder in made)):
        sync_folder(folder)


@contextmanager
def exclusively(folder: Path) -> Iterator[None]:
    """Holds the lock of an existing folder, which a killed process loses.

    Where the platform or the file system has no locks, it does nothing.

    :raises DataError: if another process holds it.
    """
    # Not the library filelock: it cannot lock a folder, and its lock file would stay in every store and published
    # folder and be left behind where a folder is renamed while it is locked.
    try:
        import fcntl
    except ImportError:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(
                "another process is writing here", where=str(folder), fix="try again when it is done"
            ) from None
        except OSError:
            # Some network file systems have no locks: there, avoiding two writers at once is up to the user.
            pass
        yield
    finally:
        os.close(handle)


def _make_folders(folder: Path) -> list[Path]:
    """Makes a folder and those above it; returns the ones that were missing, innermost first."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for new in reversed(missing):
        new.mkdir(exist_ok=True)
    return missing


def sync_folder(folder: Path) -> None:
    """Makes the names of the files in a folder survive a crash of the machine, where the platform can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
