"""Several policies as one: whoever may use any of them may use every operating point that any of them reaches.

Section 3.2 of the paper pools the points of k-means with several numbers of clusters so, and reads one frontier off
them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmr_core.numerics.bootstrap import Operating
from mmr_core.numerics.reweighting import Beside, Corners
from mmr_core.numerics.sweep import OperatingCurve
from mmr_core.runner.policies import Policy

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Union:
    """The operating points of several policies on the same n instances, one after another."""

    parts: tuple[Operating, ...]

    def points(self, weights: Floats | None = None) -> tuple[Floats, Floats]:
        """Mean cost and mean utility, [m] each, of all parts."""
        return _joined([part.points(weights) for part in self.parts])

    def curve(self) -> OperatingCurve:
        """All points, by the trade-off weight of the part that each is of; not a path from cheap to dear."""
        curves = [part.curve() for part in self.parts]
        trade_off = np.concatenate([curve.trade_off for curve in curves])
        order = np.argsort(trade_off, kind="stable")
        return OperatingCurve(
            trade_off=trade_off[order],
            cost=np.concatenate([curve.cost for curve in curves])[order],
            utility=np.concatenate([curve.utility for curve in curves])[order],
        )

    def corners(self, weights: NDArray[Any], beside: Beside) -> Corners:
        return Corners.together([part.corners(weights, beside) for part in self.parts])


@dataclass(frozen=True, eq=False)
class Pooled:
    """The policy of several policies; at one trade-off weight it has as many points as parts, so no single outcome."""

    parts: tuple[Policy, ...]

    def operating(self, utility: Floats, cost: Floats) -> Union:
        return Union(parts=tuple(part.operating(utility, cost) for part in self.parts))

    def curve(self, utility: Floats, cost: Floats) -> OperatingCurve:
        return self.operating(utility, cost).curve()

    def outcome(self, trade_off: float, utility: Floats, cost: Floats) -> tuple[Floats, Floats]:
        """:raises TypeError: always."""
        raise TypeError("pooled policies have several outcomes at one trade-off weight")

    def take(self, rows: NDArray[Any]) -> Pooled:
        return Pooled(tuple(part.take(rows) for part in self.parts))


def _joined(points: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    return np.concatenate([cost for cost, _ in points]), np.concatenate([utility for _, utility in points])
