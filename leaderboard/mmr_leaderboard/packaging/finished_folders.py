"""Folders of a cache that are there whole or not at all, whoever is killed while making them."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

_UNFINISHED = ".unfinished"


def finished_folder(target: Path, fill: Callable[[Path], None]) -> Path:
    """The folder at `target`; where it is not there yet, `fill` is called with an empty one that becomes it.

    Processes may ask for the same folder at once: each makes its own, and the first that is done wins. What a killed
    process left behind is never taken for the folder, and is removed by the next that makes one.

    :raises Exception: what `fill` raises; nothing is then left behind.
    """
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_left_behind(target.parent)
    folder = target.parent / f"{_UNFINISHED}-{os.getpid()}-{secrets.token_hex(8)}"
    folder.mkdir()
    try:
        fill(folder)
        folder.rename(target)
    except OSError:
        # Somebody else may have been quicker: a folder cannot be renamed onto one that is not empty.
        if not target.is_dir():
            raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return target


def _remove_left_behind(parent: Path) -> None:
    for left in parent.glob(f"{_UNFINISHED}-*"):
        maker = left.name.split("-")[1]
        if not _alive(int(maker)):
            shutil.rmtree(left, ignore_errors=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
