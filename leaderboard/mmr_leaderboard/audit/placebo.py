"""The placebo: a plugin refitted on permuted training outcomes can know nothing about queries, unless it brought it.

Outcomes are permuted within datasets, so a router may still learn which dataset a query belongs to and what is good
there on average. The rest is therefore read against the best that dataset-level constants can do, chosen in hindsight
by the test means themselves: a router that knows nothing about single queries can beat that only by luck.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmr_core.errors import DegenerateError
from mmr_core.numerics.bootstrap import Draws, interval, metric_draws
from mmr_core.numerics.metrics import CostRange, SingleModels, figure, frontier, nauc, skill
from mmr_core.runner.policies import Policy, Scored
from mmr_leaderboard.audit.excess import LIMITS, AuditLimits, Excess, beyond, permutation_test
from mmr_leaderboard.audit.frame import AuditFrame, representative_points

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class PlaceboTest:
    """The skill of a placebo.

    :param skill: (nAUC of the placebo - nAUC of the dataset constants) / (nAUC of the oracle - nAUC of the dataset
        constants); below 0 for a router that brings nothing along.
    :param low, high: its 95 % interval over the bootstrap draws.
    :param excess: the permutation test on the placebo's choices, which detects even a small part brought along.
    :param blocks: whether `low` or the excess is beyond its limit.
    """

    skill: float
    low: float
    high: float
    excess: Excess
    blocks: bool


def permuted_outcomes(utility: Floats, cost: Floats, datasets: Sequence[str], seed: int) -> tuple[Floats, Floats]:
    """The outcomes of the training split, whole rows permuted within each dataset.

    Models stay correlated, costs stay with their utilities, and missing outcomes stay together in a row.

    :param utility, cost: [n, K]; :param datasets: n names.
    """
    stream = np.random.default_rng(seed)
    names = np.array(datasets, dtype=str)
    order = np.arange(len(names))
    for name in np.unique(names):
        rows = np.flatnonzero(names == name)
        order[rows] = rows[stream.permutation(len(rows))]
    return utility[order], cost[order]


def dataset_constants(utility: Floats, cost: Floats, datasets: Sequence[str], cost_scale: float) -> Scored:
    """The policy that predicts for each query the mean outcomes of its dataset.

    :param utility, cost: [n, K], from which the means are taken.
    """
    names = np.array(datasets, dtype=str)
    expected, price = np.empty(utility.shape), np.empty(cost.shape)
    for name in np.unique(names):
        rows = names == name
        expected[rows], price[rows] = utility[rows].mean(axis=0), cost[rows].mean(axis=0)
    return Scored(expected, price / cost_scale)


@dataclass(frozen=True, kw_only=True, eq=False)
class PlaceboReference:
    """What every placebo of one board is read against, computed once.

    :param constant, oracle: nAUC of the dataset constants and of the cost-aware oracle.
    :param constant_draws, oracle_draws: [B] the same in each draw.
    """

    within: CostRange
    draws: Draws
    constant: float
    oracle: float
    constant_draws: Floats
    oracle_draws: Floats

    @classmethod
    def of(cls, frame: AuditFrame, draws: Draws) -> PlaceboReference:
        """The reference of one board.

        :param draws: of the frame's instances, from `mmr_core.numerics.bootstrap.draw`.
        """
        utility, cost, scale = frame.utility, frame.cost, frame.cost_scale
        within = SingleModels.of(utility, cost).cost_range(utility, cost)
        constant = _area([dataset_constants(utility, cost, frame.datasets, scale)], frame, within, draws)
        oracle = _area([Scored(utility, cost / scale)], frame, within, draws)
        return cls(
            within=within,
            draws=draws,
            constant=constant[0],
            oracle=oracle[0],
            constant_draws=constant[1],
            oracle_draws=oracle[1],
        )


def placebo_test(
    policies: Sequence[Policy], frame: AuditFrame, reference: PlaceboReference, *, limits: AuditLimits = LIMITS
) -> PlaceboTest:
    """Tests a router that was fitted on permuted training outcomes.

    :param policies: its answers on the test queries, one per placebo fit; nAUCs and choices are averaged over them.
    :raises DegenerateError: if the dataset constants are as good as the oracle.
    """
    own, own_draws = _area(policies, frame, reference.within, reference.draws)
    left = figure(skill(own, reference.constant, reference.oracle))
    bounds = interval(skill(own_draws, reference.constant_draws, reference.oracle_draws))
    if left is None or bounds is None:
        raise DegenerateError("the constants of the datasets are as good as the oracle", fix="nothing can be audited")
    points = [representative_points(policy, frame.utility, frame.cost).mean(axis=0) for policy in policies]
    excess = permutation_test(frame.unexplained(np.stack(points)), frame)
    return PlaceboTest(
        skill=left,
        low=bounds[0],
        high=bounds[1],
        excess=excess,
        blocks=bounds[0] > limits.placebo or beyond(excess, limits.permutation),
    )


def _area(policies: Sequence[Policy], frame: AuditFrame, within: CostRange, draws: Draws) -> tuple[float, Floats]:
    """nAUC, averaged over the policies, and [B] the same in each draw."""
    operating = [policy.operating(frame.utility, frame.cost) for policy in policies]
    own = float(np.mean([nauc(frontier(*points.points(), within)) for points in operating]))
    return own, metric_draws(operating, draws)["nauc"]
