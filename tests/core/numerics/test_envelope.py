"""Envelopes against twins that look at every pair of points."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmr_core.numerics.envelope import concave_envelope, concave_envelopes, pareto_envelope, pareto_rows, thinned

POINTS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=14)


def best_mixture(points, at: float) -> float:
    """The greatest utility at a mean cost of at most `at` that a point or a mixture of two reaches."""
    reached = [u for c, u in points if c <= at]
    for c1, u1 in points:
        for c2, u2 in points:
            if c1 <= at < c2:
                reached.append(u1 + (u2 - u1) * (at - c1) / (c2 - c1))
    return max(reached)


@given(POINTS)
def test_the_concave_envelope_is_the_best_that_mixing_two_points_gives(points):
    cost, utility = concave_envelope(*np.array(points, dtype=float).T)
    for at in np.linspace(min(c for c, _ in points), 13, 27):
        assert np.interp(at, cost, utility) == pytest.approx(best_mixture(points, at), abs=1e-9)


@given(POINTS)
def test_corners_ascend_and_bend_downwards(points):
    cost, utility = concave_envelope(*np.array(points, dtype=float).T)
    slope = np.diff(utility) / np.diff(cost)
    assert (np.diff(cost) > 0).all()
    assert (slope > 0).all()
    assert (np.diff(slope) < 1e-12).all()


SETS = st.lists(POINTS, min_size=1, max_size=5)


def flat(sets) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    group = np.repeat(np.arange(len(sets)), [len(points) for points in sets])
    return group, *np.array([point for points in sets for point in points], dtype=float).T


@given(SETS)
def test_many_sets_have_the_envelopes_of_each(sets):
    group, cost, utility = concave_envelopes(*flat(sets))
    for g, points in enumerate(sets):
        own = list(zip(cost[group == g], utility[group == g], strict=True))
        assert own == list(zip(*concave_envelope(*np.array(points, dtype=float).T), strict=True))
    assert (np.diff(group) >= 0).all()


@given(SETS)
def test_thinning_leaves_every_corner(sets):
    left = set(zip(*thinned(*flat(sets)), strict=True))
    corners = set(zip(*concave_envelopes(*flat(sets)), strict=True))
    assert corners <= left


def test_sets_that_lose_one_point_a_round_are_scanned_to_the_end():
    """Each point hides behind the next, and the last towers above them all."""
    cost = np.arange(500.0)
    utility = np.append(np.sqrt(cost[:-1]), 5000.0)
    group, cost, utility = concave_envelopes(np.repeat([0, 1], 500), np.tile(cost, 2), np.tile(utility, 2))
    assert list(zip(group, cost, utility, strict=True)) == [(0, 0, 0), (0, 499, 5000), (1, 0, 0), (1, 499, 5000)]


def test_costs_that_differ_by_less_than_the_key_of_the_sort_stand_in_order():
    cost = np.array([1e6, 1e-12, 3e-12, 2e-12, 0.0])
    _, found, utility = concave_envelopes(np.zeros(5, dtype=np.intp), cost, np.array([1.0, 0.6, 0.8, 0.7, 0.0]))
    assert list(zip(found, utility, strict=True)) == [(0.0, 0.0), (1e-12, 0.6), (3e-12, 0.8), (1e6, 1.0)]


@given(POINTS)
def test_pareto_rows_are_the_first_of_equal_points(points):
    rows = pareto_rows(*np.array(points, dtype=float).T)
    assert [points.index(points[row]) for row in rows] == rows.tolist()


@given(POINTS)
def test_pareto_points_are_those_that_no_cheaper_point_matches(points):
    cost, utility = pareto_envelope(*np.array(points, dtype=float).T)
    expected = sorted(
        {(c, u) for c, u in points if not any(b >= u and (a < c or (a == c and b > u)) for a, b in points)}
    )
    assert list(zip(cost, utility, strict=True)) == expected


@pytest.mark.parametrize("shape", ["noise", "concave", "steps", "last jump"])
def test_thousands_of_points_have_the_envelope_that_a_scan_finds(shape):
    rng = np.random.default_rng(0)
    cost = np.sort(rng.random(5000))
    utility = {
        "noise": rng.random(5000),
        "concave": np.sqrt(cost),
        "steps": np.floor(cost * 40) / 40,
        "last jump": np.append(np.sqrt(cost[:-1]), 50.0),
    }[shape]
    order = rng.permutation(5000)
    corners = concave_envelope(cost[order], utility[order])
    assert list(zip(*corners, strict=True)) == scanned(zip(cost, utility, strict=True))


def scanned(points) -> list[tuple[float, float]]:
    """The corners by a plain scan, from the cheapest point (the best of its cost) to the peak."""
    kept: list[tuple[float, float]] = []
    for c, u in sorted(points, key=lambda point: (point[0], -point[1])):
        if kept and (c == kept[-1][0] or u <= kept[-1][1]):
            continue
        while len(kept) > 1 and (kept[-1][1] - kept[-2][1]) * (c - kept[-1][0]) <= (u - kept[-1][1]) * (
            kept[-1][0] - kept[-2][0]
        ):
            kept.pop()
        kept.append((c, u))
    return kept


@given(st.integers(0, 10_000))
def test_a_cloud_too_large_to_keep_whole_has_the_envelope_of_all_of_it(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(200, 2000))
    cost, utility = rng.random(n) ** rng.uniform(0.2, 5), rng.random(n)
    cost = np.where(rng.random(n) < 0.3, np.round(cost, 1), cost)
    assert list(zip(*concave_envelope(cost, utility), strict=True)) == scanned(zip(cost, utility, strict=True))
