"""The files that one import has made so far, so that all of them can be taken back."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from mmr_core.store.atomic import write_atomically
from mmr_core.store.manifest import StoredFile, digest_of

if TYPE_CHECKING:
    from pathlib import Path


class Journal:
    """Writes new files of a store, and knows how to undo that.

    :param store: the store's folder, which need not exist.
    """

    def __init__(self, store: Path) -> None:
        self._store = store
        self._existed = store.exists()
        self._made: list[Path] = []

    def write(self, path: str, content: bytes) -> StoredFile:
        """Writes one file, atomically.

        :param path: where it goes within the store.
        """
        target = self._store / path
        self._made.append(target)
        write_atomically(target, content)
        return StoredFile(path=path, digest=digest_of(content))

    def settle(self) -> None:
        """Keeps what was made so far, whatever comes."""
        self._made.clear()

    def undo(self) -> None:
        """Removes what was made, and the folders that are empty without it."""
        for path in self._made:
            with suppress(OSError):
                path.unlink(missing_ok=True)
        folders = {folder for path in self._made for folder in path.parents if folder.is_relative_to(self._store)}
        folders.add(self._store)
        for folder in sorted(folders, key=lambda folder: len(folder.parts), reverse=True):
            if folder != self._store or not self._existed:
                with suppress(OSError):
                    folder.rmdir()
