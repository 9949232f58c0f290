"""Means over what was observed, and what a model is worth of which nothing was.

The constant reference and every built-in router take their means from here, so that they agree on models and
neighbourhoods without outcomes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def observed_mean(outcomes: NDArray[Any], fallback: NDArray[Any], axis: int = 0) -> Floats:
    """The mean along `axis` over what is not NaN; `fallback` where nothing is left.

    :param outcomes: float64 [..., m, ..., K].
    :param fallback: float64 [K].
    """
    observed = ~np.isnan(outcomes)
    count = observed.sum(axis=axis)
    total = np.where(observed, outcomes, 0.0).sum(axis=axis)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), fallback), dtype=np.float64)


def training_means(utility: Floats, cost: Floats) -> tuple[Floats, Floats]:
    """[K] mean utility and [K] mean cost over the observed training outcomes.

    A model without any observed utility gets 0, and one without any observed cost the largest mean cost of the others
    (0 where there are none): neither promises anything that nobody has seen.

    :param utility: float64 [n, K], NaN where missing.
    :param cost: float64 [n, K] in USD, NaN where missing.
    """
    nothing = np.zeros(utility.shape[1])
    known = ~np.isnan(cost).all(axis=0)
    mean_cost = observed_mean(cost, nothing)
    dearest = mean_cost.max(where=known, initial=0.0)
    return observed_mean(utility, nothing), np.where(known, mean_cost, dearest)
