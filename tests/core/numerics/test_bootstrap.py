"""Bootstrap draws against a twin that really repeats the drawn instances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmr_core.numerics.bootstrap import PointSet, draw, interval, metric_draws
from mmr_core.numerics.metrics import SingleModels, frontier, measure, skill
from mmr_core.numerics.sweep import lambda_events, lambda_sweep


def outcomes(n=60, models=3, seed=0):
    rng = np.random.default_rng(seed)
    utility = (rng.random((n, models)) < np.linspace(0.3, 0.8, models)).astype(float)
    return utility, np.geomspace(1e-6, 1e-3, models) * rng.lognormal(0, 0.3, (n, models))


def predictions(n=60, models=3, seed=1):
    rng = np.random.default_rng(seed)
    return rng.random((n, models)), np.geomspace(1e-6, 1e-3, models) * rng.lognormal(0, 0.3, (n, models))


@settings(max_examples=20)
@given(st.integers(0, 100))
def test_a_draw_measures_the_repeated_instances_with_the_models_fixed_on_the_full_set(seed):
    utility, cost = outcomes(seed=seed)
    predicted = predictions(seed=seed + 1)
    singles = SingleModels.of(utility, cost)
    draws = draw(utility, cost, ["a"] * 60, singles, draws=3, seed=seed)
    fast = metric_draws([lambda_events(*predicted, utility, cost)], draws)
    for b in range(3):
        rows = np.repeat(np.arange(60), draws.weights[b])
        within = singles.cost_range(utility[rows], cost[rows])
        curve = lambda_sweep(*(array[rows] for array in predicted), utility[rows], cost[rows])
        slow = measure(frontier(curve.cost, curve.utility, within), within)
        assert fast.keys() == slow.keys()
        np.testing.assert_allclose([fast[metric][b] for metric in slow], list(slow.values()), rtol=1e-9)


def test_seeds_are_averaged_within_a_draw():
    utility, cost = outcomes()
    draws = draw(utility, cost, ["a"] * 60, SingleModels.of(utility, cost), draws=5)
    one, other = (lambda_events(*predictions(seed=s), utility, cost) for s in (1, 2))
    both = metric_draws([one, other], draws)
    alone = [metric_draws([events], draws) for events in (one, other)]
    for metric, figures in both.items():
        np.testing.assert_allclose(figures, (alone[0][metric] + alone[1][metric]) / 2)


def test_each_dataset_keeps_its_size_in_every_draw():
    utility, cost = outcomes(90)
    datasets = ["a"] * 30 + ["b"] * 60
    weights = draw(utility, cost, datasets, SingleModels.of(utility, cost), draws=20).weights
    assert (weights[:, :30].sum(axis=1) == 30).all()
    assert (weights[:, 30:].sum(axis=1) == 60).all()


def test_a_dataset_is_drawn_alike_alone_and_within_a_mixture():
    utility, cost = outcomes(90)
    singles = SingleModels.of(utility, cost)
    mixed = draw(utility, cost, ["a"] * 30 + ["b"] * 60, singles, draws=4).weights[:, 30:]
    alone = draw(utility[30:], cost[30:], ["b"] * 60, singles, draws=4).weights
    np.testing.assert_array_equal(mixed, alone)


def test_another_seed_draws_others():
    utility, cost = outcomes()
    singles = SingleModels.of(utility, cost)
    first, second = (draw(utility, cost, ["a"] * 60, singles, draws=2, seed=s).weights for s in (0, 1))
    assert (first != second).any()


def test_draws_without_a_cost_range_are_left_out_and_counted():
    utility = np.array([[0.0, 1.0]] * 3)
    cost = np.array([[1.0, 2.0], [3.0, 2.0], [3.0, 5.0]])
    draws = draw(utility, cost, ["a"] * 3, SingleModels.of(utility, cost), draws=200)
    figures = metric_draws([lambda_events(utility, cost, utility, cost)], draws)["nauc"]
    assert 0 < draws.left_out < 200
    assert np.isnan(figures).sum() == draws.left_out
    assert interval(figures) is not None


def test_a_set_of_points_has_the_weighted_means_of_its_policies():
    cost, utility = np.array([[1.0, 3.0], [2.0, 2.0]]), np.array([[0.0, 1.0], [0.5, 0.5]])
    points = PointSet(trade_off=np.array([0.0, 1.0]), cost=cost, utility=utility)
    assert [array.tolist() for array in points.points()] == [[2.0, 2.0], [0.5, 0.5]]
    assert [array.tolist() for array in points.points(np.array([3.0, 1.0]))] == [[1.5, 2.0], [0.25, 0.5]]


def test_an_interval_ends_at_values_that_occurred_and_infinity_is_one():
    values = np.array([*range(95), *[np.inf] * 5], dtype=float)
    assert interval(values) == (2.0, np.inf)


def test_figures_without_meaning_do_not_count_towards_an_interval():
    assert interval(np.array([np.nan, 1.0, 2.0])) == (1.0, 2.0)
    assert interval(np.array([np.nan])) is None


def test_an_interval_covers_the_truth_about_as_often_as_it_promises():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(1000):
        sample = rng.random(100)
        means = sample[rng.integers(0, 100, (400, 100))].mean(axis=1)
        low, high = interval(means)
        hits += low <= 0.5 <= high
    assert 920 <= hits <= 965


def test_skill_is_drawn_between_the_constant_policy_and_the_oracle_of_the_same_draw():
    drawn = skill(np.array([0.6, 0.5]), np.array([0.5, 0.5]), np.array([0.9, 0.5]))
    assert drawn[0] == pytest.approx(0.25)
    assert np.isnan(drawn[1])
