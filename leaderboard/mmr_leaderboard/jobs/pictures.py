"""The images of one kind of job, copied once for a whole board run: alike in all that is not the picture, named anew.

Copies are made in the order of their names, which is random, since inode numbers would tell the order of the table.
No two kinds of job share a file, since the number of its links would tell which other jobs have it. Jobs of one kind
share a folder where the isolation mounts it read-only; else each has copies, because a file's owner may change its
mode even where it cannot write, and nobody could read it any more.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mmr_core.contracts import Progress, no_progress
from mmr_core.errors import DataError
from mmr_leaderboard.jobs.naming import Naming

_MODE = 0o444
_TIME = (1_000_000_000, 1_000_000_000)


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """Image files in a folder.

    :param names: by the path under which features name an image, what it is called in the folder.
    """

    folder: Path
    names: Mapping[Path, str]

    def copy_to(self, folder: Path) -> None:
        """Copies all of it into an existing folder, under the same names."""
        for name in sorted(self.names.values()):
            _copy(self.folder / name, folder / name)


def collect(paths: Iterable[Path | None], folder: Path, naming: Naming, progress: Progress = no_progress) -> Gallery:
    """Copies images into a folder, which is made.

    :raises DataError: if one cannot be read.
    """
    folder.mkdir(parents=True)
    named = sorted((naming.image(path), path) for path in {path for path in paths if path is not None})
    for done, (name, path) in enumerate(named, start=1):
        try:
            _copy(path, folder / name)
        except OSError as error:
            raise DataError(f"cannot be copied: {error.strerror or error}", where=str(path)) from error
        if done % 256 == 0 or done == len(named):
            progress("copying images", done, len(named))
    return Gallery(folder=folder, names={path: name for name, path in named})


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    os.chmod(target, _MODE)
    os.utime(target, _TIME)
