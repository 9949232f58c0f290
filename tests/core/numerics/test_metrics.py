"""The metrics against twins that integrate numerically and look at every mixture."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mmr_core.errors import DataError, DegenerateError
from mmr_core.numerics.metrics import (
    METRICS,
    CostRange,
    Frontier,
    SingleModels,
    frontier,
    height,
    measure,
    nauc,
    nauc_log,
    peak,
    qnc,
    read_off,
    skill,
)

POINTS = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 10)), min_size=1, max_size=8)


def within(low=2.0, high=12.0, floor=0.1, best_cost=8.0, best_utility=0.6) -> CostRange:
    return CostRange(low=low, high=high, floor=floor, best_cost=best_cost, best_utility=best_utility)


def line(points, span: CostRange, hull="concave"):
    cost, utility = np.array(points, dtype=float).T
    return frontier(cost, utility / 10, span, hull=hull)


def dense(points, span: CostRange, n=20_001):
    """p(c) on a dense grid by trying every mixture of two points, the cheapest single model among them."""
    everyone = [(c, u / 10) for c, u in points] + [(span.low, span.floor)]
    grid = np.linspace(span.low, span.high, n)
    best = np.full(n, -np.inf)
    for c1, u1 in everyone:
        best = np.where(grid >= c1, np.maximum(best, u1), best)
        for c2, u2 in everyone:
            if c1 < c2:
                between = (grid >= c1) & (grid <= c2)
                best = np.where(between, np.maximum(best, u1 + (u2 - u1) * (grid - c1) / (c2 - c1)), best)
    return grid, best


@given(POINTS)
def test_nauc_and_peak_are_those_of_the_best_mixtures(points):
    span = within()
    grid, best = dense(points, span)
    own = line(points, span)
    assert nauc(own) == pytest.approx(np.trapezoid(best, grid) / (span.high - span.low), abs=1e-5)
    assert peak(own) == pytest.approx(best.max(), abs=1e-9)


@given(POINTS)
def test_nauc_log_is_the_integral_over_the_logarithm_of_cost(points):
    span = within()
    grid, best = dense(points, span)
    expected = np.trapezoid(best, np.log(grid)) / math.log(span.high / span.low)
    assert nauc_log(line(points, span)) == pytest.approx(expected, abs=1e-5)


@given(POINTS, st.integers(0, 10))
def test_qnc_is_the_least_relative_cost_that_reaches_the_best_single_model(points, mark):
    span = within(best_utility=mark / 10)
    grid, best = dense(points, span)
    ratio = qnc(line(points, span), span)
    reached = best >= span.best_utility - 1e-9
    if reached.any():
        assert ratio == pytest.approx(grid[np.argmax(reached)] / span.best_cost, abs=1e-3)
    else:
        assert ratio == math.inf


@given(POINTS, st.data())
def test_hiding_points_gains_nothing(points, data):
    kept = data.draw(st.lists(st.sampled_from(points), min_size=1, unique=True))
    span = within()
    everything, some = measure(line(points, span), span), measure(line(kept, span), span)
    assert some["nauc"] <= everything["nauc"] + 1e-12
    assert some["peak"] <= everything["peak"] + 1e-12
    assert some["qnc"] >= everything["qnc"] - 1e-9


@given(POINTS, st.floats(1e-6, 1e6))
def test_the_unit_of_cost_does_not_matter(points, unit):
    one, other = within(), within(low=2.0 * unit, high=12.0 * unit, best_cost=8.0 * unit)
    scaled = [(c * unit, u) for c, u in points]
    first, second = measure(line(points, one), one), measure(line(scaled, other), other)
    assert first["nauc"] == pytest.approx(second["nauc"])
    assert first["nauc_log"] == pytest.approx(second["nauc_log"])
    assert first["qnc"] == pytest.approx(second["qnc"])


@given(POINTS)
def test_the_frontier_is_never_below_the_pareto_points_joined_by_lines(points):
    span = within()
    concave, pareto = line(points, span), line(points, span, hull="pareto")
    grid = np.linspace(span.low, span.high, 101)
    upper, lower = (np.interp(grid, one.cost, one.utility) for one in (concave, pareto))
    assert (upper >= lower - 1e-12).all()


def test_points_outside_the_range_count_through_mixtures():
    span = within(low=2.0, high=12.0, floor=0.0)
    assert line([(0, 2), (14, 9)], span).utility[-1] == pytest.approx(0.2 + 0.7 * 12 / 14)


def test_right_of_its_peak_the_frontier_is_constant():
    own = line([(4, 7), (11, 3)], within())
    assert own.utility[-1] == pytest.approx(0.7)


def test_at_equal_cost_the_higher_utility_counts():
    span = within()
    assert measure(line([(5, 3), (5, 8)], span), span) == measure(line([(5, 8)], span), span)


def test_qnc_is_infinite_where_the_mark_is_not_reached_and_finite_within_a_billionth():
    span = within(best_utility=0.8)
    assert qnc(line([(5, 7)], span), span) == math.inf
    assert qnc(frontier(np.array([5.0]), np.array([0.8 - 5e-10]), span), span) == pytest.approx(5 / 8)


def test_a_qnc_within_a_billionth_of_one_is_one():
    span = within(best_cost=5.0 * (1 + 1e-10), best_utility=0.7)
    assert qnc(line([(5, 7)], span), span) == 1.0


def test_a_best_model_that_costs_nothing_is_reached_at_its_own_cost():
    span = within(low=0.0, best_cost=0.0, floor=0.6)
    assert qnc(line([(5, 7)], span), span) == 1.0


def test_a_cheapest_model_that_costs_nothing_leaves_no_logarithmic_area():
    span = within(low=0.0)
    assert np.isnan(nauc_log(line([(5, 7)], span)))
    assert measure(line([(5, 7)], span), span)["nauc_log"] is None


def test_a_range_without_width_is_a_named_error():
    with pytest.raises(DegenerateError, match="both cost 2 USD"):
        line([(5, 7)], within(low=2.0, high=2.0))


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_skill_is_zero_for_the_constant_policy_and_one_for_the_oracle(own, constant, oracle):
    assume(oracle - constant > 1e-6)
    assert skill(constant, constant, oracle) == 0
    assert skill(oracle, constant, oracle) == 1
    value = skill(own, constant, oracle)
    assert np.isfinite(value)
    assert (value < 0) == (own < constant)


def test_skill_has_no_meaning_where_the_oracle_gains_nothing():
    assert np.isnan(skill(0.5, 0.5, 0.5))


def test_ties_go_to_the_more_accurate_cheapest_and_the_cheaper_best_model():
    utility = np.array([[0.0, 1.0, 1.0, 1.0]])
    cost = np.array([[1.0, 1.0, 3.0, 5.0]])
    singles = SingleModels.of(utility, cost)
    assert (singles.cheapest, singles.dearest, singles.best) == (1, 3, 1)


def test_a_corner_a_billionth_below_the_best_single_model_is_where_qnc_is_read():
    """Rounding leaves corners a hair below the mark; what the frontier still gains after one may cost a lot."""
    span = within(low=1.0, high=9.0, floor=0.1, best_cost=8.0, best_utility=0.7)
    own = frontier(np.array([2.0, 9.0]), np.array([0.7 - 5e-10, 0.7]), span)
    assert qnc(own, span) == 2 / 8
    below = frontier(np.array([2.0, 9.0]), np.array([0.7 - 2e-9, 0.7]), span)
    assert qnc(below, span) == pytest.approx(9 / 8)


def test_many_frontiers_have_the_figures_of_each_where_the_last_knot_is_repeated():
    span = within(best_utility=0.65)
    lines = [line(points, span) for points in ([(5, 7)], [(3, 4), (6, 6), (9, 9)], [(14, 2)])]
    longest = max(len(one.cost) for one in lines)

    def filled(name):
        return np.stack([np.pad(getattr(one, name), (0, longest - len(one.cost)), mode="edge") for one in lines])

    many = read_off(Frontier(cost=filled("cost"), utility=filled("utility")), span)
    for i, one in enumerate(lines):
        for metric, figures in read_off(one, span).items():
            assert figures == pytest.approx(many[metric][i], rel=1e-14)


def test_every_metric_is_read_off_a_frontier_or_stands_between_constant_policy_and_oracle():
    for name, metric in METRICS.items():
        assert name == metric.name
        assert name.isidentifier()
        assert (metric.function is None) == (metric.between is not None)
        assert metric.between is None or METRICS[metric.base].function is not None


@pytest.mark.parametrize("excess", [0.0, 1e-12, -1e-12])
def test_models_as_accurate_up_to_a_billionth_tie(excess):
    """Means that are equal in exact arithmetic may differ by rounding, and must not decide which model is best."""
    utility = np.array([[0.2, 0.2 + excess, 0.7, 0.7 + excess, 0.7 - 2e-9]])
    cost = np.array([[1.0, 1.0, 4.0, 3.0, 2.0]])
    singles = SingleModels.of(utility, cost)
    assert (singles.cheapest, singles.best) == (0, 3)


@pytest.mark.parametrize("name", ["utility", "cost"])
def test_an_outcome_that_is_missing_is_a_named_error(name):
    outcomes = {"utility": np.ones((3, 2)), "cost": np.array([[1.0, 2.0]] * 3)}
    outcomes[name][1, 0] = np.nan
    with pytest.raises(DataError, match=rf"{name}\[1, 0\] is nan"):
        SingleModels.of(**outcomes)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("hull", ["concave", "pareto"])
def test_an_operating_point_that_is_not_finite_is_a_named_error(value, hull):
    with pytest.raises(DataError, match=r"cost\[1\] is"):
        frontier(np.array([3.0, value]), np.array([0.5, 0.6]), within(), hull=hull)


def test_the_height_of_many_frontiers_is_that_of_each():
    span = within()
    lines = [line([(5, 7), (9, 8)], span), line([(4, 4), (6, 6)], span)]
    many = Frontier(cost=np.stack([one.cost for one in lines]), utility=np.stack([one.utility for one in lines]))
    for at in (0.0, 2.0, 4.5, 6.0, 12.0, 99.0):
        expected = [np.interp(at, one.cost, one.utility) for one in lines]
        np.testing.assert_allclose(height(many, np.array([at, at])), expected, rtol=1e-14)


def test_the_cost_range_holds_means_over_the_instances():
    utility, cost = np.array([[0.0, 1.0], [1.0, 1.0]]), np.array([[1.0, 4.0], [3.0, 6.0]])
    span = SingleModels.of(utility, cost).cost_range(utility, cost)
    assert span == CostRange(low=2.0, high=5.0, floor=0.5, best_cost=5.0, best_utility=1.0)


@pytest.mark.parametrize(
    ("shape", "message"), [((4, 1), "one model"), ((0, 3), "no complete instance"), ((4, 3), "cost the same")]
)
def test_a_table_without_anything_to_route_is_a_named_error(shape, message):
    with pytest.raises(DegenerateError, match=message):
        SingleModels.of(np.ones(shape), np.ones(shape))
