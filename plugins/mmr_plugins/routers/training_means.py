"""What a router falls back on: each model's mean over the training outcomes that are there.

Every router takes its fallback from here, so that they agree on what a model is worth of which little or nothing is
known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmr_core.errors import DegenerateError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmr_core.contracts import TrainingData


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingMeans:
    """The means of K models over their observed training outcomes.

    A model without any observed utility gets 0, and one without any observed cost the largest mean cost of the
    others (0 where there are none): neither promises anything that nobody has seen, so such a model is not chosen
    while another is expected to be right now and then.

    :param utility: float64 [K], finite.
    :param cost: float64 [K] in USD, finite.
    :param utility_known: bool [K], whether the model has at least one observed utility.
    """

    utility: NDArray[np.float64]
    cost: NDArray[np.float64]
    utility_known: NDArray[np.bool_]


def training_means(training: TrainingData) -> TrainingMeans:
    """The means of a training split.

    :raises DegenerateError: if the split has no rows.
    """
    if len(training) == 0:
        raise DegenerateError(
            "no rows to learn from", where="training split", fix="use more instances, or another dataset"
        )
    cost_known = ~np.isnan(training.cost).all(axis=0)
    cost = observed_mean(training.cost, np.zeros(training.cost.shape[1]))
    return TrainingMeans(
        utility=observed_mean(training.utility, np.zeros(training.utility.shape[1])),
        cost=np.where(cost_known, cost, cost.max(where=cost_known, initial=0.0)),
        utility_known=~np.isnan(training.utility).all(axis=0),
    )


def observed_mean(outcomes: NDArray[np.float64], fallback: NDArray[np.float64], axis: int = 0) -> NDArray[np.float64]:
    """The mean along `axis` over what is not NaN; `fallback` where nothing is left.

    :param outcomes: float64 [..., m, ..., K].
    :param fallback: float64 [K].
    """
    observed = ~np.isnan(outcomes)
    count = observed.sum(axis=axis)
    total = np.where(observed, outcomes, 0.0).sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), fallback)
