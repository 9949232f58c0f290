"""Every operating point that a trade-off weight or a budget can reach, exactly and without a grid.

For one instance the scores u^_j - lambda c^_j are K lines in lambda; as lambda grows, the choice walks down their upper
envelope. Each step of a walk is an event: at this lambda the mean cost and utility change by so much. All events of
all instances, sorted once and added up, are the whole curve. Budgets work alike: as the cap rises, the choice walks
up through the models that become affordable.

Pure numpy. `metrics` reads the curves, `bootstrap` reweights the events, and `runner` calls both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmr_core.errors import DataError, DegenerateError
from mmr_core.numerics.envelope import pareto_rows
from mmr_core.numerics.reweighting import Beside, Corners, step_corners
from mmr_core.numerics.summation import running_sum, two_product
from mmr_core.numerics.walks import as_lines, cheapest, dearest, next_better, next_cheaper, steps, walk

Floats = NDArray[np.float64]
Pairs = NDArray[np.complex128]

TOGETHER = 1e-12
"""Relative difference up to which two trade-off weights are one: k-means and k-nn means tie up to rounding."""

MOST_MODELS = np.iinfo(np.int16).max
"""Models are counted in 16 bits."""


@dataclass(frozen=True, kw_only=True, eq=False)
class OperatingCurve:
    """The operating points of one router, from lambda = 0 upwards.

    :param trade_off: [m] ascending; a point holds from its trade_off up to the next one; trade_off[0] is 0.
    :param cost: [m] mean true cost, in the unit of the costs given.
    :param utility: [m] mean true utility.
    """

    trade_off: Floats
    cost: Floats
    utility: Floats

    def pareto(self) -> OperatingCurve:
        """Its Pareto front: the points that no cheaper point matches in utility, ascending in cost and utility."""
        rows = pareto_rows(self.cost, self.utility)
        return OperatingCurve(trade_off=self.trade_off[rows], cost=self.cost[rows], utility=self.utility[rows])


@dataclass(frozen=True, kw_only=True, eq=False)
class BudgetCurve:
    """The operating points of one router, from no budget upwards.

    :param budget: [m] ascending caps on predicted cost; a point holds from its cap up to the next one. budget[0] is
        minus infinity: nothing is affordable, and every query goes to the model of lowest predicted cost.
    :param cost: [m] mean true cost.
    :param utility: [m] mean true utility.
    """

    budget: Floats
    cost: Floats
    utility: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class Events:
    """The sorted steps of all walks, from which a curve follows for any weights of the instances.

    Points are counted from the cheap end: point 0 is the base, point g the state after the first g groups of events.

    :param level: [m] where each point begins: the trade-off weight, or the budget.
    :param ends: [m - 1] how many events have happened at points 1 to m - 1.
    :param instance: [e] the instance of each event, in the order in which events add up.
    :param change: complex [e], the change in true cost (real part) and in true utility (imaginary part).
    :param rest: [e] what rounding left of the change in cost: an event may take a cost of 1e6 for one of 1e-12.
    :param base: complex [n], each instance's true cost and true utility at the cheap end, alike.
    """

    level: Floats
    ends: NDArray[np.intp]
    instance: NDArray[np.int32]
    change: Pairs
    rest: Floats
    base: Pairs

    def points(self, weights: Floats | None = None) -> tuple[Floats, Floats]:
        """Mean cost and mean utility, [m] each, of the points in the order of `level`.

        :param weights: [n] >= 0, not all zero; one per instance; equal weights where None.
        :raises DataError: if the weights are not of that kind.
        """
        return self._means(weights, self._places())

    def curve(self, weights: Floats | None = None) -> OperatingCurve:
        """`points` with their trade-off weights, from lambda = 0 upwards; for events of `lambda_events`."""
        mean_cost, mean_utility = self._means(weights, self._places()[::-1])
        return OperatingCurve(trade_off=self.level[::-1].copy(), cost=mean_cost, utility=mean_utility)

    def _places(self) -> NDArray[np.intp]:
        """[m] where each point stands among the instances' base outcomes followed by all events."""
        return len(self.base) - 1 + np.append(0, self.ends)

    def _means(self, weights: Floats | None, places: NDArray[np.intp]) -> tuple[Floats, Floats]:
        n = len(self.base)
        # The instances' base outcomes come first, so that the first point stands after the last of them.
        cost = np.concatenate([self.base.real, self.change.real])
        utility = np.concatenate([self.base.imag, self.change.imag])
        errors = np.append(np.zeros(n), self.rest)
        total = float(n)
        if weights is not None:
            weights = _checked_weights(weights, n)
            total = weights.sum()
            of_event = np.append(weights, weights[self.instance])
            cost, lost = two_product(cost, of_event)
            errors = errors * of_event + lost
            utility *= of_event
        mean_cost = running_sum(cost, errors)[places]
        mean_utility = utility.cumsum(out=utility)[places]
        mean_cost /= total
        mean_utility /= total
        return mean_cost, mean_utility

    def corners(self, weights: NDArray[Any], beside: Beside) -> Corners:
        """The concave envelope of the points and of one more, in each of B draws.

        :param weights: [B, n] >= 0, none of them all zero.
        :param beside: [B] cost and [B] utility of the other point.
        """
        change, base = ((pairs.real.copy(), pairs.imag.copy()) for pairs in (self.change, self.base))
        return step_corners(self.instance, change, base, self.ends, weights, beside)


