"""Builds what plugins are handed, out of fresh copies, so that nothing reachable from it holds a test outcome."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from mmr_core.contracts import Fusion, Queries, TrainingData
from mmr_core.errors import PluginError
from mmr_core.features import Features
from mmr_core.specs import ModelSpec


def opaque_ids(datasets: Sequence[str], ids: Sequence[str]) -> tuple[str, ...]:
    """Names that are stable for an instance and carry neither its dataset nor its place."""
    pairs = zip(datasets, ids, strict=True)
    return tuple(blake2b(f"query:{dataset}:{idx}".encode(), digest_size=8).hexdigest() for dataset, idx in pairs)


def build_queries(
    features: Features, ids: Sequence[str], pool: tuple[ModelSpec, ...], fusion: Fusion | None
) -> Queries:
    """The queries of some instances.

    :param features: of these instances alone; copied.
    :param ids: their opaque ids.
    :param fusion: fitted on training rows; None gives z of width 0.
    :raises PluginError: if the fusion does not give finite float32 features of one row per instance.
    """
    own = features.take(np.arange(len(ids)))
    return Queries(
        ids=tuple(ids),
        questions=own.questions,
        images=own.images,
        mask=own.embeddings.mask.copy(),
        z=_fused(features, fusion),
        embeddings=own.embeddings,
        light=own.light,
        pool=pool,
    )


def build_training(
    queries: Queries,
    utility: NDArray[np.float64],
    cost: NDArray[np.float64],
    validation: NDArray[np.bool_],
    cost_scale: float,
) -> TrainingData:
    """The training data of some instances; every array is a copy."""
    return TrainingData(
        queries=queries,
        utility=np.array(utility, dtype=np.float64),
        cost=np.array(cost, dtype=np.float64),
        validation=np.array(validation, dtype=np.bool_),
        cost_scale=cost_scale,
    )


def _fused(features: Features, fusion: Fusion | None) -> NDArray[np.float32]:
    n = len(features.embeddings)
    if fusion is None:
        return np.zeros((n, 0), dtype=np.float32)
    z = np.array(fusion.transform(features.take(np.arange(n)).embeddings), dtype=np.float32)
    if z.ndim != 2 or len(z) != n or not np.isfinite(z).all():
        raise PluginError(
            f"fusion {type(fusion).__name__} gave features of shape {z.shape}"
            + ("" if np.isfinite(z).all() else " with numbers that are not finite"),
            fix=f"transform must give finite float32 [{n}, p] (mmr_core.contracts.Fusion)",
        )
    return z
