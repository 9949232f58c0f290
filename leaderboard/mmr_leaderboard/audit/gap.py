"""How much of what routing can gain an entry gains: the gap between the constant policy and the oracle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmr_core.numerics.metrics import FLAT, CostRange, Frontier, SingleModels, figure, frontier, nauc, skill
from mmr_core.runner.policies import Policy, Scored

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Gap:
    """The gap closed, 1 being the oracle's; None where the oracle gains nothing.

    :param overall: (nAUC - nAUC of constant) / (nAUC of the oracle - nAUC of constant), which is the skill.
    :param cost: USD per query, the mean cost of the most accurate single model.
    :param at_cost: at that cost, (utility - the constant policy's) / (the oracle's - the constant policy's), read off
        the three frontiers.
    """

    overall: float | None
    cost: float
    at_cost: float | None


def gap_closed(policy: Policy, constant: Policy, utility: Floats, cost: Floats, cost_scale: float) -> Gap:
    """The gap that a row closes.

    :param constant: the policy that predicts the training means for every query.
    :param utility, cost: [n, K] true test outcomes, cost in USD.
    """
    within = SingleModels.of(utility, cost).cost_range(utility, cost)
    lines = [_line(each, utility, cost, within) for each in (policy, constant, Scored(utility, cost / cost_scale))]
    areas = [nauc(line) for line in lines]
    heights = [float(np.interp(within.best_cost, line.cost, line.utility)) for line in lines]
    room = heights[2] - heights[1]
    return Gap(
        overall=figure(skill(*areas)),
        cost=within.best_cost,
        at_cost=None if room <= FLAT else (heights[0] - heights[1]) / room,
    )


def _line(policy: Policy, utility: Floats, cost: Floats, within: CostRange) -> Frontier:
    return frontier(*policy.operating(utility, cost).points(), within)
