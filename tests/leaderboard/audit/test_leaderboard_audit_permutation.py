from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmr_leaderboard.audit.excess import permutation_moments, permuted_sums

seeds = st.integers(0, 2**32 - 1)


def problem(seed, n, models, strata):
    stream = np.random.default_rng(seed)
    choices = stream.dirichlet(np.ones(models), n)
    target = np.eye(models)[stream.integers(0, models, n)]
    return choices, target, stream.integers(0, strata, n)


@settings(max_examples=40, deadline=None)
@given(seed=seeds, n=st.integers(1, 30), models=st.integers(2, 4), strata=st.integers(1, 4), rounds=st.integers(1, 6))
def test_looked_up_sums_are_those_of_a_loop_over_shuffles(seed, n, models, strata, rounds):
    choices, target, stratum = problem(seed, n, models, strata)
    stream = np.random.default_rng(seed)
    slow = np.zeros(rounds)
    for name in sorted(set(stratum)):
        rows = [i for i in range(n) if stratum[i] == name]
        orders = stream.random((rounds, len(rows))).argsort(axis=1)
        for b in range(rounds):
            for place, i in enumerate(rows):
                donor = rows[orders[b, place]]
                slow[b] += sum(choices[donor, j] * target[i, j] for j in range(models))

    assert permuted_sums(choices, target, stratum, permutations=rounds, seed=seed) == pytest.approx(slow)


@settings(max_examples=40, deadline=None)
@given(seed=seeds, sizes=st.tuples(st.integers(1, 4), st.integers(1, 4)))
def test_moments_are_those_of_all_permutations_within_strata(seed, sizes):
    stratum = np.repeat([0, 1], sizes)
    choices, target, _ = problem(seed, len(stratum), 3, 1)
    first, second = list(range(sizes[0])), list(range(sizes[0], sum(sizes)))
    every = [
        (choices[[*one, *other]] * target).sum() for one, other in product(permutations(first), permutations(second))
    ]

    mean, variance = permutation_moments(choices, target, stratum)

    assert mean == pytest.approx(np.mean(every))
    assert variance == pytest.approx(np.var(every), abs=1e-12)


def test_a_shuffle_never_leaves_its_stratum():
    choices = np.array([[1.0, 0.0]] * 4 + [[0.0, 1.0]] * 4)
    stratum = np.repeat([0, 1], 4)

    assert (permuted_sums(choices, choices, stratum, permutations=20, seed=0) == 8).all()
    assert permuted_sums(choices, choices, np.zeros(8, int), permutations=20, seed=0).min() < 8
