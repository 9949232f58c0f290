from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmr_leaderboard.audit.revision import sign_test


def versions(better, worse, same=0):
    """Two versions at one operating point that differ on so many instances, and the utilities of two models."""
    n = better + worse + same
    before, after = np.tile([1.0, 0.0], (1, n, 1)), np.tile([0.0, 1.0], (1, n, 1))
    utility = np.array([[0.0, 1.0]] * better + [[1.0, 0.0]] * worse + [[1.0, 1.0]] * same)
    return before, after, utility.reshape(n, 2)


@given(better=st.integers(0, 6), worse=st.integers(0, 6))
def test_p_is_the_share_of_all_signs_with_as_many_rises(better, worse):
    found = sign_test(*versions(better, worse, same=2))
    every = [sum(signs) for signs in product((0, 1), repeat=better + worse)]

    assert (found.better, found.worse, found.changed) == (better, worse, better + worse + 2)
    assert found.p == pytest.approx(np.mean([rises >= better for rises in every]))


@given(better=st.integers(1, 40), worse=st.integers(0, 40))
def test_the_lower_bound_is_the_share_at_which_so_many_rises_are_a_one_percent_chance(better, worse):
    from scipy.stats import binom

    found = sign_test(*versions(better, worse))

    assert found.share == better / (better + worse)
    assert binom.sf(better - 1, better + worse, found.share_low) == pytest.approx(0.01, rel=1e-6)


def test_versions_without_a_difference_say_nothing():
    before, _, utility = versions(3, 3)
    found = sign_test(before, before, utility)

    assert (found.changed, found.share, found.share_low, found.p) == (0, None, 0.0, 1.0)


def test_an_instance_counts_once_at_however_many_points_it_changed():
    before, after, utility = versions(5, 1)
    found = sign_test(np.repeat(before, 4, axis=0), np.repeat(after, 4, axis=0), utility)

    assert (found.better, found.worse) == (5, 1)


def test_a_rise_at_one_point_and_a_fall_at_another_cancel():
    before, after, utility = versions(4, 0)
    found = sign_test(np.concatenate([before, after]), np.concatenate([after, before]), utility)

    assert (found.changed, found.better, found.worse) == (4, 0, 0)
