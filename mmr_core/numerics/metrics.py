"""The paper's metrics of one router on one set of instances: nAUC, peak score, QNC, and what stands beside them.

All of them are read off the frontier p(c), the best utility that can be had at mean cost c, over the range between
the cheapest and the dearest single model (section 4.3). Pure numpy, no I/O, no knowledge of plugins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mmr_core.errors import DegenerateError
from mmr_core.numerics.envelope import concave_envelope, pareto_envelope

Floats = NDArray[np.float64]
Hull = Literal["concave", "pareto"]

REACHED = 1e-9
"""How far below the best single model a peak may stay and still count as reaching it, and a QNC of 1 be off."""

FLAT = 1e-12
"""The least distance between oracle and constant policy over which skill has a meaning."""


@dataclass(frozen=True, kw_only=True)
class CostRange:
    """What a frontier is measured against: means over the same instances.

    :param low: c_min, the mean cost of the cheapest single model.
    :param high: c_max, the mean cost of the dearest single model.
    :param floor: the mean utility of the cheapest single model, which anybody may always use.
    :param best_cost: c_best, the mean cost of the most accurate single model.
    :param best_utility: p_best, its mean utility.
    """

    low: float
    high: float
    floor: float
    best_cost: float
    best_utility: float


@dataclass(frozen=True, kw_only=True)
class SingleModels:
    """Which single models bound the cost axis and set the mark, by index; fixed on the full test set."""

    cheapest: int
    dearest: int
    best: int

    @classmethod
    def of(cls, utility: Floats, cost: Floats) -> SingleModels:
        """Chosen by means over [n, K] outcomes; ties: the more accurate cheapest, the cheaper best.

        :raises DegenerateError: with fewer than two models, no instance, or one cost for all models.
        """
        n, models = utility.shape
        if n == 0:
            raise DegenerateError("no complete instance to measure on")
        if models < 2:
            raise DegenerateError("one model leaves nothing to route", fix="give a table of two or more models")
        mean_cost, mean_utility = cost.mean(axis=0), utility.mean(axis=0)
        cheapest = int(np.lexsort((-mean_utility, mean_cost))[0])
        dearest = int(np.argmax(mean_cost))
        best = int(np.lexsort((mean_cost, -mean_utility))[0])
        if not mean_cost[dearest] > mean_cost[cheapest]:
            raise DegenerateError(f"all models cost the same on average ({mean_cost[cheapest]:g} USD)")
        return cls(cheapest=cheapest, dearest=dearest, best=best)

    def cost_range(self, utility: Floats, cost: Floats) -> CostRange:
        """The range on [n, K] outcomes."""
        return CostRange(
            low=float(cost[:, self.cheapest].mean()),
            high=float(cost[:, self.dearest].mean()),
            floor=float(utility[:, self.cheapest].mean()),
            best_cost=float(cost[:, self.best].mean()),
            best_utility=float(utility[:, self.best].mean()),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Frontier:
    """p(c) on [c_min, c_max]: a line through these points, costs ascending from c_min to c_max, never falling."""

    cost: Floats
    utility: Floats


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """The figures of one router. QNC is +infinity where the mark is not reached; None marks what has no meaning."""

    nauc: float
    nauc_log: float | None
    peak: float
    qnc: float


def frontier(cost: Floats, utility: Floats, within: CostRange, *, hull: Hull = "concave") -> Frontier:
    """The frontier of operating points and of the cheapest single model, restricted to the cost range.

    Points outside the range count too, since a mixture of two policies reaches every point between them (Eq. 6). Right
    of its peak the frontier is constant. `hull="pareto"` joins the Pareto points by lines instead.

    :param cost: [m] mean true costs of the operating points, in any order.
    :param utility: [m] their mean true utilities.
    :raises DegenerateError: if the range has no width.
    """
    if not within.high > within.low:
        raise DegenerateError(f"the cheapest and the dearest single model both cost {within.low:g} USD on average")
    envelope = concave_envelope if hull == "concave" else pareto_envelope
    corner_cost, corner_utility = envelope(np.append(cost, within.low), np.append(utility, within.floor))
    inside = (corner_cost > within.low) & (corner_cost < within.high)
    knots = np.concatenate(([within.low], corner_cost[inside], [within.high]))
    return Frontier(cost=knots, utility=np.interp(knots, corner_cost, corner_utility))


def measure(line: Frontier, within: CostRange) -> Metrics:
    """All metrics of one frontier."""
    return Metrics(nauc=nauc(line), nauc_log=nauc_log(line), peak=peak(line), qnc=qnc(line, within))


def nauc(line: Frontier) -> float:
    """Normalised area under the frontier, Eq. 7: the integral of p(c) dc over the width of the range."""
    area = np.diff(line.cost) @ (line.utility[1:] + line.utility[:-1]) / 2
    return float(area / (line.cost[-1] - line.cost[0]))


def nauc_log(line: Frontier) -> float | None:
    """Eq. 7 on a logarithmic cost axis: the integral of p(c) dc/c over ln(c_max / c_min); None where c_min is 0.

    On a piece [a, b] with x = (b - a) / a and L = log1p(x) the integral is p_a L + (p_b - p_a)(1 - L / x).
    """
    if line.cost[0] <= 0:
        return None
    left, rise = line.cost[:-1], np.diff(line.utility)
    x = np.diff(line.cost) / left
    log = np.log1p(x)
    area = line.utility[:-1] @ log + rise @ (1 - log / x)
    return float(area / np.log(line.cost[-1] / line.cost[0]))


def peak(line: Frontier) -> float:
    """The peak score P_s, Eq. 8: the greatest utility on the range."""
    return float(line.utility.max())


def qnc(line: Frontier, within: CostRange) -> float:
    """Quality-neutral cost, Eq. 9: the least cost at which p(c) reaches the best single model, over that model's cost.

    +infinity where the peak stays more than 1e-9 below; a ratio within 1e-9 of 1 is 1.
    """
    top = peak(line)
    if top < within.best_utility - REACHED:
        return float("inf")
    mark = min(within.best_utility, top)
    reached = int(np.argmax(line.utility >= mark))
    cost = line.cost[reached]
    if reached:
        below, rise = line.utility[reached - 1], line.utility[reached] - line.utility[reached - 1]
        share = (mark - below) / rise
        cost = line.cost[reached - 1] + share * (cost - line.cost[reached - 1])
    if within.best_cost == 0:
        return 1.0 if cost == 0 else float("inf")
    ratio = float(cost / within.best_cost)
    return 1.0 if abs(ratio - 1) <= REACHED else ratio


def skill(own: float, constant: float, oracle: float) -> float | None:
    """(nAUC - nAUC of the constant policy) / (nAUC of the cost-aware oracle - nAUC of the constant policy).

    0 is no better than ignoring the query, 1 is the oracle, below 0 is harm. None where the denominator is <= 1e-12.
    """
    room = oracle - constant
    return None if room <= FLAT else (own - constant) / room
