"""Statistics of observed outcomes: means, with fallback values for a model without any, and the scale of costs.

The constant reference and every built-in router take their means from here, so that they agree on models and
neighbourhoods without outcomes, and so that equal means are equal to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmr_core.errors import DegenerateError
from mmr_core.numerics.summation import two_product, two_sum

Floats = NDArray[np.float64]

FEW = 1000
"""Up to so many members in all, numpy adds them up itself: importing SciPy would take longer than routing a query."""


def observed_mean(outcomes: NDArray[Any], fallback: NDArray[Any], axis: int = 0) -> Floats:
    """The mean along `axis` of what is not NaN; `fallback` where everything is.

    The mean is the exact one, rounded once: it depends neither on the order of the addends nor on the size of the
    batch, so two means that are equal in exact arithmetic compare as equal.

    >>> outcomes = np.array([[0.1, 0.3], [0.2, 0.1], [0.3, 0.2], [np.nan, np.nan]])
    >>> observed_mean(outcomes, fallback=np.zeros(2))
    array([0.2, 0.2])

    :param outcomes: float64 [..., m, ..., K], NaN or of a magnitude between 1e-280 and 1e280, or zero.
    :param fallback: float64 [K].
    """
    observed = ~np.isnan(outcomes)
    values = np.where(observed, outcomes, 0.0)
    bound = np.abs(values).max(axis=axis, keepdims=True, initial=0.0)
    sums = [part.sum(axis=axis) for part in _exact_parts(values, bound, outcomes.shape[axis])]
    return _means(np.asarray(observed.sum(axis=axis), dtype=np.float64), sums, fallback)


def summands(outcomes: Floats, *, largest: int) -> Floats:
    """What `group_means` adds up, float64 [n, (1 + parts) * K]: for each model a count, then parts that add up exactly.

    :param outcomes: float64 [n, K], as for `observed_mean`.
    :param largest: the number of rows in the largest group.
    """
    observed = ~np.isnan(outcomes)
    values = np.where(observed, outcomes, 0.0)
    bound = np.abs(values).max(axis=0, keepdims=True, initial=0.0)
    return np.concatenate([observed, *_exact_parts(values, bound, largest)], axis=1, dtype=np.float64)


def group_means(parts: Floats, groups: NDArray[np.intp], fallback: Floats) -> Floats:
    """`observed_mean` of every group of rows of one table, [m, K]: the same numbers, many groups at a time.

    >>> parts = summands(np.array([[0.0], [1.0], [np.nan]]), largest=2)
    >>> group_means(parts, np.array([[0, 1], [1, 2]]), fallback=np.array([0.5]))  # rows 0 and 1; rows 1 and 2
    array([[0.5],
           [1. ]])

    :param parts: the `summands` of the table.
    :param groups: int [m, size], the rows of each group.
    :param fallback: float64 [K].
    """
    if groups.size <= FEW:
        added = parts[groups].sum(axis=1)
    else:
        from scipy.sparse import csr_array  # type: ignore[import-untyped]

        ends = np.arange(0, groups.size + 1, groups.shape[1])
        added = csr_array((np.ones(groups.size), groups.ravel(), ends), shape=(len(groups), len(parts))) @ parts
    count, *sums = np.split(added, parts.shape[1] // len(fallback), axis=1)
    return _means(count, sums, fallback)


def training_means(utility: Floats, cost: Floats) -> tuple[Floats, Floats]:
    """[K] mean utility and [K] mean cost over the observed training outcomes.

    A model without any observed utility gets 0, and one without any observed cost the largest mean cost of the others
    (0 where there are none), so that neither looks better than what has been seen.

    :param utility: float64 [n, K], NaN where missing.
    :param cost: float64 [n, K] in USD, NaN where missing.
    """
    nothing = np.zeros(utility.shape[1])
    known = ~np.isnan(cost).all(axis=0)
    mean_cost = observed_mean(cost, nothing)
    dearest = mean_cost.max(where=known, initial=0.0)
    return observed_mean(utility, nothing), np.where(known, mean_cost, dearest)


def cost_scale(train_cost: Floats) -> float:
    """The largest cost of the training split (the denominator of Eq. S1); divided by it, test costs may exceed 1.

    :param train_cost: [n, K] in USD, NaN where missing.
    :raises DegenerateError: if no cost is known, or none is above zero.
    """
    known = train_cost[~np.isnan(train_cost)]
    if known.size == 0:
        raise DegenerateError("no cost of the training split is known", fix="import more instances")
    largest = float(known.max())
    if largest <= 0:
        raise DegenerateError("every cost of the training split is zero, so there is nothing to trade off")
    return largest


def _exact_parts(values: Floats, bound: Floats, addends: int) -> Iterator[Floats]:
    """Cuts values into parts that can be added up exactly, in any order, and that together are the values.

    Every value is cut at a common bit (Rump, Ogita and Oishi, "Accurate floating-point summation", 2008): the upper
    parts are multiples of one unit and so few bits long that any sum of them fits into a float64. The rest is cut
    again until nothing is left: utilities of 0 and 1 have one part, most costs have two.

    :param bound: the largest magnitude, broadcast against `values`.
    :param addends: how many values a sum has at most.
    """
    room = math.ceil(math.log2(addends + 2))
    while True:
        cut = np.ldexp(1.0, np.frexp(bound)[1] + room)  # a power of two above any sum
        upper = (cut + values) - cut
        yield upper
        values = values - upper
        if not (np.abs(values) > 0).any():
            return
        bound = np.ldexp(cut, -53)


def _means(count: Floats, sums: list[Floats], fallback: Floats) -> Floats:
    mean = _quotient(sums, np.maximum(count, 1.0))
    return np.asarray(np.where(count > 0, mean, fallback), dtype=np.float64)


def _quotient(sums: list[Floats], count: Floats) -> Floats:
    """The sum of the parts over `count`, rounded once."""
    if len(sums) == 1:
        return sums[0] / count
    high, low = two_sum(sums[0], sums[1])
    quotient = high / count
    product, error = two_product(quotient, count)
    mean = np.asarray(quotient + (((high - product) - error) + low) / count)
    # More than two parts: the addends span some 90 bits. This is rare, and too wide for a pair of float64.
    for place in np.argwhere(np.any([part != 0 for part in sums[2:]], axis=0)) if len(sums) > 2 else ():
        exact = sum((Fraction(float(part[tuple(place)])) for part in sums), Fraction())
        mean[tuple(place)] = float(exact / int(count[tuple(place)]))
    return mean
