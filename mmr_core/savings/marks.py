"""Compares routers with single models on the same bootstrap draws: at chosen points, and along the frontier.

A draw is a weight per instance (`bootstrap`), the same for routers and single models, so that a saving is a difference
in pairs. The frontier of each draw is that of the metrics: concave, with the cheapest single model, and read at cost
and utility of a single model in that draw.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mmr_core.numerics.bootstrap import Operating, drawn_frontiers
from mmr_core.numerics.metrics import frontier, height, qnc
from mmr_core.results import AIMS, Against, Aim, Chosen, Estimate, RouterSavings, RowKind, Single, estimate
from mmr_core.runner.measure import NO_VALIDATION, Yardstick
from mmr_core.runner.policies import Policy
from mmr_core.savings.operating import Asked, Point

Floats = NDArray[np.float64]

NOT_REACHED = "on validation, no operating point reaches the best single model"
FREE = "the single model costs nothing, so there is no ratio to its cost"


@dataclass(frozen=True, kw_only=True, eq=False)
class Marks:
    """The single models as marks, on the full test set and in each of B draws.

    :param yardstick: the test set, with its draws.
    :param shown: indices of the models that frontiers are read at, the best one first.
    """

    yardstick: Yardstick
    shown: tuple[int, ...]

    @property
    def best(self) -> int:
        """The index of the best single model."""
        return self.yardstick.singles.best

    @cached_property
    def utility(self) -> Floats:
        """[1 + B, K] mean utilities: the full test set, then each draw."""
        return self.means(self.yardstick.tested.utility)

    @cached_property
    def cost(self) -> Floats:
        """[1 + B, K] mean costs in USD."""
        return self.means(self.yardstick.tested.cost)

    def means(self, outcomes: Floats) -> Floats:
        """[1 + B, ...] means of [n, ...] over all instances, then over each draw."""
        weights = self.yardstick.sample.weights
        total = weights.sum(axis=1, dtype=np.float64)
        drawn = weights @ outcomes / (total[:, None] if outcomes.ndim > 1 else total)
        return np.concatenate([outcomes.mean(axis=0)[None], drawn])

    def singles(self) -> tuple[Single, ...]:
        """Every single model, from the most accurate down; of equals the cheaper first."""
        order = np.lexsort((self.cost[0], -self.utility[0]))
        return tuple(self._single(int(j)) for j in order)

    def _single(self, j: int) -> Single:
        model, same = self.yardstick.tested.models[j], j == self.best
        gain, ratio = self.utility[:, j] - self.utility[:, self.best], over(self.cost[:, j], self.cost[:, self.best])
        return Single(
            name=model.name,
            title=model.title,
            utility=told(self.utility[:, j]),
            gain=Estimate(value=0.0) if same else told(gain),
            cost=told(self.cost[:, j]),
            ratio=Estimate(value=1.0) if same else told(ratio, FREE),
        )


def measure_router(name: str, asked: Sequence[Asked], marks: Marks) -> RouterSavings:
    """A router, one policy per seed.

    :param asked: one per seed.
    """
    chosen = {aim: _chosen(aim, [(one.policy, one.points[aim]) for one in asked], marks) for aim in AIMS}
    return _measured(name, "router", [one.policy for one in asked], marks, chosen)


def measure_reference(name: str, marks: Marks) -> RouterSavings:
    """A reference row by its name."""
    return _measured(name, "reference", [marks.yardstick.references[name]], marks, {})


def told(values: Floats, reason: str = "") -> Estimate:
    """[1 + B] figures as an estimate: the first on all instances, the others of the draws; NaN is no figure."""
    value = None if np.isnan(values[0]) else float(values[0])
    return estimate(value, values[1:], reason)


def over(cost: Floats, of: Floats) -> Floats:
    """The ratio of two costs; infinity where the first is infinite, NaN where the second is 0 otherwise."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(of > 0, cost / of, np.where(np.isinf(cost), np.inf, np.nan))


def _measured(
    name: str, kind: RowKind, policies: Sequence[Policy], marks: Marks, chosen: Mapping[Aim, Chosen]
) -> RouterSavings:
    tested = marks.yardstick.tested
    operating = [policy.operating(tested.utility, tested.cost) for policy in policies]
    read = np.mean([_readings(points, marks) for points in operating], axis=0)  # [1 + B, marks, 2]
    return RouterSavings(
        name=name,
        kind=kind,
        chosen=chosen,
        against=tuple(_against(j, read[:, at, 0], read[:, at, 1], marks) for at, j in enumerate(marks.shown)),
        curve=operating[0].curve(),
    )


def _against(j: int, cost: Floats, utility: Floats, marks: Marks) -> Against:
    return Against(
        model=marks.yardstick.tested.models[j].name,
        cost=told(cost),
        ratio=told(over(cost, marks.cost[:, j]), FREE),
        utility=told(utility),
        gain=told(utility - marks.utility[:, j]),
    )


def _readings(operating: Operating, marks: Marks) -> Floats:
    """[1 + B, marks, 2] of one policy: cost at each mark's utility, utility at its cost; NaN without a range."""
    within, sample = marks.yardstick.within, marks.yardstick.sample
    whole, drawn = frontier(*operating.points(), within), drawn_frontiers(operating, sample)
    result = np.empty((1 + len(sample.weights), len(marks.shown), 2))
    for at, j in enumerate(marks.shown):
        utility, cost = marks.utility[:, j], marks.cost[:, j]
        # With a best single model that costs 1, Eq. 9 is a cost, not a ratio.
        unit = np.ones_like(utility)
        result[0, at, 0] = qnc(whole, replace(within, best_cost=1.0, best_utility=float(utility[0])))
        result[1:, at, 0] = qnc(drawn, replace(sample.ranges, best_cost=unit[1:], best_utility=utility[1:]))
        result[0, at, 1] = height(whole, cost[0])
        result[1:, at, 1] = height(drawn, cost[1:])
    result[1:][~sample.measurable] = np.nan
    return result


def _chosen(aim: Aim, points: Sequence[tuple[Policy, Point | None]], marks: Marks) -> Chosen:
    """Utility and cost at the points chosen for one aim; nothing unless every seed has one."""
    tested = marks.yardstick.tested
    known = [(policy, point) for policy, point in points if point is not None]
    if len(known) < len(points):
        nothing = Estimate(value=None, reason=NOT_REACHED if aim == "cost" else NO_VALIDATION)
        return Chosen(
            trade_off=(),
            utility=nothing,
            gain=nothing,
            cost=nothing,
            ratio=nothing,
            validation_utility=None,
            validation_cost=None,
        )
    outcomes = [policy.outcome(point.trade_off, tested.utility, tested.cost) for policy, point in known]
    utility, cost = (marks.means(np.mean([outcome[i] for outcome in outcomes], axis=0)) for i in (0, 1))
    return Chosen(
        trade_off=tuple(point.trade_off for _, point in known),
        utility=told(utility),
        gain=told(utility - marks.utility[:, marks.best]),
        cost=told(cost),
        ratio=told(over(cost, marks.cost[:, marks.best]), FREE),
        validation_utility=float(np.mean([point.utility for _, point in known])),
        validation_cost=float(np.mean([point.cost for _, point in known])),
    )
