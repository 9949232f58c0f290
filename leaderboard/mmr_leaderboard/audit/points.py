"""From a row's policy to a few matrices of choice probabilities, which is all that the audits look at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmr_core.runner.policies import Policy, probabilities_of

Floats = NDArray[np.float64]

POINTS = 5
"""Operating points that stand for a row."""

CANDIDATES = 25
"""Operating points of an earlier version among which the like of a later one's is looked for."""


def representative_points(policy: Policy, utility: Floats, cost: Floats, points: int = POINTS) -> Floats:
    """[m, n, K]: the choice probabilities at up to `points` operating points, cheapest first.

    The points are those nearest to costs that lie evenly between the cheapest and the dearest that the row reaches;
    fewer where the row has fewer.

    :param utility: [n, K] true utilities; :param cost: [n, K] true costs.
    """
    mean_cost = policy.curve(utility, cost).cost
    targets = np.linspace(mean_cost.min(), mean_cost.max(), points)
    nearest = np.abs(mean_cost[None, :] - targets[:, None]).argmin(axis=1)
    return _at(policy, nearest[np.sort(np.unique(nearest, return_index=True)[1])], utility, cost)


def matched_points(before: Policy, after: Policy, utility: Floats, cost: Floats) -> tuple[Floats, Floats]:
    """Two arrays [m, n, K]: points of an earlier version, and the later version's representative points.

    Each point of the later version is set beside that of 25 of the earlier one with which it agrees most. A version
    that was corrected here and there is so compared with what it was made of, whatever the corrections cost.
    """
    own = representative_points(after, utility, cost)
    earlier = representative_points(before, utility, cost, CANDIDATES)
    agreement = own.reshape(len(own), -1) @ earlier.reshape(len(earlier), -1).T  # [m, candidates]
    return earlier[agreement.argmax(axis=1)], own


def _at(policy: Policy, indices: NDArray[np.intp], utility: Floats, cost: Floats) -> Floats:
    weights = policy.curve(utility, cost).trade_off[indices]
    return np.stack([probabilities_of(policy.decisions_at(float(w)), utility.shape[1]) for w in weights])
