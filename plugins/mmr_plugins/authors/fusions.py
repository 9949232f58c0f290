"""The two ways in which the authors' program joins text and image features.

Arrays are taken as they are given, in float32, and cut to the shorter of the two widths; without an image array both
fusions are the text itself. The order of operations is theirs, because float32 keeps it.
"""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray

from mmr_core.contracts import Embeddings
from mmr_core.errors import FeatureError

Features = NDArray[np.float32]

EPSILON = 1e-8
TEMPERATURE = 5.0
PRODUCT_WEIGHT = DIFFERENCE_WEIGHT = 0.5


class AuthorsAverage:
    """Eq. S10: half the sum of the two arrays, not normalised again; a zero row counts as any other.

    :raises FeatureError: by `transform`, if there are neither texts nor images.
    """

    def fit(self, embeddings: Embeddings) -> Self:
        return self

    def transform(self, embeddings: Embeddings) -> Features:
        """float32 [n, p], p the shorter width; the one array there is, if there is only one."""
        text, image = embeddings.text, embeddings.image
        if text is None and image is None:
            raise FeatureError("no text and no image features", where="fusion 'average'")
        if text is None or image is None:
            return _contiguous(image if text is None else text)
        text, image = _same_width(text, image)
        return _contiguous((text + image) / 2.0)


class AuthorsAdaptive:
    """Eqs. S2-S6 and the final L2-normalisation, with prototypes and norm statistics of the set being encoded.

    1e-8 is added to every denominator that could vanish; on unit rows Eq. S3 then measures rounding, as it does in
    the authors' program.

    :raises FeatureError: by `transform`, if there are images and no texts: their program has no such mode.
    """

    transductive = True

    def fit(self, embeddings: Embeddings) -> Self:
        return self

    def transform(self, embeddings: Embeddings) -> Features:
        """float32 [n, p], p the shorter width; the text array itself where no image array is given."""
        if embeddings.text is None:
            raise FeatureError("no text features", where="fusion 'adaptive' of the authors' protocol")
        if embeddings.image is None:
            return _contiguous(embeddings.text)
        text, image = _same_width(embeddings.text, embeddings.image)
        text_pull = np.exp(TEMPERATURE * _confidence(text))  # [n]
        image_pull = np.exp(TEMPERATURE * _confidence(image))
        total = text_pull + image_pull + EPSILON
        weighted = (text_pull / total)[:, None] * text + (image_pull / total)[:, None] * image
        product, difference = text * image, np.abs(text - image)
        fused = weighted + PRODUCT_WEIGHT * product + DIFFERENCE_WEIGHT * difference
        return _contiguous(fused / (np.linalg.norm(fused, axis=1, keepdims=True) + EPSILON))


def _confidence(rows: Features) -> Features:
    """[n] the mean of prototype similarity (Eq. S2) and standardised norm (Eq. S3), clipped (Eq. S4)."""
    prototype = np.mean(rows, axis=0, keepdims=True)
    norms = np.linalg.norm(rows, axis=1)
    cosine = np.sum(rows * prototype, axis=1) / (norms * np.linalg.norm(prototype, axis=1) + EPSILON)
    standard = (norms - np.mean(norms)) / (np.std(norms) + EPSILON)
    similarity, strength = (cosine + 1.0) / 2.0, 1.0 / (1.0 + np.exp(-standard))
    return np.clip(0.5 * similarity + 0.5 * strength, 0.0, 1.0)


def _same_width(text: Features, image: Features) -> tuple[Features, Features]:
    width = min(text.shape[1], image.shape[1])
    return text[:, :width], image[:, :width]


def _contiguous(rows: Features) -> Features:
    return np.ascontiguousarray(rows, dtype=np.float32)
