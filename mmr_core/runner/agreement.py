"""Whether two answers of one router about the same queries are the same.

Numbers may differ by rounding: sums over a batch of another size round otherwise. What counts is decisions, and they
are compared wherever scoring reads them: those of a scoring router at every trade-off weight in [0, infinity], query by
query, those of a policy router at every weight of the grid. Nothing depends on the unit of costs or of utilities. The
leaderboard judges what it runs again by this rule, and `mmr_core.testing` what an author is building.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmr_core.numerics.sweep import TOGETHER, choice_paths
from mmr_core.runner.policies import GRID, Floats, Policy, Scored, probabilities_of

MARGIN = 1e-6
"""A decision has clearly changed if the lead of one model over the other moved by more than this, relative to the
largest terms of the query's scores: float32 sums differ by as much between batches."""

UNCLEAR_QUERIES, UNCLEAR_SHARE = 2, 0.01
"""Decisions that changed, but not clearly, count once they are more than so many and this share of the queries at one
weight: rounding moves breakpoints of single queries a little, and a router that hides a message in the last digits of
its predictions changes many decisions at once."""

PROBABILITY = 1e-5
"""How far the probabilities of a policy router may move."""

INTERVALS = 64
"""At how many weights within its curve `flips` looks at a scoring router, besides 0 and infinity."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Compared:
    """How many queries were compared, and for how many of them a decision changed."""

    compared: int = 0
    changed: int = 0

    def __add__(self, other: Compared) -> Compared:
        return Compared(compared=self.compared + other.compared, changed=self.changed + other.changed)


def compare(first: Policy, second: Policy) -> Compared:
    """Compares two answers about the same queries in the same order, at every weight.

    A query has changed if any of its decisions has. A router that predicts in one answer and decides in the other has
    changed every query.

    :raises ValueError: if they are about different numbers of queries.
    """
    n, _ = first.shape
    if type(first) is not type(second):
        return Compared(compared=n, changed=n)
    _demand_same_queries(first, second)
    if isinstance(first, Scored) and isinstance(second, Scored):
        clear, unclear = _changed_paths(first, second)
        return Compared(compared=n, changed=clear + (unclear if unclear > UNCLEAR_QUERIES + UNCLEAR_SHARE * n else 0))
    changed = np.logical_or.reduce([_different(first, second, float(weight)) for weight in GRID])
    return Compared(compared=n, changed=int(changed.sum()))


def flips(first: Policy, second: Policy) -> Compared:
    """How many decisions flip between two answers at the one weight where most do.

    A scoring router is read at 0, at infinity, and in the middle of intervals between its own breakpoints, spread
    evenly over all of them.

    :raises ValueError: if they are about different numbers of queries.
    """
    n, _ = first.shape
    if type(first) is not type(second):
        return Compared(compared=n, changed=n)
    _demand_same_queries(first, second)
    weights = GRID
    if isinstance(first, Scored) and isinstance(second, Scored):
        weights = _spread_weights(first, second)
    return Compared(compared=n, changed=max(int(_different(first, second, float(w)).sum()) for w in weights))


def identical(first: Policy, second: Policy) -> bool:
    """Whether two answers agree in every bit of every number."""
    one, other = first.arrays, second.arrays
    return type(first) is type(second) and len(one) == len(other) and all(map(np.array_equal, one, other))


def _demand_same_queries(first: Policy, second: Policy) -> None:
    if first.shape != second.shape:
        raise ValueError(f"answers of shapes {first.shape} and {second.shape} are about different queries")


def _changed_paths(first: Scored, second: Scored) -> tuple[int, int]:
    """How many queries are clearly decided otherwise at any weight, and how many others are at one weight at once."""
    n, _ = first.shape
    paths = [choice_paths(answer.pred_utility, answer.pred_cost) for answer in (first, second)]
    edges = np.sort(np.concatenate([level for level, _ in paths], axis=1), axis=1)  # [n, s]
    edges = np.append(edges, np.full((n, 1), np.inf), axis=1)
    clear, everyone = np.zeros(n, dtype=np.bool_), np.arange(n)
    doubtful: list[tuple[NDArray[np.intp], Floats, Floats]] = []
    for begin, end in zip(edges.T[:-1], edges.T[1:], strict=True):
        one, other = (model[everyone, (level <= begin[:, None]).sum(axis=1) - 1] for level, model in paths)
        # narrower intervals are one operating point to scoring
        rows = np.flatnonzero((one != other) & (begin < np.inf) & (end > begin * (1 + TOGETHER)))
        begin, end = begin[rows], end[rows]
        moved = _moved(first, second, rows, (one[rows], other[rows]), (begin, end))
        clear[rows] |= moved > MARGIN
        doubtful.append((rows, begin, end))
    rows, begins, ends = (np.concatenate(parts) for parts in zip(*doubtful, strict=True))
    begins, ends = np.sort(begins[~clear[rows]]), np.sort(ends[~clear[rows]])
    begun = np.searchsorted(begins, begins, side="right")
    together = begun - np.searchsorted(ends, begins, side="right")
    return int(clear.sum()), int(together.max(initial=0))


def _moved(
    first: Scored,
    second: Scored,
    rows: NDArray[np.intp],
    pair: tuple[NDArray[Any], ...],
    interval: tuple[Floats, Floats],
) -> Floats:
    """[m] how far the lead of one model over the other moved between the answers, at most within each interval."""
    begin, end = interval
    most, everyone = np.zeros(len(rows)), np.arange(len(rows))
    middle = np.where(np.isinf(end), 2 * begin + (begin == 0), begin / 2 + end / 2)
    for weight in (begin, middle, end):
        of_utility = 1 / (1 + weight)  # scores are divided by 1 + weight, so that none overflows
        of_cost = np.where(weight > 1, 1 - of_utility, np.minimum(weight, 1) * of_utility)
        moved, scale = np.zeros(len(rows)), np.zeros(len(rows))
        for answer in (first, second):
            utility, cost = answer.pred_utility[rows], answer.pred_cost[rows]
            leads = [utility[everyone, model] * of_utility - cost[everyone, model] * of_cost for model in pair]
            moved += np.abs(leads[0] - leads[1])
            scale = np.maximum(scale, np.abs(utility).max(axis=1) * of_utility + np.abs(cost).max(axis=1) * of_cost)
        most = np.maximum(most, np.divide(moved, scale, out=np.zeros_like(moved), where=scale > 0))
    return most


def _spread_weights(first: Scored, second: Scored) -> Floats:
    """0, infinity, and the middle of intervals between the breakpoints of both answers, spread over all of them."""
    levels = [choice_paths(answer.pred_utility, answer.pred_cost)[0].ravel() for answer in (first, second)]
    events = np.sort(np.concatenate(levels))
    events = events[(events > 0) & np.isfinite(events)]
    if not len(events):
        return np.array([0.0, np.inf])
    distinct = events[np.append(True, events[1:] > events[:-1] * (1 + TOGETHER))]
    begins = np.append(0.0, distinct)
    ends = np.append(distinct, 2 * distinct[-1])
    middles = begins / 2 + ends / 2
    if len(middles) > INTERVALS:
        # by the number of breakpoints: what many queries do at one weight stands beside an interval that is looked at
        passed = events[np.linspace(0, len(events) - 1, INTERVALS).astype(np.intp)]
        middles = middles[np.unique(np.searchsorted(begins, passed, side="right") - 1)]
    return np.concatenate(([0.0], middles, [np.inf]))


def _different(first: Policy, second: Policy, weight: float) -> Mask:
    """[n] whether each decision at a weight is another one."""
    _, models = first.shape
    one, other = first.decisions_at(weight), second.decisions_at(weight)
    if one.choice is not None and other.choice is not None:
        return np.asarray(np.not_equal(one.choice, other.choice), dtype=np.bool_)
    before, after = probabilities_of(one, models), probabilities_of(other, models)
    return np.asarray((np.abs(before - after) > PROBABILITY).any(axis=1), dtype=np.bool_)
