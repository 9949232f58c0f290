"""Standardised costs: what networks learn instead of USD, in which a query costs about 1e-6 and no loss feels it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmr_core.numerics.means import observed_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray


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
