"""Where the images of a published table are, found by listing each folder once."""

from __future__ import annotations

import os
from pathlib import Path

EXTENSIONS = (".jpg", ".png", ".jpeg", ".webp")
"""In order of preference; upper case is as good."""


class Pictures:
    """The images beside one CSV.

    :param base: the folder that the CSV is in.
    """

    def __init__(self, base: Path) -> None:
        self._base = base
        self._files: dict[Path, frozenset[str]] = {}
        self._stems: dict[Path, dict[str, str]] = {}

    def there(self, folder: str, rest: str) -> Path | None:
        """The image file of an id in a folder, or None where there is none."""
        # An id with a slash names a file in a folder below.
        place = (self._base / folder / rest).parent
        stem = Path(rest).name
        if place not in self._stems:
            ranked = sorted(
                (name for name in self._names(place) if Path(name).suffix.lower() in EXTENSIONS),
                key=lambda name: (EXTENSIONS.index(Path(name).suffix.lower()), name),
                reverse=True,
            )
            self._stems[place] = {os.path.splitext(name)[0]: name for name in ranked}
        name = self._stems[place].get(stem)
        return None if name is None else place / name

    def expected(self, folder: str, rest: str) -> Path:
        """Where the image of an id should be."""
        return self._base / folder / f"{rest}{EXTENSIONS[0]}"

    def named(self, cell: str) -> Path:
        """The path in a cell, relative to the CSV unless it is absolute."""
        return self._base / cell

    def exists(self, path: Path) -> bool:
        """Whether there is such a file."""
        return path.name in self._names(path.parent)

    def _names(self, folder: Path) -> frozenset[str]:
        if folder not in self._files:
            try:
                self._files[folder] = frozenset(os.listdir(folder))
            except OSError:
                self._files[folder] = frozenset()
        return self._files[folder]
