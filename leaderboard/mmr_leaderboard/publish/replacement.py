"""Replaces a publication in a folder as a whole: readers, a full disk and a killed process see the old or the new one.

A new folder is made beside the old one, with every file of the publication and hard links to everything else in the
old folder. Linux then exchanges the two in one step (`renameat2`), and the old one is removed. A kill before that step
leaves the old publication, a kill after it the new one; the next writer sweeps what is left aside.

Where folders cannot be exchanged (another system, a mount point, a file system without hard links), files are moved in
one by one, the decisive one last, and put back if a move fails. Every file is then whole at any moment, but a kill
between two moves can leave a mixture until the next writer replaces all files.
"""

from __future__ import annotations

import ctypes
import errno
import os
import secrets
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from mmr_core.errors import DataError
from mmr_core.store.atomic import exclusively, sync_folder, write_atomically

_EXCHANGE, _HERE = 2, -100
"""RENAME_EXCHANGE and AT_FDCWD of Linux."""

_NOT_POSSIBLE = (errno.ENOSYS, errno.EINVAL, errno.EXDEV, errno.EBUSY, errno.EPERM, errno.EOPNOTSUPP, errno.EACCES,
                 errno.EMLINK, errno.EROFS)  # fmt: skip
"""Error numbers of systems where folders cannot be exchanged, or files not linked, but can be written."""


class NoExchangeError(OSError):
    """Folders cannot be exchanged here."""


def replace(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Replaces the earlier publication in the folder by these files.

    The first part of each path belongs to the publication: an existing file or folder of that name is replaced whole.
    Everything else in the folder stays.

    :param contents: by relative path; the last one is the decisive one.
    :raises DataError: if another process is publishing here or writing into the folder.
    :raises OSError: if something cannot be written; the earlier publication is then unchanged.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with _alone_in(folder):
        _sweep(folder)
        try:
            _exchange_whole(folder, contents)
        except OSError as error:
            if error.errno not in _NOT_POSSIBLE:
                raise
            _move_in(folder, contents)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Locks the folder at this path, which another writer may have exchanged meanwhile."""
    before = folder.stat()
    with exclusively(folder):
        if not os.path.samestat(before, folder.stat()):
            raise DataError("another process is publishing here", where=str(folder), fix="try again when it is done")
        yield


def _exchange_whole(folder: Path, contents: Mapping[str, bytes]) -> None:
    # The new folder is locked too: once it is at the path, others are kept out until the old one is gone.
    with _aside(folder.parent, folder.name) as fresh, exclusively(fresh):
        _write(fresh, contents)
        _link_others(folder, fresh, _own(contents))
        exchange(fresh, folder)
        _bring_changed(fresh, folder, _own(contents))


def exchange(first: Path, second: Path) -> None:
    """Exchanges two folders in one step.

    :raises NoExchangeError: if the system or the file system cannot.
    """
    if not sys.platform.startswith("linux"):
        raise NoExchangeError(errno.ENOSYS, "no exchange of folders on this system")
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        raise NoExchangeError(errno.ENOSYS, "the C library has no renameat2")
    if rename(_HERE, os.fsencode(first), _HERE, os.fsencode(second), _EXCHANGE) != 0:
        number = ctypes.get_errno()
        raise NoExchangeError(number, os.strerror(number), str(second))
    with suppress(OSError):  # it is done; only its durability after a power cut is uncertain
        sync_folder(second.parent)


def _own(contents: Mapping[str, bytes]) -> dict[str, None]:
    """The names in the folder that belong to the publication, in order."""
    return dict.fromkeys(PurePosixPath(path).parts[0] for path in contents)


@contextmanager
def _aside(parent: Path, name: str) -> Iterator[Path]:
    """A new folder for as long as it is needed."""
    fresh = parent / f".{name}-{secrets.token_hex(8)}.tmp"
    fresh.mkdir()
    try:
        yield fresh
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _sweep(folder: Path) -> None:
    """Removes what killed writers left; folders of living writers are locked, and stay."""
    for place in (folder.parent, folder):
        for left in place.glob(f".{_globbed(folder.name)}-{'[0-9a-f]' * 16}.tmp"):
            with suppress(DataError, FileNotFoundError), exclusively(left):
                shutil.rmtree(left, ignore_errors=True)


def _globbed(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _write(fresh: Path, contents: Mapping[str, bytes]) -> None:
    for path, content in contents.items():
        write_atomically(fresh / path, content)


def _link_others(folder: Path, fresh: Path, own: Mapping[str, None]) -> None:
    """Links everything that does not belong to the publication into the new folder."""
    fresh.chmod(folder.stat().st_mode & 0o7777)
    for other in sorted(folder.iterdir()):
        if other.name not in own:
            _link(other, fresh / other.name)
    sync_folder(fresh)


def _link(source: Path, target: Path) -> None:
    if source.is_symlink() or not source.is_dir():
        os.link(source, target, follow_symlinks=False)
        return
    target.mkdir()
    target.chmod(source.stat().st_mode & 0o7777)
    for inside in sorted(source.iterdir()):
        _link(inside, target / inside.name)
    sync_folder(target)


def _bring_changed(old: Path, folder: Path, own: Mapping[str, None]) -> None:
    """Moves what somebody replaced or added in the old folder, without the lock, between linking and exchange."""
    for other in sorted(old.iterdir()):
        target = folder / other.name
        if other.name in own or other.is_dir():
            continue
        if not target.exists() or not other.samefile(target):
            os.replace(other, target)


def _move_in(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Moves files in one by one from a staging folder; the old ones are kept aside until all are in."""
    with _aside(folder, folder.name) as staged:
        fresh, old = staged / "new", staged / "old"
        _write(fresh, contents)
        old.mkdir()
        begun: dict[str, bool] = {}
        try:
            for name in _own(contents):
                begun[name] = (folder / name).exists()
                _swap_one(fresh / name, folder / name, old / name)
        except BaseException:
            for name, was_there in reversed(begun.items()):
                _put_back(folder / name, old / name, was_there)
            raise
        with suppress(OSError):  # they are in; only their durability after a power cut is uncertain
            sync_folder(folder)


def _swap_one(fresh: Path, place: Path, old: Path) -> None:
    if place.is_dir():
        os.rename(place, old)
    elif place.exists():
        shutil.copy2(place, old)  # it stays in place until it is replaced
    os.replace(fresh, place)


def _put_back(place: Path, old: Path, was_there: bool) -> None:
    if was_there and not old.exists():
        return  # it has not been touched
    if place.is_dir():
        shutil.rmtree(place)
    if was_there:
        os.replace(old, place)
    else:
        place.unlink(missing_ok=True)
