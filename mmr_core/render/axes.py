"""Decides what a frontier plot shows: the scale of the cost axis, and the range of utility that is worth the room.

Pure numbers, no drawing. One model may cost a thousand times as much as another, and the oracle may stand far above
every router; neither may squash what the reader came for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mmr_core.numerics.metrics import CostRange, Frontier

Floats = NDArray[np.float64]

LONG = 30.0
"""The ratio of dearest to cheapest above which the cost axis is logarithmic unless the caller says otherwise."""

_SAMPLES = 400

_ROOM_BELOW = 1.0
"""Single models down to this share of the routers' span below it are shown in place, lower ones at the edge."""

_LEAST = 0.02
"""The least range of utility that an axis shows: less would make differences out of rounding."""

_ROOM_ABOVE = 0.35
"""The oracle is shown whole if it rises at most this share of the span above everything else."""


@dataclass(frozen=True)
class CostAxis:
    """The cost axis: `log` from `low` to `high`; `symlog` where the low end is 0, linear below `threshold`."""

    scale: Literal["linear", "log", "symlog"]
    low: float
    high: float
    threshold: float

    @classmethod
    def choose(cls, within: CostRange, costs: Sequence[float], log_cost: bool | None) -> CostAxis:
        """The axis for a cost range, given the single models' costs; None takes a long axis logarithmic."""
        smallest = min((cost for cost in costs if cost > 0), default=within.high)
        wanted = within.high / smallest > LONG if log_cost is None else log_cost
        if not wanted:
            pad = 0.03 * (within.high - within.low)
            return cls("linear", within.low - pad, within.high + pad, smallest)
        if within.low > 0:
            pad = (within.high / within.low) ** 0.03
            return cls("log", within.low / pad, within.high * pad, smallest)
        return cls("symlog", -0.2 * smallest, within.high * 1.4, smallest)

    @property
    def has_decades(self) -> bool:
        """Whether there are powers of ten enough to label the axis with."""
        return self.scale == "symlog" or (self.scale == "log" and self.high / self.low > LONG)

    @property
    def ticks(self) -> list[float] | None:
        """Where a symlog axis has its ticks; None leaves it to matplotlib."""
        if self.scale != "symlog":
            return None
        decades = range(math.ceil(math.log10(self.threshold)), math.floor(math.log10(self.high)) + 1)
        return [0.0, *(10.0**decade for decade in decades)]

    def samples(self, line: Frontier) -> tuple[Floats, Floats]:
        """The frontier at enough costs that its straight pieces bend as this axis bends them."""
        low, high = line.cost[0], line.cost[-1]
        if self.scale == "linear":
            return line.cost, line.utility
        start = low if low > 0 else self.threshold / 100
        costs = np.unique(np.concatenate([line.cost, np.geomspace(start, high, _SAMPLES)]))
        costs = costs[(costs >= low) & (costs <= high)]
        return costs, np.interp(costs, line.cost, line.utility)


@dataclass(frozen=True)
class UtilityAxis:
    """The utility axis, and whether the oracle leaves it at the top."""

    low: float
    high: float
    oracle_leaves: bool

    @classmethod
    def choose(cls, lines: Sequence[Frontier], points: Sequence[float], oracle: Frontier | None) -> UtilityAxis:
        """The range for the frontiers of routers and of the constant policy.

        :param points: utilities of single models and other points.
        """
        core = np.concatenate([line.utility for line in lines] or [np.asarray(points, dtype=np.float64)])
        peak = None if oracle is None else float(oracle.utility.max())
        bottom, top, leaves = worth_showing(core, points, peak)
        pad = max(0.05 * (top - bottom), (_LEAST - (top - bottom)) / 2)
        return cls(low=bottom - pad, high=top + pad, oracle_leaves=leaves)


def worth_showing(core: Floats, points: Sequence[float], peak: float | None) -> tuple[float, float, bool]:
    """The range, bottom and top, that shows what matters; and whether a bound leaves it at the top.

    :param core: what is shown in any case, such as routers.
    :param points: shown in place unless they lie far below.
    :param peak: the highest of a bound such as the oracle, shown unless it lies far above.
    """
    bottom, top = float(core.min()), float(max(core.max(), max(points, default=-np.inf)))
    span = max(top - bottom, 1e-3)
    bottom = min([bottom, *(point for point in points if point >= bottom - _ROOM_BELOW * span)])
    highest = top if peak is None else peak
    if highest > top + _ROOM_ABOVE * span:
        return bottom, top + 0.12 * (top - bottom), True
    return bottom, max(top, highest), False
