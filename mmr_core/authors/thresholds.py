"""The operating points of the authors' threshold sweep, without a loop over its thresholds.

Their program tries every predicted cost C as a cap: each instance takes the model of highest predicted utility
among those predicted to cost at most C (ties: the lowest index), or model 0 if there is none. A table of 8,296 x 10 has
some 83,000 such caps. Only points on the Pareto front matter afterwards, so one pass over sorted events gives all
points approximately, with bounds on the rounding error; points that those bounds cannot rule out are then averaged
exactly as the loop would average them. The result is bit for bit that of the loop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
RowMeans = Callable[[Floats], Floats]
"""Averages each row of a C-contiguous [m, n] array; its order of summation decides the last digits."""

_EPS = float(np.finfo(np.float64).eps)
_CELLS_AT_ONCE = 1 << 18
_NOTHING = -1


@dataclass(frozen=True, kw_only=True, eq=False)
class _Events:
    """The E moments at which an instance's choice changes, by rising threshold.

    :param instance: [E] whose choice changes.
    :param before: [E] the model it had, `_NOTHING` where no model was affordable until then.
    :param after: [E] the model it has from then on.
        Where models tie on cost, an instance may have several events at one threshold; the last decides.
    :param ends: [P] index of the last event of each of the P thresholds at which anything changes.
    """

    instance: Indices
    before: Indices
    after: Indices
    ends: Indices


@dataclass(frozen=True, kw_only=True, eq=False)
class _Interval:
    """[P] lower and upper bounds of a mean, as any order of summation computes it."""

    low: Floats
    high: Floats


def front_candidates(
    pred_utility: NDArray[Any],
    pred_cost: NDArray[Any],
    utility: Floats,
    cost: Floats,
    row_means: RowMeans,
) -> tuple[Floats, Floats]:
    """Points (mean cost, mean utility) of the sweep, including all those on its Pareto front.

    :param pred_utility, pred_cost: [n, K], finite, compared in the dtype they come in.
    :param utility, cost: [n, K], finite.
    :param row_means: how a mean over instances is computed.
    :return: cost [P] and utility [P] of the points kept, by rising threshold.
    """
    events = _choice_events(pred_utility, pred_cost)
    utility_bounds = _bounds(events, utility)
    cost_bounds = _bounds(events, cost)
    kept = _cheapest_of_plateaus(events, utility, cost_bounds) & ~_dominated(cost_bounds, utility_bounds)
    ends = events.ends[kept]
    return _exact_means(events, cost, ends, row_means), _exact_means(events, utility, ends, row_means)


def _choice_events(pred_utility: NDArray[Any], pred_cost: NDArray[Any]) -> _Events:
    order = np.argsort(pred_cost, axis=1, kind="stable")  # [n, K]
    _, ranks = np.unique(np.take_along_axis(pred_cost, order, axis=1), return_inverse=True)
    rank = ranks.reshape(order.shape)
    ladder = _ladder(np.take_along_axis(pred_utility, order, axis=1), order)
    previous = np.empty_like(ladder)
    previous[:, 0] = _NOTHING
    previous[:, 1:] = ladder[:, :-1]
    instance, step = np.nonzero(ladder != previous)
    by_rank = np.argsort(rank[instance, step], kind="stable")
    instance, step = instance[by_rank], step[by_rank]
    return _Events(
        instance=instance,
        before=previous[instance, step],
        after=ladder[instance, step],
        ends=np.flatnonzero(np.diff(rank[instance, step], append=_NOTHING)),
    )


def _ladder(utility: NDArray[Any], model: Indices) -> Indices:
    """[n, K] the choice once the s + 1 cheapest models are affordable."""
    ladder = np.empty_like(model)
    best, best_utility = model[:, 0], utility[:, 0]
    for step in range(model.shape[1]):
        ties = (utility[:, step] == best_utility) & (model[:, step] < best)
        better = (utility[:, step] > best_utility) | ties
        best = np.where(better, model[:, step], best)
        best_utility = np.where(better, utility[:, step], best_utility)
        ladder[:, step] = best
    return ladder


def _bounds(events: _Events, values: Floats) -> _Interval:
    """Where the mean of the chosen `values` lies after each threshold.

    Two running sums: the affordable choices from the cheap end, the fallbacks that are left from the dear end. In one
    sum, a fallback that is far dearer than everything else would eat the digits of the rest when it leaves.
    """
    n = len(values)
    first = events.before == _NOTHING
    gained = values[events.instance, events.after]
    lost = np.where(first, 0.0, values[events.instance, events.before])
    waiting = np.where(first, values[events.instance, 0], 0.0)
    chosen = np.cumsum(gained - lost)
    fallback = np.append(np.cumsum(waiting[::-1])[::-1][1:], 0.0)
    total = chosen + fallback
    # Each addition errs by half a unit in the last place of its result, and so did each difference before it.
    error = 2 * _EPS * (np.cumsum(np.abs(chosen)) + np.cumsum(np.abs(fallback)[::-1])[::-1] + np.abs(total))
    # The mean these bounds are compared with is a sum of n rounded additions itself.
    error += n * _EPS * np.abs(values).max(axis=1).sum()
    mean, slack = total[events.ends] / n, error[events.ends] / n
    return _Interval(low=mean - slack, high=mean + slack)


def _cheapest_of_plateaus(events: _Events, utility: Floats, cost: _Interval) -> NDArray[np.bool_]:
    """[P] whether a point may be the cheapest of those that have the very same utility on every instance.

    The mean utility of a run of such points is one and the same number, so that only the cheapest can be on the front.
    """
    held = np.where(events.before == _NOTHING, 0, events.before)
    moves = utility[events.instance, events.after] != utility[events.instance, held]
    moves_until = np.cumsum(moves)[events.ends]
    starts = np.flatnonzero(np.diff(moves_until, prepend=_NOTHING))
    run_length = np.diff(starts, append=len(moves_until))
    cheapest = np.minimum.reduceat(cost.high, starts)
    return np.asarray(cost.low <= np.repeat(cheapest, run_length))


def _dominated(cost: _Interval, utility: _Interval) -> NDArray[np.bool_]:
    """[P] whether some other point is certainly cheaper and certainly better."""
    by_cost = np.argsort(cost.high, kind="stable")
    best_so_far = np.maximum.accumulate(utility.low[by_cost])
    cheaper = np.searchsorted(cost.high[by_cost], cost.low, side="left")
    best_cheaper = np.where(cheaper > 0, best_so_far[np.maximum(cheaper, 1) - 1], -np.inf)
    return np.asarray(best_cheaper > utility.high)


def _exact_means(events: _Events, values: Floats, ends: Indices, row_means: RowMeans) -> Floats:
    """[P] means of the chosen `values` after the events `ends`, from the arrays of n values themselves."""
    means = np.empty(len(ends))
    gained = values[events.instance, events.after]
    current = values[:, 0].copy()
    rows = max(1, _CELLS_AT_ONCE // len(values))
    done = 0
    for start in range(0, len(ends), rows):
        block_ends = ends[start : start + rows]
        fresh = np.arange(done, block_ends[-1] + 1)
        block = np.tile(current, (len(block_ends), 1))  # [rows, n]
        columns, column = np.unique(events.instance[fresh], return_inverse=True)
        # The last event of an instance up to each row; where an instance has several in one row, the last stays.
        latest = np.full((len(block_ends), len(columns)), _NOTHING)
        latest[np.searchsorted(block_ends, fresh), column] = fresh
        latest = np.maximum.accumulate(latest, axis=0)
        block[:, columns] = np.where(latest == _NOTHING, current[columns], gained[latest])
        means[start : start + rows] = row_means(block)
        current = block[-1].copy()
        done = int(block_ends[-1]) + 1
    return means
