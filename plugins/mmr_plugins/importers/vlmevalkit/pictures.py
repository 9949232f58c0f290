"""Where the kit put the image of an instance: `LMUData/images/<dataset>/<index>.jpg`, or `<index>_1.jpg` of several."""

from __future__ import annotations

from pathlib import Path

_ENDINGS = (".jpg", ".png", "_1.jpg", "_1.png")


def picture(folder: str, dataset: str, instance: str) -> str | None:
    """The path of an instance's image; None where the kit has none of its own for it."""
    if Path(instance).name != instance:
        return None
    place = Path(folder) / "images" / dataset
    return next((str(file) for ending in _ENDINGS if (file := place / f"{instance}{ending}").is_file()), None)
