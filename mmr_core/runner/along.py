"""A policy at every trade-off weight of the grid: what it costs and brings there, and which models it asks.

Frontiers need no grid, since every operating point is known exactly; shares of queries and single choices do, so that
they can be laid beside each other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmr_core.results import Along
from mmr_core.runner.policies import GRID, Decided, Policy, Scored

Floats = NDArray[np.float64]


def along_grid(policy: Policy, utility: Floats, cost: Floats, *, keep_choices: bool) -> Along | None:
    """The policy on true outcomes [n, K] at each of the g weights of `runner.policies.GRID`.

    Choices are kept where that is asked for and the policy draws no lots. None for a pooled policy: at one weight it
    has several operating points, and picking one of them by its outcome would be looking it up in the answers.
    """
    if isinstance(policy, Scored):
        return _chosen(choices(policy), utility, cost, keep_choices)
    if isinstance(policy, Decided):
        return _decided(policy, utility, cost, keep_choices)
    return None


def choices(policy: Scored) -> NDArray[np.int16]:
    """[g, n] what `sweep.choose` chooses at each weight, with one sort for all of them.

    The models of each query are put in the order in which ties are broken; the first best score is then the choice.
    """
    order = np.lexsort((-policy.pred_utility, policy.pred_cost), axis=1)  # [n, K]
    utility = np.take_along_axis(policy.pred_utility, order, axis=1)
    cost = np.take_along_axis(policy.pred_cost, order, axis=1)
    chosen = np.empty((len(GRID), len(order)), dtype=np.int16)
    everyone = np.arange(len(order))
    for g, weight in enumerate(GRID):
        score = weight * cost - utility if weight <= 1 else cost - utility / weight
        chosen[g] = order[everyone, score.argmin(axis=1)]
    return chosen


def _chosen(chosen: NDArray[np.int16], utility: Floats, cost: Floats, keep_choices: bool) -> Along:
    everyone = np.arange(len(utility))
    models = utility.shape[1]
    return Along(
        cost=np.array([cost[everyone, row].mean() for row in chosen]),
        utility=np.array([utility[everyone, row].mean() for row in chosen]),
        share=np.array([np.bincount(row, minlength=models) / len(everyone) for row in chosen]),
        choices=chosen if keep_choices else None,
    )


def _decided(policy: Decided, utility: Floats, cost: Floats, keep_choices: bool) -> Along:
    at = np.searchsorted(policy.trade_off, GRID, side="right") - 1  # [g]
    rows = policy.probabilities
    certain = all(((row == 0) | (row == 1)).all() for row in rows)
    return Along(
        cost=np.array([(row * cost).sum(axis=1).mean() for row in rows])[at],
        utility=np.array([(row * utility).sum(axis=1).mean() for row in rows])[at],
        share=np.array([row.mean(axis=0) for row in rows])[at],
        choices=np.array([row.argmax(axis=1) for row in rows], dtype=np.int16)[at]
        if keep_choices and certain
        else None,
    )
