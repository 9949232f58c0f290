"""The authors' three metrics of a router: nAUC, peak score and quality-neutral cost, by their definitions.

They differ slightly from the paper's and `mmr_core.numerics.metrics`: the area is taken over the router's own range of
costs, and the front is that of the thresholds their program tries. Means are summed in the same order as in that
program, because a tie decided in the last digit can add a point to the front and so change its range.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mmr_core.authors.thresholds import Floats, RowMeans, front_candidates
from mmr_core.errors import UsageError

RANDOM_POINTS = 50


@dataclass(frozen=True, kw_only=True)
class AuthorsMetrics:
    """What the authors report for a router.

    :param nauc: area under the router's Pareto front over the width of its range of costs; NaN if the front has
        fewer than two points.
    :param peak: P_s, the greatest mean utility of any point.
    :param qnc: cost of the cheapest point on the front that is as good as the best single model, over that model's
        cost; infinite if there is no such point, or if that model costs nothing.
    """

    nauc: float
    peak: float
    qnc: float


def authors_metrics(
    pred_utility: ArrayLike, pred_cost: ArrayLike, utility: ArrayLike, cost: ArrayLike
) -> AuthorsMetrics:
    """Scores any predictions as the authors' program scores its routers.

    Thresholds C are the sorted unique predicted costs. At each, an instance takes the model of highest predicted
    utility among those with a predicted cost of at most C (ties: the lowest index), or model 0 if there is none.

    :param pred_utility, pred_cost: [n, K]; compared in their own dtype, so that float32 predictions tie as float32.
    :param utility, cost: [n, K], the true ones.
    :raises UsageError: if shapes differ, there is no row or no model, or a number is NaN or infinite.
    """
    return _sweep(pred_utility, pred_cost, utility, cost, _one_after_another)


def authors_oracle(utility: ArrayLike, cost: ArrayLike) -> AuthorsMetrics:
    """Their oracle: the same sweep on the true values (whose means their program sums pairwise).

    :param utility, cost: [n, K].
    :raises UsageError: as `authors_metrics`.
    """
    return _sweep(utility, cost, utility, cost, _pairwise)


def authors_point_metrics(
    points_cost: ArrayLike, points_utility: ArrayLike, best_utility: float, best_cost: float
) -> AuthorsMetrics:
    """The metrics of given operating points.

    :param points_cost, points_utility: [P], mean true cost and mean true utility of each point, in any order.
    :param best_utility, best_cost: those of the best single model.
    :raises UsageError: if there is no point, lengths differ, or a number is NaN or infinite.
    """
    costs, utilities = _pareto(*_checked_points(points_cost, points_utility))
    width = float(costs[-1] - costs[0])
    nauc = float(_area(costs, utilities) / width) if width > 0 else math.nan
    reached = np.flatnonzero(utilities >= best_utility)
    qnc = float(costs[reached[0]] / best_cost) if len(reached) and best_cost > 0 else math.inf
    return AuthorsMetrics(nauc=nauc, peak=float(utilities[-1]), qnc=qnc)


def best_single(utility: ArrayLike, cost: ArrayLike) -> tuple[int, float, float]:
    """Index, mean utility and mean cost of the most accurate single model (ties: the first).

    :param utility, cost: [n, K].
    """
    # Column by column: over the rows of a [n, K] array numpy would sum in another order.
    accuracies = [float(np.mean(np.ascontiguousarray(column))) for column in np.asarray(utility, float).T]
    best = int(np.argmax(accuracies))
    return best, accuracies[best], float(np.mean(np.ascontiguousarray(np.asarray(cost, float)[:, best])))


def random_points(utility: ArrayLike, cost: ArrayLike, seed: int) -> tuple[Floats, Floats]:
    """The points of their random router: 50 draws of one model per instance from one generator.

    :param utility, cost: [n, K] of the test rows.
    :return: cost [50] and utility [50].
    :raises UsageError: if shapes differ or a number is NaN or infinite.
    """
    true_utility, true_cost = _checked_tables(utility=utility, cost=cost)
    n, models = true_utility.shape
    generator = np.random.default_rng(seed)
    choices = np.stack([generator.integers(0, models, n) for _ in range(RANDOM_POINTS)])  # [50, n]
    rows = np.arange(n)
    return _one_after_another(true_cost[rows, choices]), _one_after_another(true_utility[rows, choices])


def _sweep(
    pred_utility: ArrayLike, pred_cost: ArrayLike, utility: ArrayLike, cost: ArrayLike, row_means: RowMeans
) -> AuthorsMetrics:
    predicted_utility, predicted_cost, true_utility, true_cost = _checked_tables(
        pred_utility=pred_utility, pred_cost=pred_cost, utility=utility, cost=cost
    )
    true_utility, true_cost = np.asarray(true_utility, np.float64), np.asarray(true_cost, np.float64)
    points_cost, points_utility = front_candidates(
        predicted_utility, predicted_cost, true_utility, true_cost, row_means
    )
    _, best_utility, best_cost = best_single(true_utility, true_cost)
    return authors_point_metrics(points_cost, points_utility, best_utility, best_cost)


def _one_after_another(block: Floats) -> Floats:
    """Means of rows, summed from left to right: their routers average arrays of Python objects."""
    return np.asarray(np.cumsum(block, axis=1)[:, -1] / block.shape[1])


def _pairwise(block: Floats) -> Floats:
    """Means of rows in numpy's own order: their oracle averages arrays of float64."""
    return np.asarray(np.mean(block, axis=1))


