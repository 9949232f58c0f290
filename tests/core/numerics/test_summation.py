"""Sums with their errors against exact fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mmr_core.numerics.summation import running_sum, two_product, two_sum

NUMBERS = st.floats(-1e9, 1e9, allow_subnormal=False).filter(lambda x: x == 0 or abs(x) > 1e-30)


@given(NUMBERS, NUMBERS)
def test_a_sum_and_a_product_are_exact_with_their_errors(a, b):
    for pair, exact in (
        (two_sum(np.array(a), np.array(b)), Fraction(a) + Fraction(b)),
        (two_product(np.array(a), np.array(b)), Fraction(a) * Fraction(b)),
    ):
        assert sum(Fraction(float(part)) for part in pair) == exact


@given(st.lists(NUMBERS, min_size=1, max_size=30))
def test_a_running_sum_is_that_of_exact_fractions(numbers):
    values = np.array(numbers)
    found = running_sum(values.copy(), np.zeros(len(values)))
    exact, magnitude = Fraction(0), Fraction(0)
    for number, own in zip(numbers, found, strict=True):
        exact, magnitude = exact + Fraction(number), magnitude + abs(Fraction(number))
        assert abs(Fraction(float(own)) - exact) <= abs(exact) / 2**52 + magnitude / 2**96


def test_what_rounding_left_of_the_addends_counts():
    assert running_sum(np.array([1.0, -1.0]), np.array([2.0**-70, 2.0**-69])).tolist() == [1.0, 2.0**-70 + 2.0**-69]
