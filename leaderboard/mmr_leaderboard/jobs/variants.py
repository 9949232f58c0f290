"""The same query, stored otherwise: white space that changes no word, pictures encoded anew.

An honest router hardly minds. One that looks queries up in a table of hashes finds none of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mmr_core.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

_JPEG_QUALITY = 90
_JPEG_AGAIN = 80
"""For pictures that are JPEG already: the same quality again could give the same bytes."""


def respaced(question: str, kind: int) -> str:
    """The question with other white space and the same words: doubled blanks, tabs, a last line, a first blank.

    :param kind: any number; which of the four it is. Never the question itself.
    """
    changed = (
        question.replace(" ", "  "),
        f"{question}\n",
        f" {question}",
        question.replace(" ", "\t"),
    )[kind % 4]
    return changed if changed != question else f" {question}"


def reencode(source: Path, target: Path) -> None:
    """Writes the picture as JPEG, of the same size and orientation, into a file whose bytes are others.

    :raises DataError: if it cannot be decoded or written.
    """
    from PIL import Image as Imaging

    # Decoders of damaged files raise nearly anything; it is all one to who wants the picture.
    try:
        with Imaging.open(source) as image:
            image.load()
            orientation = image.getexif()
            quality = _JPEG_AGAIN if image.format == "JPEG" else _JPEG_QUALITY
            _opaque(image).save(target, "JPEG", quality=quality, subsampling=0, exif=orientation)
    except Exception as error:
        reason = " ".join(str(error).split())
        raise DataError(f"cannot be encoded anew: {type(error).__name__}: {reason}", where=str(source)) from error


def _opaque(image: Image.Image) -> Image.Image:
    """The picture in three colours, on white where it is transparent."""
    from PIL import Image as Imaging

    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layered = image.convert("RGBA")
        white = Imaging.new("RGBA", layered.size, "white")
        return Imaging.alpha_composite(white, layered).convert("RGB")
    return image.convert("RGB")
