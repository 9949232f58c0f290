"""The `lite` encoder: embeddings of texts and images from counting alone, without weights, downloads or PyTorch.

It is the default for the embedded sample and a floor for every learned encoder. What is counted is described in
`lite_text` and `lite_image`; this module lays the counts out in rows of a chosen width.

A row has three stretches: a few *shared* coordinates, in which both modalities say something comparable (how much
there is, how dense, how varied, how structured, how demanding it is), then a stretch that only texts fill, then one
that only images fill. Averaging a text row with an image row (Eq. S10) therefore mixes nothing unrelated, while
products and differences of the two (Eqs. S5, S6) compare like with like. Within a stretch the leading coordinates
matter most, so a narrower encoder keeps the best of a wider one. What is always positive is centred on a typical
input, because rows that all point the same way have no use for cosines. The direction of a row says what kind of
query it is, its length how much there is of it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import PIL

from mmr_core.errors import UsageError
from mmr_plugins.encoders import lite_image, lite_text
from mmr_plugins.encoders.lite_text import SHARED

if TYPE_CHECKING:
    from numpy.typing import NDArray

RECIPE = "lite-1"
SMALLEST = 64
_SHARED_ENERGY, _DIGITS = 0.5, 5


class LiteEncoder:
    """Hand-made features of texts and images; implements `mmr_core.contracts.Encoder`.

    :param dimensions: width of both sorts of rows, at least 64.
    :raises UsageError: if `dimensions` is too small or not a whole number.
    """

    modalities: ClassVar[tuple[str, ...]] = ("text", "image")

    def __init__(self, *, dimensions: int = 256) -> None:
        if not isinstance(dimensions, int) or isinstance(dimensions, bool) or dimensions < SMALLEST:
            raise UsageError(
                f"dimensions {dimensions!r} is not a whole number of at least {SMALLEST}",
                where="encoder 'lite'",
                fix=f"use {SMALLEST} or more, such as 256",
            )
        self.dimensions = dimensions
        self._text_width = (dimensions - SHARED) // 2
        self._image_width = dimensions - SHARED - self._text_width

    @property
    def fingerprint(self) -> str:
        """The recipe, the width, and the libraries whose versions change results.

        Pillow decodes and shrinks images; Unicode's tables decide what is a letter.
        """
        return f"{RECIPE}:d={self.dimensions}:float32:pillow={PIL.__version__}:unicode={unicodedata.unidata_version}"

    def encode_text(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32 [n, dimensions]; an empty text gives a finite row that is not zero."""
        rows = np.zeros((len(texts), self.dimensions))
        own = slice(SHARED, SHARED + self._text_width)
        for row, text in zip(rows, texts, strict=True):
            shared, row[own], amount = lite_text.describe(text, self._text_width)
            row[:SHARED] = _SHARED_ENERGY * shared
            row *= 1.0 + 0.25 * amount
        return _settled(rows)

    def encode_image(self, paths: Sequence[Path]) -> NDArray[np.float32]:
        """float32 [n, dimensions], from the first frame of each file on a white ground.

        :raises FeatureError: if a file is absent, truncated or not an image; it names the file.
        """
        rows = np.zeros((len(paths), self.dimensions))
        own = slice(SHARED + self._text_width, self.dimensions)
        for row, path in zip(rows, paths, strict=True):
            shared, row[own], amount = lite_image.describe(Path(path), self._image_width)
            row[:SHARED] = _SHARED_ENERGY * shared
            row *= 1.0 + 0.25 * amount
        return _settled(rows)


def _settled(rows: NDArray[Any]) -> NDArray[np.float32]:
    # Logarithms differ in their last bit between machines; rounding makes rows the same on all of them.
    return np.round(rows, _DIGITS).astype(np.float32)
