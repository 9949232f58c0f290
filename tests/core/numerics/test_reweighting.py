"""Envelopes of many draws at once against one envelope per draw of points that are added up one by one."""

from __future__ import annotations

import tracemalloc

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mmr_core.numerics.envelope import concave_envelope
from mmr_core.numerics.reweighting import Corners, point_corners, step_corners


def walk(rng, *, instances, steps, whole):
    """A walk of steps whose changes are whole numbers (many points are equal) or any numbers."""
    change = (rng.integers(-1, 4, steps), rng.integers(-1, 3, steps)) if whole else rng.normal(0.3, 1, (2, steps))
    base = rng.integers(0, 3, (2, instances)) if whole else rng.random((2, instances))
    return (
        rng.integers(0, instances, steps).astype(np.int32),
        tuple(np.asarray(values, dtype=float) for values in change),
        tuple(np.asarray(values, dtype=float) for values in base),
    )


def slow_points(instance, change, base, ends, weights):
    """Mean cost and mean utility of every point, one step after another."""
    state = [values.copy() for values in base]
    points = [[values @ weights / weights.sum() for values in state]]
    for step, i in enumerate(instance):
        for values, more in zip(state, change, strict=True):
            values[i] += more[step]
        if step + 1 in ends:
            points.append([values @ weights / weights.sum() for values in state])
    return np.array(points).T


def assert_envelopes(found: Corners, points_of_draws, beside):
    assert (np.diff(found.draw) >= 0).all()
    for b, (cost, utility) in enumerate(points_of_draws):
        expected = concave_envelope(np.append(cost, beside[0][b]), np.append(utility, beside[1][b]))
        own = found.cost[found.draw == b], found.utility[found.draw == b]
        assert (np.diff(own[0]) > 0).all()
        np.testing.assert_allclose([own[0][0], own[0][-1]], [expected[0][0], expected[0][-1]], atol=1e-9)
        for at in (own[0], expected[0]):
            np.testing.assert_allclose(np.interp(at, *own), np.interp(at, *expected), atol=1e-9)


@settings(deadline=None, max_examples=150)
@given(
    seed=st.integers(0, 2**32 - 1),
    steps=st.sampled_from([0, 1, 2, 15, 16, 17, 40, 300]),
    share=st.sampled_from([0.0, 0.05, 0.5, 0.9, 1.0]),
    whole=st.booleans(),
)
def test_a_walk_has_the_envelope_of_its_points_in_every_draw(seed, steps, share, whole):
    rng = np.random.default_rng(seed)
    instances, draws = 12, 11
    instance, change, base = walk(rng, instances=instances, steps=steps, whole=whole)
    ends = np.flatnonzero(rng.random(steps) < share) + 1
    weights = rng.integers(0, 4, (draws, instances)).astype(np.uint16)
    weights[:, 0] += 1
    beside = rng.random(draws), rng.random(draws)
    found = step_corners(instance, change, base, ends, weights, beside)
    slow = [slow_points(instance, change, base, set(ends.tolist()), row.astype(float)) for row in weights]
    assert_envelopes(found, slow, beside)


def test_blocks_of_draws_meet_without_a_seam(monkeypatch):
    monkeypatch.setattr("mmr_core.numerics.reweighting._BLOCK", 1)
    rng = np.random.default_rng(0)
    instance, change, base = walk(rng, instances=12, steps=60, whole=False)
    weights = rng.integers(1, 4, (21, 12)).astype(np.uint16)
    beside = rng.random(21), rng.random(21)
    for ends in (np.arange(1, 61), np.array([20, 40])):
        found = step_corners(instance, change, base, ends, weights, beside)
        slow = [slow_points(instance, change, base, set(ends.tolist()), row.astype(float)) for row in weights]
        assert_envelopes(found, slow, beside)


@given(seed=st.integers(0, 1000), points=st.integers(1, 6))
def test_points_evaluated_one_by_one_have_the_envelope_of_their_weighted_means(seed, points):
    rng = np.random.default_rng(seed)
    cost, utility = rng.random((2, points, 8))
    weights = rng.integers(1, 4, (5, 8)).astype(np.uint16)
    beside = rng.random(5), rng.random(5)
    means = [((cost * row).sum(axis=1) / row.sum(), (utility * row).sum(axis=1) / row.sum()) for row in weights]
    assert_envelopes(point_corners(cost, utility, weights, beside), means, beside)
    together = Corners.together([point_corners(cost[:1], utility[:1], weights, beside)] * 2)
    assert_envelopes(together, [(c[:1], u[:1]) for c, u in means], beside)


def test_draws_need_little_more_memory_than_their_corners(monkeypatch):
    monkeypatch.setattr("mmr_core.numerics.reweighting._PENDING", 1 << 12)
    rng = np.random.default_rng(0)
    instance, change, base = walk(rng, instances=50, steps=4000, whole=False)
    peaks = []
    for draws in (64, 640):
        weights = rng.integers(1, 3, (draws, 50)).astype(np.uint16)
        tracemalloc.start()
        step_corners(instance, change, base, np.arange(1, 4001), weights, (np.zeros(draws), np.zeros(draws)))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]
