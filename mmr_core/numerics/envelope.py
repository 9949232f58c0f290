"""The upper envelopes of operating points: concave, or Pareto points joined by lines.

Pure geometry on arrays of (cost, utility). `metrics` restricts what comes out to a range of costs and measures it.
The concave envelope is on the hot path of the bootstrap: thousands of points, thousands of times.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_FEW = 256
"""Up to this many points are not worth thinning first."""

_SCANNED = 40
"""Down to this many points, removal goes on one by one; Python's loop is then quicker than numpy's calls."""

_ROUNDS = 40
"""Rounds of parallel removal before the scan takes over in any case; it bounds the worst case."""


_THINNED = 2
"""Rounds in which many sets lose points by their neighbours in the list, before they are sorted."""


def concave_envelope(cost: Floats, utility: Floats) -> tuple[Floats, Floats]:
    """The corners of the upper concave envelope from its left end to its peak, costs strictly ascending.

    A mixture of two policies reaches every point of the line between them (Eq. 6), so all of the envelope can be had.

    :param cost: [m] mean costs, in any order.
    :param utility: [m] mean utilities.
    """
    cost, utility = _up_to_peak(cost, utility)
    if len(cost) > _FEW:
        # A point below the envelope of some of the points is below that of all; few points remain above it.
        stride = slice(None, None, len(cost) // _FEW + 1)
        rough = _corners(*_sorted(_with_ends(cost, stride), _with_ends(utility, stride)))
        above = utility > np.interp(cost, *rough, left=-np.inf)
        cost, utility = np.concatenate([rough[0], cost[above]]), np.concatenate([rough[1], utility[above]])
    return _corners(*_sorted(cost, utility))


def pareto_envelope(cost: Floats, utility: Floats) -> tuple[Floats, Floats]:
    """The points that no cheaper (or equally cheap) point matches in utility, costs strictly ascending.

    :param cost: [m] mean costs, in any order.
    :param utility: [m] mean utilities.
    """
    rows = pareto_rows(cost, utility)
    return cost[rows], utility[rows]


def pareto_rows(cost: Floats, utility: Floats) -> NDArray[np.intp]:
    """Which points `pareto_envelope` keeps, by ascending cost; of equal points the first.

    >>> pareto_rows(np.array([3.0, 1.0, 2.0, 1.0]), np.array([0.9, 0.5, 0.4, 0.5])).tolist()
    [1, 0]
    """
    order = np.lexsort((-utility, cost))
    utility = utility[order]
    rises = np.append(True, utility[1:] > np.maximum.accumulate(utility)[:-1])
    return np.asarray(order[rises])


def concave_envelopes(
    group: NDArray[np.intp], cost: Floats, utility: Floats
) -> tuple[NDArray[np.intp], Floats, Floats]:
    """`concave_envelope` of many sets of points at once, flat: group, cost and utility of the corners, in this order.

    :param group: [m] ascending: the set that each point belongs to.
    :param cost: [m] mean costs, in any order; quicker where it is nearly that of costs.
    :param utility: [m] mean utilities.
    """
    order = _by_group_and_cost(group, cost)
    group, cost, utility = group[order], cost[order], utility[order]
    # Each cost once, with the highest utility that it has.
    first = np.flatnonzero(np.append(True, (group[1:] != group[:-1]) | (cost[1:] > cost[:-1])))
    group, cost, utility = group[first], cost[first], np.maximum.reduceat(utility, first)
    settled: list[tuple[NDArray[np.intp], Floats, Floats]] = []
    for _ in range(_ROUNDS):
        if len(group) == 0:
            break
        begins = group[1:] != group[:-1]
        run, rise = cost[1:] - cost[:-1], utility[1:] - utility[:-1]
        # The first point of a set stays; another one if it is above the one before, and, unless it is the last, above
        # the line between its neighbours.
        stays = rise[:-1] * run[1:] > rise[1:] * run[:-1]
        keep = np.append(True, begins | ((rise > 0) & np.append(begins[1:] | stays, True)))
        changed = np.zeros(group[-1] + 1, dtype=bool)
        changed[group[~keep]] = True
        done = ~changed[group]
        settled.append((group[done], cost[done], utility[done]))
        keep &= ~done
        group, cost, utility = group[keep], cost[keep], utility[keep]
    for g in np.unique(group):
        own = group == g
        peak = int(np.argmax(utility[own])) + 1
        corners = _scan(cost[own][:peak], utility[own][:peak])
        settled.append((np.full(len(corners[0]), g), *corners))
    group, cost, utility = (np.concatenate(part) for part in zip(*settled, strict=True))
    order = np.argsort(group, kind="stable")
    return group[order], cost[order], utility[order]


def thinned(group: NDArray[np.intp], cost: Floats, utility: Floats) -> tuple[NDArray[np.intp], Floats, Floats]:
    """The points, without some that cannot be corners: those below a neighbour in the list or the line between both.

    It saves `concave_envelopes` most of its sorting where the list is nearly in the order of costs.

    :param group: [m] ascending; neighbours of another group do not count.
    """
    for _ in range(_THINNED):
        run, rise = cost[1:] - cost[:-1], utility[1:] - utility[:-1]
        before, after, gained, gains = run[:-1], run[1:], rise[:-1], rise[1:]
        hidden = gained * after <= gains * before
        hidden &= before > 0
        hidden &= after > 0
        hidden |= (before >= 0) & (gained <= 0)
        hidden |= (after < 0) & (gains >= 0)
        hidden &= group[2:] == group[:-2]
        kept = np.ones(len(group), dtype=bool)
        np.logical_not(hidden, out=kept[1:-1])
        group, cost, utility = group[kept], cost[kept], utility[kept]
    return group, cost, utility


def _by_group_and_cost(group: NDArray[np.intp], cost: Floats) -> NDArray[np.intp]:
    """The order of points by group, then by cost.

    Points come nearly in order, so that a stable sort of one key is many times faster than one of two. The key rounds
    costs, by which a few neighbours may come out the wrong way round.
    """
    low, high = float(cost.min()), float(cost.max())
    order = np.argsort(group + (cost - low) * (0.5 / (high - low) if high > low else 0.0), kind="stable")
    for _ in range(_ROUNDS):
        within, costs = group[order], cost[order]
        wrong = np.flatnonzero((costs[1:] < costs[:-1]) & (within[1:] == within[:-1]))
        if len(wrong) == 0:
            return np.asarray(order)
        wrong = wrong[np.append(True, np.diff(wrong) > 1)]
        order[wrong], order[wrong + 1] = order[wrong + 1], order[wrong]
    return np.lexsort((cost, group))


def _up_to_peak(cost: Floats, utility: Floats) -> tuple[Floats, Floats]:
    """The points that are not dearer than the cheapest point of greatest utility; that point stands last."""
    top = utility == utility.max()
    peak_cost = cost[top].min()
    keep = (cost < peak_cost) & ~top
    return np.append(cost[keep], peak_cost), np.append(utility[keep], utility.max())


def _with_ends(values: Floats, stride: slice) -> Floats:
    return np.append(values[stride], values[-1])


def _sorted(cost: Floats, utility: Floats) -> tuple[Floats, Floats]:
    """By cost, each cost once, with the highest utility that it has."""
    order = np.lexsort((utility, cost))
    cost, utility = cost[order], utility[order]
    last = np.append(cost[1:] > cost[:-1], True)
    return cost[last], utility[last]


def _corners(cost: Floats, utility: Floats) -> tuple[Floats, Floats]:
    """Drops every point on or below a line between two others; costs strictly ascending on both sides."""
    for _ in range(_ROUNDS):
        if len(cost) <= _SCANNED:
            break
        # A point below the line between its neighbours is not a corner, whatever becomes of the neighbours.
        run, rise = cost[1:] - cost[:-1], utility[1:] - utility[:-1]
        corner = rise[:-1] * run[1:] > rise[1:] * run[:-1]
        if corner.all():
            return cost, utility
        keep = np.concatenate(([True], corner, [True]))
        cost, utility = cost[keep], utility[keep]
    return _scan(cost, utility)


def _scan(cost: Floats, utility: Floats) -> tuple[Floats, Floats]:
    """Andrew's monotone chain, one point at a time."""
    kept: list[int] = []
    c, u = cost.tolist(), utility.tolist()
    for i in range(len(c)):
        while len(kept) > 1:
            a, b = kept[-2], kept[-1]
            if (u[b] - u[a]) * (c[i] - c[b]) > (u[i] - u[b]) * (c[b] - c[a]):
                break
            kept.pop()
        kept.append(i)
    return cost[kept], utility[kept]
