"""The images of a board run, as jobs get them: copied once, alike in all that is not the picture, named anew per job.

The copies are made in random order, since inode numbers would tell the order of the table. Where the isolation mounts
a job read-only, jobs link to them; else each job has copies, since a link can be made unreadable for all others.
"""

from __future__ import annotations

import os
import random
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
class Pictures:
    """Image files by the path under which features name them."""

    files: Mapping[Path, Path]

    def place(self, wanted: Iterable[Path | None], folder: Path, naming: Naming, *, linked: bool) -> None:
        """Puts the wanted images into an existing folder, under the names that `naming` gives their paths.

        :param linked: hard links instead of copies.
        """
        # In the order of the names, which is no order of the table.
        for name, path in sorted((naming.image(path), path) for path in set(wanted) if path is not None):
            source, target = self.files[path], folder / name
            if linked:
                os.link(source, target)
            else:
                _copy(source, target)


def collect(paths: Iterable[Path | None], folder: Path, progress: Progress = no_progress) -> Pictures:
    """Copies the images into a folder, which is made.

    :raises DataError: if one cannot be read.
    """
    folder.mkdir(parents=True)
    distinct = sorted({path for path in paths if path is not None})
    random.SystemRandom().shuffle(distinct)
    files: dict[Path, Path] = {}
    for number, path in enumerate(distinct):
        target = folder / f"{number:08x}"
        try:
            _copy(path, target)
        except OSError as error:
            raise DataError(f"cannot be copied: {error.strerror or error}", where=str(path)) from error
        files[path] = target
        if number % 256 == 255 or number + 1 == len(distinct):
            progress("copying images", number + 1, len(distinct))
    return Pictures(files=files)


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    os.chmod(target, _MODE)
    os.utime(target, _TIME)
