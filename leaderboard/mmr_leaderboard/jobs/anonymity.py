"""Names that say nothing, of queries, image files and folders, and the images of a kind of job copied under them.

Names follow from a secret that is drawn for each job (for each gallery, in the case of images), so nothing links the
jobs of an entry or of several runs, and using a secret again gives an exact repeat.

Images are copied once per board run and differ in nothing but the picture. Copies are made in the order of their
names, which is random, because inode numbers would reveal the order of the table. No two kinds of job share a file,
because the number of its links would reveal which other jobs have it. Jobs of one kind share a folder where the
isolation mounts it read-only. Otherwise each job has copies, because the owner of a file may change its mode even
where it cannot write, and then nobody could read it any more.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from mmr_core.contracts import Progress, no_progress
from mmr_core.errors import DataError

_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")


@dataclass(frozen=True)
class Naming:
    """The names in one job or gallery.

    :param secret: 16 random bytes.
    """

    secret: bytes = field(default_factory=lambda: secrets.token_bytes(16))

    @property
    def folder(self) -> str:
        """The name of its folder."""
        return self._name("folder")

    def query(self, key: object) -> str:
        """The id of a query; one key, one id."""
        return self._name(f"query {key}")

    def image(self, path: Path) -> str:
        """The name of an image file; its suffix is kept where it is a usual one."""
        suffix = path.suffix.lower()
        return self._name(f"image {path}") + (suffix if suffix in _SUFFIXES else "")

    def _name(self, what: str) -> str:
        return blake2b(what.encode("utf-8", "surrogatepass"), key=self.secret, digest_size=8).hexdigest()


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
