"""Sums that carry their rounding errors along, for costs that span many orders of magnitude."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_SPLITTER = 2.0**27 + 1


def two_sum(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """a + b as its rounded value and the rounding error, [...] each (Knuth)."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def two_product(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """a * b as its rounded value and the rounding error, [...] each (Dekker, Veltkamp)."""
    product = a * b
    a_high = _SPLITTER * a - (_SPLITTER * a - a)
    b_high = _SPLITTER * b - (_SPLITTER * b - b)
    a_low, b_low = a - a_high, b - b_high
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


def running_sum(values: Floats, errors: Floats) -> Floats:
    """[m] the running sum of `values + errors`, as if added up in twice the precision and rounded at each place.

    >>> running_sum(np.array([1e-12, 1e6, -1e6, 2e-12]), np.zeros(4)).tolist()
    [1e-12, 1000000.0, 1e-12, 3e-12]

    :param values: float64 [m]; overwritten.
    :param errors: float64 [m], much smaller than the values: what rounding left of them; overwritten.
    """
    rounded = np.cumsum(values)
    before = np.append(0.0, rounded[:-1])
    # The error of each addition, from its addends and its result.
    part = rounded - before
    values -= part
    np.subtract(rounded, part, out=part)
    before -= part
    errors += before
    errors += values
    np.cumsum(errors, out=errors)
    rounded += errors
    return rounded