def lambda_sweep(
    pred_utility: NDArray[Any],
    pred_cost: NDArray[Any],
    utility: NDArray[Any],
    cost: NDArray[Any],
    weights: NDArray[Any] | None = None,
) -> OperatingCurve:
    """Every operating point that any lambda in [0, infinity) can reach (Eqs. 3, S7).

    The choice is argmax_j of pred_utility - lambda * pred_cost. At lambda = 0 equal utilities go to the lower predicted
    cost, then to the lower index; at a breakpoint the cheaper model wins, and collinear lines jump to the lowest cost.

    >>> utility, cost = np.array([[1.0, 0.5], [0.75, 0.5]]), np.array([[4.0, 2.0], [4.0, 2.0]])  # [n, K]
    >>> curve = lambda_sweep(utility, cost, utility, cost)  # query 2 takes the cheaper model at 0.125, query 1 at 0.25
    >>> curve.trade_off.tolist(), curve.cost.tolist(), curve.utility.tolist()
    ([0.0, 0.125, 0.25], [4.0, 3.0, 2.0], [0.875, 0.75, 0.5])

    :param pred_utility: [n, K], finite.
    :param pred_cost: [n, K], finite, in any unit; lambda is per unit of it.
    :param utility: [n, K] true utilities.
    :param cost: [n, K] true costs.
    :param weights: [n], one per instance, for a bootstrap draw.
    :raises DataError: if shapes differ or a number is not finite.
    :raises DegenerateError: if there is no instance or no model.
    """
    events = lambda_events(pred_utility, pred_cost, utility, cost)
    return events.curve(None if weights is None else np.asarray(weights, dtype=np.float64))


def budget_sweep(
    pred_utility: NDArray[Any],
    pred_cost: NDArray[Any],
    utility: NDArray[Any],
    cost: NDArray[Any],
    weights: NDArray[Any] | None = None,
) -> BudgetCurve:
    """Every operating point that a cap C on the predicted cost of each query can reach.

    The choice is the highest predicted utility among models with pred_cost <= C (ties: the lower predicted cost, then
    the lower index); where nothing is affordable, the lowest predicted cost.

    >>> utility, cost = np.array([[1.0, 0.5], [0.75, 0.5]]), np.array([[4.0, 2.0], [3.0, 2.0]])  # [n, K]
    >>> curve = budget_sweep(utility, cost, utility, cost)  # at 3 query 2 can have the better model, at 4 both can
    >>> curve.budget.tolist(), curve.cost.tolist(), curve.utility.tolist()
    ([-inf, 3.0, 4.0], [2.0, 2.5, 3.5], [0.5, 0.625, 0.875])

    Parameters and errors as in `lambda_sweep`: four arrays [n, K], and weights [n].
    """
    events = budget_events(pred_utility, pred_cost, utility, cost)
    mean_cost, mean_utility = events.points(None if weights is None else np.asarray(weights, dtype=np.float64))
    return BudgetCurve(budget=events.level, cost=mean_cost, utility=mean_utility)


