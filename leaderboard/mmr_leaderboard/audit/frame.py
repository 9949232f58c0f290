"""What every row of a board is audited against, computed once (odds, oracle choices, strata), and a row's choices.

The odds of a model on an instance follow from the auditor's features and then from how the *other* models fared on
that instance. The others' outcomes reveal much of the difficulty that the auditor's features miss, so a router with
richer features surprises less, while a choice copied from the recorded outcome of the chosen model still stands out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmr_core.errors import DataError, DegenerateError
from mmr_core.runner.policies import Policy, probabilities_of
from mmr_leaderboard.audit.crossfit import CrossFit, assign_folds

Floats = NDArray[np.float64]

POINTS = 5
"""How many operating points represent a row."""

LEAST_ODDS = 0.1
"""Floor of the odds: one lucky hit on a hopeless model must not outweigh a whole row."""

LEAST_INSTANCES = 50
"""Fewer test instances are not audited, because nothing would follow."""

STRATUM = 80
MOST_BINS = 10
"""Instances per stratum, about; and the most strata of a dataset."""


@dataclass(frozen=True, kw_only=True, eq=False)
class AuditFrame:
    """The test split of one board, prepared for the audits. n instances, K models.

    :param datasets: n names.
    :param utility: [n, K] in [0, 1]; :param cost: [n, K] in USD.
    :param cost_scale: USD, by which costs are divided where a trade-off weight meets them.
    :param regression: the auditor's features, ready to explain any row's choices.
    :param odds: [n, K] cross-fitted expectation of utility from features and the other models' outcomes.
    :param surprise: [n, K] (utility - odds) / max(odds, 0.1), centred within the instance.
    :param oracle: [n, K] one-hot, the model of greatest utility; ties: the cheapest, then the first.
    :param oracle_unexplained: [n, K], the part of the oracle's choices that the features do not explain.
    :param strata: int [n], dataset x bins of the mean utility that the features predict.
    """

    datasets: tuple[str, ...]
    utility: Floats
    cost: Floats
    cost_scale: float
    regression: CrossFit
    odds: Floats
    surprise: Floats
    oracle: Floats
    oracle_unexplained: Floats
    strata: NDArray[np.intp]

    @classmethod
    def of(
        cls,
        *,
        ids: Sequence[str],
        datasets: Sequence[str],
        features: NDArray[np.floating],
        utility: Floats,
        cost: Floats,
        cost_scale: float,
    ) -> AuditFrame:
        """Builds the frame, which does not depend on the order of the rows.

        :param ids: n names, unique within a dataset.
        :param features: [n, d], the auditor's features of the test queries.
        :raises DataError: if shapes differ or a number is not finite.
        :raises DegenerateError: with fewer than 50 instances or two models, or if no model is ever better.
        """
        arrays = {"features": np.asarray(features, dtype=np.float64), "utility": utility, "cost": cost}
        _demand(arrays, len(ids), len(datasets))
        groups = np.unique(np.array(datasets, dtype=str), return_inverse=True)[1].astype(np.intp)
        folds = assign_folds(ids, groups)
        regression = CrossFit.of(arrays["features"], groups, folds, utility)
        expected = regression.predict(utility)
        odds = _odds_given_others(utility, expected, groups, folds)
        surprise = (utility - odds) / np.maximum(odds, LEAST_ODDS)
        oracle = best_and_cheapest(utility, cost)
        return cls(
            datasets=tuple(datasets),
            utility=utility,
            cost=cost,
            cost_scale=cost_scale,
            regression=regression,
            odds=odds,
            surprise=surprise - surprise.mean(axis=1, keepdims=True),
            oracle=oracle,
            oracle_unexplained=oracle - regression.predict(oracle),
            strata=_strata(groups, expected.mean(axis=1)),
        )

    def __len__(self) -> int:
        return len(self.datasets)

    def unexplained(self, probabilities: Floats) -> Floats:
        """[n, K]: a row's mean choice probabilities, minus the part that the features alone explain.

        :param probabilities: [m, n, K] at m operating points.
        """
        mean: Floats = probabilities.mean(axis=0)
        return mean - self.regression.predict(mean)


def representative_points(policy: Policy, utility: Floats, cost: Floats, points: int = POINTS) -> Floats:
    """[m, n, K]: the choice probabilities at up to `points` operating points, cheapest first.

    The points are those nearest to costs spaced evenly between the row's cheapest and dearest; fewer if the row has
    fewer.

    :param utility: [n, K] true utilities; :param cost: [n, K] true costs.
    :raises TypeError: if the policy has no single decision at a trade-off weight.
    """
    mean_cost = policy.curve(utility, cost).cost
    targets = np.linspace(mean_cost.min(), mean_cost.max(), points)
    nearest = np.abs(mean_cost[None, :] - targets[:, None]).argmin(axis=1)
    return _at(policy, nearest[np.sort(np.unique(nearest, return_index=True)[1])], utility, cost)


def _at(policy: Policy, indices: NDArray[np.intp], utility: Floats, cost: Floats) -> Floats:
    weights = policy.curve(utility, cost).trade_off[indices]
    return np.stack([probabilities_of(policy.decisions_at(float(w)), utility.shape[1]) for w in weights])


def best_and_cheapest(utility: Floats, cost: Floats) -> Floats:
    """[n, K] one-hot: the model of greatest utility; ties: the cheapest, then the first."""
    index = np.broadcast_to(np.arange(utility.shape[1]), utility.shape)
    return np.asarray(np.eye(utility.shape[1])[np.lexsort((index, cost, -utility), axis=1)[:, 0]], dtype=np.float64)


def _odds_given_others(utility: Floats, expected: Floats, groups: NDArray[np.intp], folds: NDArray[np.intp]) -> Floats:
    """[n, K]: each model's expected utility, given the features and how the other models fared."""
    odds = np.empty(utility.shape)
    for model in range(utility.shape[1]):
        others = np.delete(utility, model, axis=1)
        ease, own = others.mean(axis=1, keepdims=True), expected[:, [model]]
        known = np.hstack([expected, others, np.square(ease), ease * own, np.square(own)])
        target = utility[:, [model]]
        odds[:, [model]] = CrossFit.of(known, groups, folds, target).predict(target)
    return np.clip(odds, 0.0, 1.0)


def _strata(groups: NDArray[np.intp], expected: Floats) -> NDArray[np.intp]:
    strata = np.empty(len(groups), dtype=np.intp)
    begun = 0
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        bins = int(np.clip(len(rows) // STRATUM, 1, MOST_BINS))
        rank = np.argsort(np.argsort(expected[rows], kind="stable"), kind="stable")
        strata[rows] = begun + rank * bins // len(rows)
        begun += bins
    return strata


def _demand(arrays: dict[str, Floats], ids: int, datasets: int) -> None:
    n, models = arrays["utility"].shape
    for name, array in arrays.items():
        due = (n, array.shape[1] if array.ndim == 2 and name == "features" else models)
        if array.shape != due:
            raise DataError(f"{name}: expected shape {due}, got {array.shape}")
        if not np.isfinite(array).all():
            raise DataError(f"{name} has values that are not finite", fix="audit the complete test instances")
    if (ids, datasets) != (n, n):
        raise DataError(f"{ids} ids and {datasets} datasets for {n} instances")
    if n < LEAST_INSTANCES or models < 2:
        raise DegenerateError(f"{n} instances and {models} models are too few to audit")
    if not (np.ptp(arrays["utility"], axis=1) > 0).any():
        raise DegenerateError("all models have the same utility everywhere, so no choice can be right against the odds")
