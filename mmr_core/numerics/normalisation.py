"""What costs are divided by (Eq. S1), so that a trade-off weight means the same whatever the prices.

Kept apart from `pricing`, which reads files that routing does not need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmr_core.errors import DegenerateError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def cost_scale(train_cost: NDArray[np.float64]) -> float:
    """The largest cost of the training split (the denominator of Eq. S1); divided by it, test costs may exceed 1.

    :param train_cost: [n, K] in USD, NaN where missing.
    :raises DegenerateError: if no cost is known, or none is above zero.
    """
    known = train_cost[~np.isnan(train_cost)]
    if known.size == 0:
        raise DegenerateError("no cost of the training split is known", fix="import more instances")
    largest = float(known.max())
    if largest <= 0:
        raise DegenerateError("every cost of the training split is zero, so there is nothing to trade off")
    return largest