def choose(pred_utility: NDArray[Any], pred_cost: NDArray[Any], trade_off: float) -> NDArray[np.intp]:
    """[n] the model chosen at one lambda: argmax of pred_utility - lambda * pred_cost.

    Ties: lower cost, then higher utility, then lower index. At lambda = infinity only cost counts.

    >>> utility, cost = np.array([[1.0, 0.5], [0.75, 0.5]]), np.array([[4.0, 2.0], [4.0, 2.0]])  # [n, K]
    >>> [choose(utility, cost, trade_off).tolist() for trade_off in (0.0, 0.125, np.inf)]  # the tie goes to model 1
    [[0, 0], [0, 1], [1, 1]]

    :param pred_utility: [n, K], finite.
    :param pred_cost: [n, K], finite, in any unit; lambda is per unit of it.
    :param trade_off: lambda, at least 0.
    """
    utility, cost = np.asarray(pred_utility, dtype=np.float64), np.asarray(pred_cost, dtype=np.float64)
    # Scores are divided by lambda where that is large, so that no product overflows.
    score = trade_off * cost - utility if trade_off <= 1 else cost - utility / trade_off
    return np.asarray(np.lexsort((-utility, cost, score), axis=1)[:, 0], dtype=np.intp)


def choice_paths(pred_utility: NDArray[Any], pred_cost: NDArray[Any]) -> tuple[Floats, NDArray[np.int16]]:
    """The choices behind `lambda_sweep`, instance by instance, over all lambda in [0, infinity).

    Returns [n, m] where each choice begins, ascending from 0 and infinite behind the last one, and [n, m] the models.
    """
    lines = as_lines(pred_utility, pred_cost)
    models = [dearest(*lines).astype(np.int16)]
    levels = [np.zeros(len(models[0]))]
    for level, walkers, after in steps(lines, models[0], next_cheaper):
        levels.append(np.full(len(models[0]), np.inf))
        models.append(models[-1].copy())
        levels[-1][walkers], models[-1][walkers] = level, after
    return np.stack(levels, axis=1), np.stack(models, axis=1)


def lambda_events(
    pred_utility: NDArray[Any], pred_cost: NDArray[Any], utility: NDArray[Any], cost: NDArray[Any]
) -> Events:
    """The events behind `lambda_sweep`, from the same [n, K]; `level` descends from the largest breakpoint to 0."""
    arrays = _checked(pred_utility, pred_cost, utility, cost)
    walks = walk(arrays, start=dearest, step=next_cheaper)
    order, level = _ascending(walks.level)
    order, level = order[::-1].copy(), level[::-1].copy()
    ends = _group_ends(level[1:] < level[:-1] * (1 - TOGETHER), len(level))
    heads = level[np.append(0, ends[:-1])] if len(ends) else level
    # A breakpoint that underflows to 0 has already happened at lambda = 0.
    positive = np.count_nonzero(heads > 0)
    ends, heads = ends[:positive], heads[:positive]
    # Adding up runs from lambda = infinity to 0, so every event is taken back: the walk's end is the base.
    change, rest = walks.change.take(order), walks.rest.take(order)
    return Events(
        level=np.append(heads, 0.0),
        ends=ends,
        instance=walks.instance.take(order),
        change=np.negative(change, out=change),
        rest=np.negative(rest, out=rest),
        base=walks.last,
    )


