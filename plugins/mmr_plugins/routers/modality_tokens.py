"""What the cross-modal router makes tokens of: each modality's raw embedding at unit length, where there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmr_core.errors import FeatureError, UsageError
from mmr_core.specs import MODALITIES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmr_core.contracts import Embeddings


def widths_of_modalities(embeddings: Embeddings) -> dict[str, int]:
    """The embedding width of each modality that at least one instance has."""
    return {
        modality: array.shape[1]
        for column, modality in enumerate(MODALITIES)
        if (array := getattr(embeddings, modality)) is not None and embeddings.mask[:, column].any()
    }


def unit_embeddings(
    embeddings: Embeddings, widths: dict[str, int], router: str
) -> tuple[list[NDArray[np.float64]], NDArray[np.bool_]]:
    """Unit rows float64 [n, d] of each modality in `widths`, zero where absent, and bool [n, modalities], whether an
    instance has it.

    :raises UsageError: if a modality is not as wide as `widths` says.
    :raises FeatureError: if the embedding of a modality that is there is not finite.
    """
    rows = []
    present = np.zeros((len(embeddings), len(widths)), dtype=bool)
    for i, (modality, width) in enumerate(widths.items()):
        array = getattr(embeddings, modality)
        if array is None:
            rows.append(np.zeros((len(embeddings), width)))
            continue
        if array.shape[1] != width:
            raise UsageError(
                f"{modality} embeddings are {array.shape[1]} wide where the fit had {width}",
                where=f"router {router!r}",
                fix="use the encoder that it was fitted with",
            )
        present[:, i] = embeddings.mask[:, MODALITIES.index(modality)]
        raw = np.where(present[:, i, None], array, 0.0).astype(np.float64)
        if not np.isfinite(raw).all():
            raise FeatureError(
                f"{modality} embeddings are not finite",
                where=f"router {router!r}, row {np.argwhere(~np.isfinite(raw))[0, 0]}",
                fix="look for NaN or infinity in the embeddings",
            )
        norm = np.sqrt(np.square(raw).sum(axis=1, keepdims=True))
        rows.append(raw / np.where(norm > 0, norm, 1.0))
    return rows, present
