"""What routers learn from outcomes: each model's training mean to fall back on, and standardised costs.

Every router takes its fallback values from here, so that they agree on a model without observed outcomes. Networks
learn standardised costs: a query costs about 1e-6 USD, which no loss would notice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmr_core.errors import DegenerateError
from mmr_core.numerics import means
from mmr_core.numerics.means import observed_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmr_core.contracts import TrainingData


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingMeans:
    """The means of K models over their observed training outcomes.

    The fallback values of a model without any are those of `mmr_core.numerics.means`: it is not chosen while another
    is expected to be right at times.

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


def centre_and_spread(
    values: NDArray[np.float64], fallback: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The mean and the standard deviation of each column's observed values, both float64 [K].

    A column without any is centred at its `fallback` [K] with spread 0.
    """
    centre = observed_mean(values, fallback)
    return centre, np.sqrt(observed_mean(np.square(values - centre), np.zeros_like(centre)))


def standardised(
    values: NDArray[np.float64], centre: NDArray[np.float64], spread: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(values - centre) / spread, and 0 in a column of spread 0; NaN stays.

    The way back is `centre + spread * x`, without this exception: a column that never varied then comes back exact,
    whatever a network makes of it.
    """
    return (values - centre) / np.where(spread > 0, spread, 1.0)