def budget_events(
    pred_utility: NDArray[Any], pred_cost: NDArray[Any], utility: NDArray[Any], cost: NDArray[Any]
) -> Events:
    """The events behind `budget_sweep`, from the same [n, K]; `level` ascends from minus infinity."""
    arrays = _checked(pred_utility, pred_cost, utility, cost)
    walks = walk(arrays, start=cheapest, step=next_better)
    order = np.argsort(walks.level, kind="stable")
    level = walks.level[order]
    ends = _group_ends(level[1:] > level[:-1], len(level))
    return Events(
        level=np.append(-np.inf, level[ends - 1]),
        ends=ends,
        instance=walks.instance[order],
        change=walks.change[order],
        rest=walks.rest[order],
        base=walks.first,
    )


def _ascending(level: Floats) -> tuple[NDArray[np.intp], Floats]:
    """[e] the stable order of the levels, and [e] the levels in that order.

    The bits of floats >= 0 are in the order of the floats. With the place of an event in the last bits, one sort of
    whole numbers does instead of `argsort`, which takes longer; levels that differ in those bits only are sorted again.
    """
    bits = max(len(level) - 1, 0).bit_length()
    if bits > 26 or len(level) == 0 or level.min() < 0:
        order = np.argsort(level, kind="stable")
        return order, level[order]
    keys = (level + 0.0).view(np.int64)  # -0.0 becomes 0.0
    keys >>= bits
    keys <<= bits
    keys |= np.arange(len(level))
    keys.sort()
    order = keys & ((1 << bits) - 1)
    ascending = level.take(order)
    wrong = ascending[1:] < ascending[:-1]
    if wrong.any():
        keys >>= bits
        again = np.flatnonzero(np.isin(keys, keys[1:][wrong]))
        order[again] = order[again][np.lexsort((ascending[again], keys[again]))]
        ascending[again] = level[order[again]]
    return order, ascending


def _group_ends(begins_anew: NDArray[np.bool_], n: int) -> NDArray[np.intp]:
    """How many of n sorted events have happened at the end of each group; [n - 1] marks where a group begins."""
    return np.append(np.flatnonzero(begins_anew) + 1, n) if n else np.empty(0, dtype=np.intp)


def _checked(*arrays: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    names = ("pred_utility", "pred_cost", "utility", "cost")
    for name, array in zip(names, arrays, strict=True):
        if isinstance(array, np.ma.MaskedArray):
            raise DataError(f"{name} is a masked array", fix="leave out incomplete instances, and give plain arrays")
    given = [np.asarray(array) for array in arrays]
    shape = given[0].shape
    for name, array in zip(names, given, strict=True):
        if array.ndim != 2 or array.shape != shape:
            raise DataError(
                f"{name} has shape {array.shape} and pred_utility {shape}", fix="give four arrays of one shape [n, K]"
            )
        real = np.issubdtype(array.dtype, np.number) and not np.issubdtype(array.dtype, np.complexfloating)
        if not real and array.dtype != np.bool_:
            raise DataError(f"{name} holds {array.dtype}, not numbers", fix="give real numbers, such as float64")
        if not np.isfinite(array).all():
            row, column = np.argwhere(~np.isfinite(array))[0]
            raise DataError(f"{name}[{row}, {column}] is {array[row, column]}", fix="leave out incomplete instances")
    if 0 in shape:
        raise DegenerateError(f"expected at least one instance and one model, got shape {shape}")
    if shape[1] > MOST_MODELS:
        raise DataError(f"{shape[1]:,} models are too many", fix=f"give at most {MOST_MODELS:,}")
    return given[0], given[1], given[2], given[3]


def _checked_weights(weights: NDArray[Any], n: int) -> Floats:
    if weights.shape != (n,):
        raise DataError(f"weights: expected shape ({n},), got {weights.shape}", fix="give one weight per instance")
    if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        raise DataError("weights must be finite, not negative and not all zero", fix="check the weights given")
    return np.asarray(weights, dtype=np.float64)
