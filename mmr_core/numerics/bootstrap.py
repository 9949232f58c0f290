"""Intervals by resampling instances: the same draws for every router, so that routers can be compared in pairs.

A draw is a weight per instance. The order of a router's events by trade-off weight does not depend on it, so a draw
costs one weighted running sum and one envelope (`reweighting`). Which models are cheapest, dearest and best is fixed on
the full test set; their means are reweighted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mmr_core.numerics.metrics import CostRanges, Frontier, SingleModels, frontiers, read_off
from mmr_core.numerics.reweighting import Beside, Corners, point_corners
from mmr_core.numerics.sweep import OperatingCurve

Floats = NDArray[np.float64]

LEVEL = 0.95
TAILS = (0.025, 0.975)
"""The quantiles at which an interval of that level ends; written out, since (1 - 0.95) / 2 is a little more."""

_CORNERS = 1 << 23
"""Operating points of all draws that are looked at together; every one may be a corner of its frontier."""


class Operating(Protocol):
    """Anything with operating points that follow from weights of the instances: `sweep.Events`, or a `PointSet`."""

    def points(self, weights: Floats | None = None) -> tuple[Floats, Floats]:
        """Mean cost and mean utility, [m] each."""

    def curve(self) -> OperatingCurve:
        """The points with equal weights, by ascending trade-off weight."""

    def corners(self, weights: NDArray[Any], beside: Beside) -> Corners:
        """The concave envelope of its points and of one more, in each of B draws, from weights [B, n]."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PointSet:
    """Operating points of policies that were evaluated one by one.

    :param trade_off: [m] ascending, the trade-off weight of each.
    :param cost: [m, n] the (expected) true cost of each instance at each point.
    :param utility: [m, n] the (expected) true utility.
    """

    trade_off: Floats
    cost: Floats
    utility: Floats

    def points(self, weights: Floats | None = None) -> tuple[Floats, Floats]:
        """Mean cost and mean utility, [m] each, with equal weights where None."""
        if weights is None:
            return self.cost.mean(axis=1), self.utility.mean(axis=1)
        total = weights.sum()
        return (self.cost * weights).sum(axis=1) / total, (self.utility * weights).sum(axis=1) / total

    def curve(self) -> OperatingCurve:
        """The points with equal weights, with their trade-off weights."""
        mean_cost, mean_utility = self.points()
        return OperatingCurve(trade_off=self.trade_off, cost=mean_cost, utility=mean_utility)

    def corners(self, weights: NDArray[Any], beside: Beside) -> Corners:
        """The concave envelope of the points and of one more, in each of B draws, from weights [B, n]."""
        return point_corners(self.cost, self.utility, weights, beside)


@dataclass(frozen=True, kw_only=True, eq=False)
class Draws:
    """Weights of n instances in B draws, with the cost range of each draw.

    :param weights: uint16 [B, n], how often an instance was drawn; stratified by dataset.
    :param ranges: the cost range of each draw; some may be without width.
    """

    weights: NDArray[np.uint16]
    ranges: CostRanges

    @property
    def measurable(self) -> NDArray[np.bool_]:
        """[B] whether the cheapest model is cheaper than the dearest in a draw, so that there is a range."""
        return self.ranges.high > self.ranges.low

    @property
    def left_out(self) -> int:
        """How many draws have no range to measure on."""
        return int(np.count_nonzero(~self.measurable))


def draw(
    utility: Floats, cost: Floats, datasets: Sequence[str], singles: SingleModels, *, draws: int = 1000, seed: int = 0
) -> Draws:
    """Resamples the instances with replacement within each dataset.

    The stream of a dataset depends on its name, its size and the seed alone, so two runs on the same test set draw the
    same, and a dataset is drawn alike on its own and within a mixture.

    :param utility: [n, K] true utilities of the test instances, in canonical order.
    :param cost: [n, K] true costs.
    :param datasets: n names, one per instance.
    """
    weights = np.zeros((draws, len(utility)), dtype=np.uint16)
    names = np.array(datasets)
    for name in dict.fromkeys(datasets):
        rows = np.flatnonzero(names == name)
        stream = np.random.default_rng(_entropy(f"{seed}:{name}:{len(rows)}"))
        for b in range(draws):
            weights[b, rows] = np.bincount(stream.integers(0, len(rows), len(rows)), minlength=len(rows))
    columns = np.stack(
        [
            cost[:, singles.cheapest],
            cost[:, singles.dearest],
            utility[:, singles.cheapest],
            cost[:, singles.best],
            utility[:, singles.best],
        ],
        axis=1,
    )  # [n, 5]
    means = np.array([(row[:, None] * columns).sum(axis=0) / row.sum() for row in weights]).reshape(draws, 5)
    low, high, floor, best_cost, best_utility = means.T
    ranges = CostRanges(low=low, high=high, floor=floor, best_cost=best_cost, best_utility=best_utility)
    return Draws(weights=weights, ranges=ranges)


def drawn_frontiers(policy: Operating, draws: Draws) -> Frontier:
    """The frontier of each draw, [B, k] knots; those of draws that are not `measurable` mean nothing."""
    found = policy.corners(draws.weights, (draws.ranges.low, draws.ranges.floor))
    return frontiers(found.draw, found.cost, found.utility, draws.ranges)


def metric_draws(policies: Sequence[Operating], draws: Draws) -> dict[str, Floats]:
    """[B] per metric that is read off a frontier: the figure of each draw, averaged over the policies (one per seed).

    NaN stands where a draw has no range, or a metric no figure.
    """
    figures = [_figures(policy, draws) for policy in policies]
    return {
        name: np.where(draws.measurable, np.mean([one[name] for one in figures], axis=0), np.nan) for name in figures[0]
    }


def _figures(policy: Operating, draws: Draws) -> dict[str, Floats]:
    """[B] per metric; a few draws at a time where frontiers are long, as the oracle's on a large table."""
    together = max(1, _CORNERS // len(policy.curve().cost))
    read = []
    for begin in range(0, len(draws.weights), together):
        rows = slice(begin, begin + together)
        ranges = CostRanges(**{name: ends[rows] for name, ends in vars(draws.ranges).items()})
        read.append(read_off(drawn_frontiers(policy, Draws(weights=draws.weights[rows], ranges=ranges)), ranges))
    return {name: np.concatenate([figures[name] for figures in read]) for name in read[0]}


def interval(values: Floats) -> tuple[float, float] | None:
    """The percentile interval of [B] draws, NaN draws left out; None where none is left.

    Quantiles are values that occurred (`inverted_cdf`), so that infinity is a value like others.
    """
    known = values[~np.isnan(values)]
    if len(known) == 0:
        return None
    low, high = np.quantile(known, TAILS, method="inverted_cdf")
    return float(low), float(high)


def _entropy(tag: str) -> int:
    return int.from_bytes(blake2b(tag.encode(), digest_size=16).digest(), "big")
