"""Fusions that fit nothing: average, concatenation, and one modality alone.

Each modality is brought to unit length first (the paper's D.1); a row without the modality, or whose embedding is
zero, counts as the zero vector. Arithmetic is in double precision and row by row, so that a feature does not depend
on the rows it is computed with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np

from mmr_core.contracts import IMAGE, TEXT, Embeddings
from mmr_core.errors import UsageError
from mmr_core.state import StateReader

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmr_core.contracts import State


def unit_rows(embeddings: Embeddings, modality: int) -> NDArray[np.float64] | None:
    """One modality's embeddings at unit length, float64 [n, d]; zero rows where missing; None if not embedded.

    :param modality: `contracts.TEXT` or `contracts.IMAGE`.
    """
    raw = embeddings.text if modality == TEXT else embeddings.image
    if raw is None:
        return None
    rows = np.where(embeddings.mask[:, modality, None], raw, 0).astype(np.float64)
    length = np.sqrt(np.square(rows).sum(axis=1, keepdims=True))  # [n, 1]
    unit: NDArray[np.float64] = np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)
    return unit


def demand_one_width(text: NDArray[np.float64], image: NDArray[np.float64]) -> None:
    """:raises UsageError: if the two cannot be added."""
    if text.shape[1] != image.shape[1]:
        raise UsageError(
            f"text embeddings have {text.shape[1]} dimensions and image embeddings {image.shape[1]}",
            fix="choose encoders of one width, or --align pad|truncate",
        )


def demand_any(text: NDArray[np.float64] | None, image: NDArray[np.float64] | None) -> list[NDArray[np.float64]]:
    """The embeddings that there are: text, image, or both.

    :raises UsageError: if none is.
    """
    present = [rows for rows in (text, image) if rows is not None]
    if not present:
        raise UsageError("there are no embeddings to fuse", fix="choose an encoder")
    return present


def as_features(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    """float32, C-contiguous."""
    return np.ascontiguousarray(rows, dtype=np.float32)


class UnfittedFusion:
    """The base of fusions that learn nothing."""

    transductive = False

    def fit(self, embeddings: Embeddings) -> Self:
        """Learns nothing."""
        return self

    def state(self) -> State:
        """Nothing."""
        return {}

    def restore(self, state: State) -> Self:
        """:raises DataError: if there is something to restore."""
        StateReader(state, f"fusion {type(self).__name__!r}").finish()
        return self


class AverageFusion(UnfittedFusion):
    """The equal-weight mean of the two unit embeddings, z = (text + image) / 2 (Eq. S10); not renormalised.

    A missing modality is a zero vector, so a row with one modality has length 1/2. Text and image must have one
    width; `UsageError` otherwise.
    """

    def transform(self, embeddings: Embeddings) -> NDArray[np.float32]:
        """float32 [n, d]."""
        text, image = unit_rows(embeddings, TEXT), unit_rows(embeddings, IMAGE)
        if text is not None and image is not None:
            demand_one_width(text, image)
            return as_features((text + image) / 2)
        (alone,) = demand_any(text, image)
        return as_features(alone / 2)


class ConcatFusion(UnfittedFusion):
    """The two unit embeddings side by side, text first; zeros where a modality is missing.

    Where only one modality was embedded, that one alone.
    """

    def transform(self, embeddings: Embeddings) -> NDArray[np.float32]:
        """float32 [n, d_text + d_image]."""
        present = demand_any(unit_rows(embeddings, TEXT), unit_rows(embeddings, IMAGE))
        return as_features(np.concatenate(present, axis=1))


class TextFusion(UnfittedFusion):
    """The unit text embedding alone; a zero row where there is no text."""

    def transform(self, embeddings: Embeddings) -> NDArray[np.float32]:
        """float32 [n, d_text].

        :raises UsageError: if no text was embedded.
        """
        text = unit_rows(embeddings, TEXT)
        if text is None:
            raise UsageError("fusion 'text' needs text embeddings", fix="choose a --text-encoder or another --fusion")
        return as_features(text)


class ImageFusion(UnfittedFusion):
    """The unit image embedding alone; a zero row where there is no image."""

    def transform(self, embeddings: Embeddings) -> NDArray[np.float32]:
        """float32 [n, d_image].

        :raises UsageError: if no images were embedded.
        """
        image = unit_rows(embeddings, IMAGE)
        if image is None:
            raise UsageError(
                "fusion 'image' needs image embeddings", fix="choose an --image-encoder or another --fusion"
            )
        return as_features(image)
