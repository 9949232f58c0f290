"""Latency: the figures of a slow twin, intervals that hold them, and nothing where nothing was timed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mmr_leaderboard.ranking.scoring import latency

seconds = arrays(np.float64, st.integers(1, 40), elements=st.floats(1e-6, 10))


def slow_quantile(times, share):
    """The smallest time that at least this share of all times does not exceed."""
    ordered = sorted(times)
    return ordered[max(0, math.ceil(share * len(ordered) - 1e-9) - 1)]


def slow_median(rates):
    ordered, half = sorted(rates), len(rates) // 2
    return ordered[half] if len(rates) % 2 else (ordered[half - 1] + ordered[half]) / 2


@given(seconds, seconds)
@settings(max_examples=25, deadline=None)
def test_figures_are_those_of_the_slow_twin_and_intervals_are_in_order(single, rates):
    timed = latency(single, rates)
    assert timed.asked == len(single)
    assert timed.median_ms.value == pytest.approx(1000 * slow_quantile(single, 0.5))
    assert timed.p99_ms.value == pytest.approx(1000 * slow_quantile(single, 0.99))
    assert timed.queries_per_second.value == pytest.approx(slow_median(rates))
    for figure, times in (
        (timed.median_ms, single * 1000),
        (timed.p99_ms, single * 1000),
        (timed.queries_per_second, rates),
    ):
        room = 1e-9 * times.max()
        assert times.min() - room <= figure.low <= figure.high <= times.max() + room


@pytest.mark.parametrize("seed", range(5))
def test_intervals_hold_the_value(seed):
    rng = np.random.default_rng(seed)
    timed = latency(rng.lognormal(-7, 0.5, 300), rng.lognormal(7, 0.2, 15))
    for figure in (timed.median_ms, timed.p99_ms, timed.queries_per_second):
        assert figure.low <= figure.value <= figure.high
        assert figure.low < figure.high


def test_a_median_s_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(100):
        figure = latency(rng.exponential(1.0, 80), np.ones(1)).median_ms
        hits += figure.low <= 1000 * math.log(2) <= figure.high
    assert hits >= 87  # 95 % of 100, less three standard deviations and what a percentile interval lacks


def test_equal_times_have_an_interval_without_width():
    timed = latency(np.full(10, 0.002), np.full(3, 500.0))
    assert (timed.median_ms.low, timed.median_ms.value, timed.median_ms.high) == (2.0, 2.0, 2.0)
    assert timed.queries_per_second.low == timed.queries_per_second.high == 500.0


@pytest.mark.parametrize(
    ("single", "rates"),
    [([], [1.0]), ([1.0], []), ([], []), ([np.nan], [1.0]), ([1.0], [np.inf]), ([np.inf, np.nan], [np.nan])],
)
def test_nothing_that_was_timed_gives_no_figures(single, rates):
    assert latency(np.array(single), np.array(rates)) is None


def test_what_is_not_finite_is_left_out():
    assert latency(np.array([0.001, np.nan, 0.003, 0.002]), np.array([np.inf, 7.0])).asked == 3
