"""What a router falls back on: each model's mean over the training outcomes that are there.

Every router takes its fallback from here, so that they agree on what a model is worth of which little or nothing is
known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmr_core.errors import DegenerateError
from mmr_core.numerics import means

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmr_core.contracts import TrainingData


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingMeans:
    """The means of K models over their observed training outcomes.

    What stands for a model without any is told in `mmr_core.numerics.means`: it is not chosen while another is expected
    to be right now and then.

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
    utility, cost = means.training_means(training.utility, training.cost)
    return TrainingMeans(utility=utility, cost=cost, utility_known=~np.isnan(training.utility).all(axis=0))
