"""Who is ahead of whom on the board, and how sure that is."""

from __future__ import annotations

from itertools import combinations
from math import erfc, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmr_leaderboard.ranking.ranks import compare_pairs, holm, rank_entries

DRAWS = 400


def board(*means: float, spread: float = 0.01, seed: int = 0) -> tuple[list[float], np.ndarray]:
    """Figures of some entries and their draws; what is common to all draws is ten times as wide as `spread`."""
    rng = np.random.default_rng(seed)
    common = rng.normal(0, 10 * spread, DRAWS)
    return list(means), np.array([mean + common + rng.normal(0, spread, DRAWS) for mean in means])


def slow_holm(p: list[float]) -> list[float]:
    """Holm's correction by its definition: the j-th smallest is the greatest of (m - i) p_(i) for i up to j."""
    ascending = sorted(p)
    corrected = {j: max(min(1.0, (len(p) - i) * ascending[i]) for i in range(j + 1)) for j in range(len(p))}
    taken: list[int] = []
    result = []
    for value in p:
        place = next(j for j in range(len(p)) if ascending[j] == value and j not in taken)
        taken.append(place)
        result.append(corrected[place])
    return result


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_is_what_its_definition_says(p):
    assert holm(p) == pytest.approx(slow_holm(p))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_never_makes_a_difference_surer(p):
    assert all(after >= before for before, after in zip(p, holm(p), strict=True))


def test_a_clear_leader_is_first_alone_and_the_others_share_the_second_place():
    values, draws = board(0.80, 0.70, 0.701)
    places = rank_entries(values, draws, compare_pairs(values, draws))
    assert [place.rank for place in places] == [1, 2, 2]
    assert places[0].ties == ()
    assert places[1].ties == (2,)
    assert places[2].ties == (1,)


def test_what_all_entries_find_hard_cancels_in_pairs():
    values, draws = board(0.80, 0.70)
    assert draws.std(axis=1).min() > 0.09  # each entry's own draws say nothing about a difference of 0.1
    (pair,) = compare_pairs(values, draws)
    spread = (draws[0] - draws[1]).std(ddof=1)
    assert spread < 0.02
    assert pair.decided
    assert pair.low < pair.difference < pair.high
    assert pair.difference == pytest.approx(0.1)
    assert pair.high - pair.low == pytest.approx(2 * 1.96 * spread, rel=0.2)
    assert pair.p == pytest.approx(erfc(0.1 / spread / sqrt(2)), rel=1e-6)
    (unpaired,) = compare_pairs(values, np.array([draws[0], np.random.default_rng(1).permutation(draws[1])]))
    assert not unpaired.decided
    assert unpaired.low < 0 < unpaired.high


def test_identical_entries_are_tied_for_certain():
    values, draws = board(0.7, 0.6)
    same = np.array([draws[0], draws[0], draws[1]])
    pairs = compare_pairs([values[0], values[0], values[1]], same)
    assert pairs[0].p == 1.0
    assert [place.rank for place in rank_entries([values[0], values[0], values[1]], same, pairs)] == [1, 1, 3]


def test_a_difference_without_any_spread_is_certain():
    draws = np.array([np.full(DRAWS, 0.7), np.full(DRAWS, 0.6)])
    (pair,) = compare_pairs([0.7, 0.6], draws)
    assert pair.p == 0.0
    assert pair.decided


def test_draws_without_a_figure_are_left_out():
    values, draws = board(0.80, 0.70)
    draws[:, :10] = np.nan
    (pair,) = compare_pairs(values, draws)
    assert pair.decided
    assert [(place.low, place.high) for place in rank_entries(values, draws, [pair])] == [(1, 1), (2, 2)]


def test_a_single_entry_is_first():
    values, draws = board(0.5)
    assert compare_pairs(values, draws) == ()
    (place,) = rank_entries(values, draws, ())
    assert (place.rank, place.low, place.high, place.ties) == (1, 1, 1, ())


def test_no_entries_have_no_places():
    assert rank_entries([], np.empty((0, DRAWS)), compare_pairs([], np.empty((0, DRAWS)))) == ()


@given(st.lists(st.floats(0.4, 0.9), min_size=2, max_size=6), st.integers(0, 50))
def test_rank_intervals_are_those_of_places_counted_one_by_one(means, seed):
    values, draws = board(*means, spread=0.05, seed=seed)
    places = rank_entries(values, draws, compare_pairs(values, draws))
    for entry, place in enumerate(places):
        counted = sorted(
            1 + sum(draws[other, b] > draws[entry, b] for other in range(len(means))) for b in range(DRAWS)
        )
        assert place.low == min(place.rank, counted[int(np.ceil(0.025 * DRAWS)) - 1])
        assert place.high == max(place.rank, counted[int(np.ceil(0.975 * DRAWS)) - 1])


@given(st.lists(st.floats(0.4, 0.9), min_size=2, max_size=6), st.integers(0, 50))
def test_ties_are_mutual(means, seed):
    values, draws = board(*means, spread=0.02, seed=seed)
    pairs = compare_pairs(values, draws)
    places = rank_entries(values, draws, pairs)
    told_apart = {frozenset((pair.better, pair.worse)) for pair in pairs if pair.decided}
    for i, j in combinations(range(len(means)), 2):
        tied = frozenset((i, j)) not in told_apart
        assert (j in places[i].ties) == (i in places[j].ties) == tied


@given(st.lists(st.floats(0.4, 0.9), min_size=2, max_size=7, unique=True), st.integers(0, 50))
def test_a_rank_is_shared_with_the_best_entry_that_one_cannot_be_told_apart_from(means, seed):
    values, draws = board(*means, spread=0.02, seed=seed)
    pairs = compare_pairs(values, draws)
    places = rank_entries(values, draws, pairs)
    clearly = {(pair.better, pair.worse) for pair in pairs if pair.decided}
    waiting = sorted(range(len(means)), key=lambda i: -values[i])
    done = 0
    while waiting:  # the best that is left leads a group of all that follow without a gap
        group = [waiting[0]]
        for entry in waiting[1:]:
            if (waiting[0], entry) in clearly:
                break
            group.append(entry)
        assert {places[entry].rank for entry in group} == {done + 1}
        done += len(group)
        waiting = waiting[len(group) :]