def _pareto(costs: Floats, utilities: Floats) -> tuple[Floats, Floats]:
    """Points by (cost, -utility), kept where utility strictly rises."""
    order = np.lexsort((-utilities, costs))
    costs, utilities = costs[order], utilities[order]
    before = np.append(-np.inf, np.maximum.accumulate(utilities)[:-1])
    kept = utilities > before
    return costs[kept], utilities[kept]


def _area(costs: Floats, utilities: Floats) -> float:
    return float((np.diff(costs) * (utilities[1:] + utilities[:-1]) / 2.0).sum())


def _checked_points(points_cost: ArrayLike, points_utility: ArrayLike) -> tuple[Floats, Floats]:
    costs, utilities = np.asarray(points_cost, np.float64), np.asarray(points_utility, np.float64)
    if costs.ndim != 1 or costs.shape != utilities.shape or not len(costs):
        raise UsageError(
            f"expected two arrays of one shape [P], got {costs.shape} and {utilities.shape}",
            where="authors_point_metrics",
            fix="give one cost and one utility per point, for at least one point",
        )
    if not (np.isfinite(costs).all() and np.isfinite(utilities).all()):
        raise UsageError("a point is NaN or infinite", where="authors_point_metrics")
    return costs, utilities


def _checked_tables(**tables: ArrayLike) -> list[NDArray[Any]]:
    """Arrays [n, K] of one shape with finite numbers, in the dtypes they came in."""
    arrays = {name: np.asarray(table) for name, table in tables.items()}
    shapes = {array.shape for array in arrays.values()}
    shape = next(iter(shapes))
    if len(shapes) > 1 or len(shape) != 2 or 0 in shape:
        shown = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise UsageError(f"expected [n, K] arrays of one shape, got {shown}", where="authors_metrics")
    for name, array in arrays.items():
        if array.dtype.kind not in "fiub":
            raise UsageError(f"{name}: expected numbers, got dtype {array.dtype}", where="authors_metrics")
        wrong = np.argwhere(~np.isfinite(array))
        if len(wrong):
            row, column = wrong[0]
            raise UsageError(
                f"{name} is {array[row, column]} in row {row}, model {column}",
                where="authors_metrics",
                fix="fill missing values (fill_missing does it as the authors do)",
            )
    return list(arrays.values())
