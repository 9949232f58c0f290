"""From a row's policy to a few matrices of choice probabilities, which is all that the audits look at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmr_core.errors import DataError
from mmr_core.evaluate.policies import Decided, Policy, Scored
from mmr_core.sweep import choose

Floats = NDArray[np.float64]

POINTS = 5
"""Operating points that stand for a row."""


def representative_points(policy: Policy, utility: Floats, cost: Floats, points: int = POINTS) -> Floats:
    """[m, n, K]: the choice probabilities at up to `points` operating points, cheapest first.

    The points are those nearest to costs that lie evenly between the cheapest and the dearest that the row reaches;
    fewer where the row has fewer.

    :param utility: [n, K] true utilities; :param cost: [n, K] true costs.
    :raises DataError: if the policy is neither `Scored` nor `Decided`.
    """
    mean_cost = policy.curve(utility, cost).cost
    return _at(policy, spread_over(mean_cost, float(mean_cost.min()), float(mean_cost.max()), points), utility, cost)


def matched_points(
    first: Policy, second: Policy, utility: Floats, cost: Floats, points: int = POINTS
) -> tuple[Floats, Floats]:
    """Two arrays [points, n, K]: the choices of two policies near the same costs.

    The costs lie evenly over what both reach; where their ranges do not meet, at the ends that are nearest.
    """
    own, other = first.curve(utility, cost).cost, second.curve(utility, cost).cost
    low, high = max(own.min(), other.min()), min(own.max(), other.max())
    low, high = min(low, high), max(low, high)
    targets = np.linspace(low, high, points)
    return (
        _at(first, _nearest(own, targets), utility, cost),
        _at(second, _nearest(other, targets), utility, cost),
    )


def spread_over(mean_cost: Floats, low: float, high: float, points: int) -> NDArray[np.intp]:
    """Indices, without repeats, of the operating points nearest to evenly spread costs; cheapest first."""
    found = _nearest(mean_cost, np.linspace(low, high, points))
    return found[np.sort(np.unique(found, return_index=True)[1])]


def _nearest(mean_cost: Floats, targets: Floats) -> NDArray[np.intp]:
    return np.asarray(np.abs(mean_cost[None, :] - targets[:, None]).argmin(axis=1), dtype=np.intp)


def _at(policy: Policy, indices: NDArray[np.intp], utility: Floats, cost: Floats) -> Floats:
    if isinstance(policy, Decided):
        return np.stack([policy.probabilities[i] for i in indices])
    if isinstance(policy, Scored):
        weights = policy.curve(utility, cost).trade_off[indices]
        every = np.eye(utility.shape[1])
        return np.stack([every[choose(policy.pred_utility, policy.pred_cost, float(w))] for w in weights])
    raise DataError(f"a policy of type {type(policy).__name__} cannot be audited", fix="give a Scored or a Decided")
