"""Where the images of a store lie: beside it by their absolute paths, or within it, copied.

A path within the store is kept relative to it, so that a store with its images can be moved.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from mmr_core.outcomes import object_array
from mmr_core.store.manifest import digest_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

FOLDER = "images"


def stored_path(image: Path | None, store: Path) -> str | None:
    """An image's path as the store keeps it."""
    if image is None:
        return None
    place, home = Path(os.path.abspath(image)), Path(os.path.abspath(store))
    return place.relative_to(home).as_posix() if place.is_relative_to(home) else str(place)


def opened_paths(kept: Iterable[str | None], store: Path) -> NDArray[np.object_]:
    """The paths that `stored_path` gave, usable from the current folder."""
    return object_array(None if path is None else store / path for path in kept)


def plan_copies(images: Iterable[Path | None], dataset: str, store: Path) -> dict[Path, str]:
    """Which files to copy into the store, and the path that each gets there.

    Images that are absent or already within the store are not copied. Two files of one name from different folders
    both keep the name, the second with a suffix.
    """
    copies: dict[Path, str] = {}
    taken: set[str] = set()
    for image in images:
        if image is None or image in copies or not image.is_file():
            continue
        if Path(os.path.abspath(image)).is_relative_to(os.path.abspath(store)):
            continue
        name = image.name
        if name.casefold() in taken:
            name = f"{image.stem}~{digest_of(os.fsencode(image))[:8]}{image.suffix}"
        taken.add(name.casefold())
        copies[image] = str(PurePosixPath(FOLDER, dataset, name))
    return copies
