"""The sweeps against twins that ask for one trade-off weight, or one budget, at a time, in exact fractions."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mmr_core.errors import DataError, DegenerateError
from mmr_core.numerics.sweep import (
    BudgetCurve,
    OperatingCurve,
    _ascending,
    budget_sweep,
    choose,
    lambda_events,
    lambda_sweep,
)


def choice_at(utility, cost, trade_off: Fraction) -> int:
    """The model for one instance: highest score, lowest cost, highest utility, lowest index, in exact arithmetic."""
    lines = [
        (Fraction(float(u)) - trade_off * Fraction(float(c)), -Fraction(float(c)), Fraction(float(u)), -j)
        for j, (u, c) in enumerate(zip(utility, cost, strict=True))
    ]
    return -max(lines)[3]


def breakpoints(utility, cost) -> list[Fraction]:
    """Every lambda > 0 at which two lines of one instance cross, ascending."""
    found = set()
    for u, c in zip(utility, cost, strict=True):
        exact = [(Fraction(float(a)), Fraction(float(b))) for a, b in zip(u, c, strict=True)]
        found |= {(ui - uj) / (ci - cj) for ui, ci in exact for uj, cj in exact if ci > cj and ui > uj}
    return sorted(found)


def slow_lambda_sweep(pred_utility, pred_cost, utility, cost) -> list[tuple[float, float]]:
    """Mean (cost, utility) at 0 and at every breakpoint, repeats of a choice left out."""
    points, before = [], None
    for trade_off in [Fraction(0), *breakpoints(pred_utility, pred_cost)]:
        chosen = [choice_at(u, c, trade_off) for u, c in zip(pred_utility, pred_cost, strict=True)]
        if chosen != before:
            rows = np.arange(len(chosen))
            points.append((float(cost[rows, chosen].mean()), float(utility[rows, chosen].mean())))
        before = chosen
    return points


def slow_budget_sweep(pred_utility, pred_cost, utility, cost) -> list[tuple[float, float, float]]:
    """(budget, mean cost, mean utility) with no budget and at every predicted cost, repeats left out."""
    points, before = [], None
    for budget in [-np.inf, *np.unique(pred_cost)]:
        chosen = []
        for u, c in zip(pred_utility.tolist(), pred_cost.tolist(), strict=True):
            affordable = [j for j in range(len(c)) if c[j] <= budget]
            if affordable:
                chosen.append(min(affordable, key=lambda j: (-u[j], c[j], j)))
            else:
                chosen.append(min(range(len(c)), key=lambda j: (c[j], -u[j], j)))
        if chosen != before:
            rows = np.arange(len(chosen))
            points.append((budget, float(cost[rows, chosen].mean()), float(utility[rows, chosen].mean())))
        before = chosen
    return points


# Quarters and small whole numbers are exact in floating point, so exact ties stay exact.
COARSE = st.integers(0, 8).map(lambda i: i / 4)
FINE = st.floats(0, 1, width=16)


@st.composite
def tables(draw):
    """Predictions and outcomes; the coarse ones are full of ties, equal costs and collinear lines."""
    n, models = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    predicted = draw(st.sampled_from([COARSE, FINE]))
    return tuple(
        draw(arrays(np.float64, (n, models), elements=elements))
        for elements in (predicted, predicted, st.integers(0, 1).map(float), st.integers(0, 9).map(float))
    )


def points_of(curve: OperatingCurve | BudgetCurve) -> list[tuple[float, float]]:
    return list(zip(curve.cost.tolist(), curve.utility.tolist(), strict=True))


def without_repeats(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    return [points[0]] + [after for before, after in pairwise(points) if not np.allclose(before, after, atol=1e-9)]


@given(tables())
def test_a_sweep_reaches_exactly_the_points_that_asking_at_every_breakpoint_finds(table):
    fast = without_repeats(points_of(lambda_sweep(*table)))
    slow = without_repeats(slow_lambda_sweep(*table))
    np.testing.assert_allclose(fast, slow, atol=1e-9)


@given(tables())
def test_each_point_holds_from_its_trade_off_up_to_the_next(table):
    pred_utility, pred_cost, utility, cost = table
    curve = lambda_sweep(*table)
    ends = [*curve.trade_off[1:], 2 * curve.trade_off[-1] + 1]
    for i, (left, right) in enumerate(zip(curve.trade_off, ends, strict=True)):
        middle = Fraction(float(left)) + (Fraction(float(right)) - Fraction(float(left))) / 2
        chosen = [choice_at(u, c, middle) for u, c in zip(pred_utility, pred_cost, strict=True)]
        rows = np.arange(len(chosen))
        assert curve.cost[i] == pytest.approx(cost[rows, chosen].mean(), abs=1e-9)
        assert curve.utility[i] == pytest.approx(utility[rows, chosen].mean(), abs=1e-9)


@given(tables())
def test_trade_offs_start_at_zero_and_rise(table):
    trade_off = lambda_sweep(*table).trade_off
    assert trade_off[0] == 0
    assert (np.diff(trade_off) > 0).all()


@given(tables(), st.data())
def test_weights_count_like_repeated_instances(table, data):
    n = len(table[0])
    weights = np.array(data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n).filter(any)))
    repeated = [np.repeat(array, weights, axis=0) for array in table]
    events = lambda_events(*table)
    cost, utility = events.points(weights.astype(float))
    weighted = without_repeats(list(zip(cost[::-1], utility[::-1], strict=True)))
    np.testing.assert_allclose(weighted, without_repeats(points_of(lambda_sweep(*repeated))), atol=1e-9)


@given(tables())
def test_a_budget_sweep_finds_every_cap_that_changes_anything(table):
    curve = budget_sweep(*table)
    slow = slow_budget_sweep(*table)
    levels = [budget for budget, _, _ in slow]
    at = np.searchsorted(curve.budget, levels, side="right") - 1
    np.testing.assert_allclose(curve.cost[at], [cost for _, cost, _ in slow], atol=1e-9)
    np.testing.assert_allclose(curve.utility[at], [utility for _, _, utility in slow], atol=1e-9)
    assert set(curve.budget) <= set(levels)


@given(tables(), st.floats(0, 100))
def test_choosing_at_one_weight_agrees_with_the_curve(table, trade_off):
    pred_utility, pred_cost, utility, cost = table
    curve = lambda_sweep(*table)
    near = np.abs(curve.trade_off - trade_off) < 1e-6 * (1 + trade_off)
    assume(trade_off == 0 or not near.any())
    chosen = choose(pred_utility, pred_cost, trade_off)
    at = np.searchsorted(curve.trade_off, trade_off, side="right") - 1
    rows = np.arange(len(chosen))
    assert cost[rows, chosen].mean() == pytest.approx(curve.cost[at], abs=1e-9)
    assert utility[rows, chosen].mean() == pytest.approx(curve.utility[at], abs=1e-9)


@given(tables())
def test_float32_predictions_give_the_curve_of_their_exact_values(table):
    pred_utility, pred_cost, utility, cost = table
    small = pred_utility.astype(np.float32), pred_cost.astype(np.float32)
    from_small = lambda_sweep(*small, utility, cost)
    from_large = lambda_sweep(*(array.astype(np.float64) for array in small), utility, cost)
    np.testing.assert_array_equal(from_small.cost, from_large.cost)
    np.testing.assert_array_equal(from_small.utility, from_large.utility)


def test_events_that_differ_by_rounding_happen_together():
    utility = np.array([[0.3, 0.0], [0.1 + 0.2, 0.0]])
    cost = np.array([[1.0, 0.0], [1.0, 0.0]])
    curve = lambda_sweep(utility, cost, np.eye(2), cost)
    assert len(curve.trade_off) == 2
    assert curve.cost.tolist() == [1.0, 0.0]


@given(
    st.lists(st.floats(0, 1e3) | st.sampled_from([0.0, -0.0, 0.1, 0.1 + 2**-56, np.nextafter(0.1, 0), 5e-324, 1e300]))
)
def test_levels_are_sorted_as_argsort_sorts_them(levels):
    level = np.array(levels)
    order, ascending = _ascending(level)
    np.testing.assert_array_equal(order, np.argsort(level, kind="stable"))
    np.testing.assert_array_equal(ascending, np.sort(level))


def test_many_levels_that_differ_in_their_last_bits_are_sorted():
    rng = np.random.default_rng(0)
    level = np.repeat(rng.random(50), 400)
    for _ in range(3):
        level = np.where(rng.random(len(level)) < 0.5, level, np.nextafter(level, 1))
    rng.shuffle(level)
    order, ascending = _ascending(level)
    np.testing.assert_array_equal(order, np.argsort(level, kind="stable"))
    np.testing.assert_array_equal(ascending, np.sort(level))


def test_at_a_breakpoint_the_cheaper_model_wins():
    curve = lambda_sweep([[1.0, 0.5]], [[1.0, 0.0]], [[1.0, 0.0]], [[1.0, 0.0]])
    assert curve.trade_off.tolist() == [0.0, 0.5]
    assert curve.cost.tolist() == [1.0, 0.0]


def test_collinear_lines_jump_to_the_lowest_cost():
    curve = lambda_sweep([[1.0, 0.75, 0.5]], [[2.0, 1.0, 0.0]], [[0.0, 9.0, 0.0]], [[2.0, 1.0, 0.0]])
    assert curve.cost.tolist() == [2.0, 0.0]


def test_constant_predictions_move_every_instance_at_once():
    n = 500
    predicted = np.tile([0.9, 0.5, 0.4], (n, 1)), np.tile([3.0, 1.0, 0.9], (n, 1))
    assert len(lambda_sweep(*predicted, np.random.default_rng(0).random((n, 3)), predicted[1]).cost) == 3


def test_one_model_and_one_instance_give_one_point():
    curve = lambda_sweep([[0.5]], [[2.0]], [[1.0]], [[3.0]])
    assert (curve.trade_off.tolist(), curve.cost.tolist(), curve.utility.tolist()) == ([0.0], [3.0], [1.0])


def test_a_breakpoint_beyond_every_finite_weight_is_never_reached():
    curve = lambda_sweep([[1.0, 0.0]], [[5e-324, 0.0]], [[1.0, 0.0]], [[1.0, 0.0]])
    assert curve.cost.tolist() == [1.0]


def test_a_breakpoint_that_rounds_to_zero_has_happened_at_zero():
    curve = lambda_sweep([[5e-324, 0.0]], [[1e10, 0.0]], [[1.0, 0.0]], [[1.0, 0.0]])
    assert curve.trade_off.tolist() == [0.0]
    assert curve.cost.tolist() == [0.0]


def test_the_cheap_end_keeps_its_digits_beside_a_model_a_billion_times_dearer():
    n = 10_000
    rng = np.random.default_rng(0)
    cost = np.column_stack([np.full(n, 1e3), np.full(n, 1e-7)])
    curve = lambda_sweep(np.add(rng.random((n, 2)), [1, 0]), cost, np.ones((n, 2)), cost)
    assert curve.cost[-1] == pytest.approx(1e-7, rel=1e-12)


@pytest.mark.parametrize("weights", [None, np.array([3.0])])
def test_a_walk_over_a_model_a_trillion_times_dearer_ends_at_the_cost_of_its_last(weights):
    cost = np.array([[1e-12, 1e6, 3e-12]])
    up = lambda_sweep([[0.0, 0.5, 0.9]], [[1.0, 2.0, 4.0]], np.ones((1, 3)), cost, weights)
    np.testing.assert_allclose(up.cost, [3e-12, 1e6, 1e-12], rtol=1e-15)
    capped = budget_sweep([[0.0, 0.5, 0.9]], [[1.0, 2.0, 4.0]], np.ones((1, 3)), cost, weights)
    np.testing.assert_allclose(capped.cost[[0, -1]], [1e-12, 3e-12], rtol=1e-15)


@given(st.integers(0, 2**32 - 1), st.booleans())
def test_every_point_keeps_its_digits_where_costs_span_eighteen_orders_of_magnitude(seed, weighted):
    rng = np.random.default_rng(seed)
    predicted = rng.random((2, 7, 4))
    cost = 10.0 ** rng.integers(-12, 7, (7, 4)) * rng.random((7, 4))
    weights = rng.integers(1, 5, 7) if weighted else np.ones(7, dtype=int)
    curve = lambda_sweep(*predicted, np.ones((7, 4)), cost, weights.astype(float))
    ends = np.append(curve.trade_off[1:], 2 * curve.trade_off[-1] + 1)
    for trade_off, found in zip((curve.trade_off + ends) / 2, curve.cost, strict=True):
        chosen = choose(*predicted, trade_off)
        terms = [int(w) * Fraction(cost[i, j]) for i, (w, j) in enumerate(zip(weights, chosen, strict=True))]
        assert found == pytest.approx(float(sum(terms) / int(weights.sum())), rel=1e-13)


def test_of_models_that_take_over_together_at_one_cost_the_more_useful_wins():
    """Both crossings are too small for a number and round to 0."""
    utility, cost = np.array([[1e-320, 0.0, 1e-323]]), np.array([[1e10, 1.0, 1.0]])
    curve = lambda_sweep(utility, cost, utility, np.array([[9.0, 1.0, 2.0]]))
    assert curve.cost.tolist() == [2.0]
    assert choose(utility, cost, 1.0).tolist() == [2]


def test_rows_beyond_one_chunk_count_like_the_others():
    rng = np.random.default_rng(1)
    table = [rng.random((9000, 4)) for _ in range(4)]
    curve = lambda_sweep(*table)
    for trade_off in (0.0, 0.3, 2.0):
        chosen = choose(table[0], table[1], trade_off)
        at = np.searchsorted(curve.trade_off, trade_off, side="right") - 1
        assert curve.cost[at] == pytest.approx(table[3][np.arange(9000), chosen].mean(), rel=1e-12)


def test_at_an_infinite_weight_only_cost_counts():
    assert choose(np.array([[0.9, 0.2, 0.3]]), np.array([[5.0, 1.0, 1.0]]), np.inf).tolist() == [2]


@pytest.mark.parametrize("name", ["pred_utility", "pred_cost", "utility", "cost"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_number_that_is_not_finite_is_refused_by_name_and_place(name, value):
    table = dict.fromkeys(("pred_utility", "pred_cost", "utility", "cost"), np.ones((3, 2)))
    table[name] = table[name].copy()
    table[name][1, 0] = value
    with pytest.raises(DataError, match=rf"{name}\[1, 0\] is {value}"):
        lambda_sweep(**table)


def test_arrays_of_unequal_shapes_are_refused():
    with pytest.raises(DataError, match=r"cost has shape \(3, 1\)"):
        budget_sweep(np.ones((3, 2)), np.ones((3, 2)), np.ones((3, 2)), np.ones((3, 1)))


def test_an_array_of_words_is_refused():
    with pytest.raises(DataError, match="not numbers"):
        lambda_sweep(np.array([["a"]]), np.ones((1, 1)), np.ones((1, 1)), np.ones((1, 1)))


def test_complex_numbers_are_refused():
    with pytest.raises(DataError, match="cost holds complex128, not numbers"):
        lambda_sweep(*[np.ones((1, 2))] * 3, np.ones((1, 2), dtype=complex))


def test_a_masked_array_is_refused_for_its_hidden_values_would_count():
    with pytest.raises(DataError, match="utility is a masked array"):
        lambda_sweep(*[np.ones((1, 2))] * 2, np.ma.masked_less(np.ones((1, 2)), 2), np.ones((1, 2)))


@pytest.mark.parametrize("sweep", [lambda_sweep, budget_sweep])
def test_more_models_than_sixteen_bits_count_are_refused(sweep):
    table = [np.ones((1, 32_768))] * 4
    with pytest.raises(DataError, match="32,768 models are too many"):
        sweep(*table)
    assert len(sweep(*(array[:, 1:] for array in table)).cost) == 1


@pytest.mark.parametrize("shape", [(0, 3), (3, 0)])
def test_no_instance_or_no_model_is_a_named_error(shape):
    with pytest.raises(DegenerateError, match=r"expected at least one instance and one model, got shape \("):
        lambda_sweep(*[np.ones(shape)] * 4)


@pytest.mark.parametrize("weights", [[1.0], [-1.0, 1.0], [np.nan, 1.0], [0.0, 0.0]])
def test_weights_that_weigh_nothing_are_refused(weights):
    with pytest.raises(DataError, match="weights"):
        lambda_sweep(*[np.ones((2, 2))] * 4, weights=np.array(weights))


def test_choosing_at_a_huge_weight_keeps_cost_first_and_utility_second():
    utility = np.array([[0.3, 0.5], [0.5, 0.2]])
    cost = np.array([[0.1, 0.1], [1e-3, np.nextafter(1e-3, 0)]])
    curve = lambda_sweep(utility, cost, utility, cost)
    chosen = choose(utility, cost, 2 * curve.trade_off[-1])
    assert chosen.tolist() == [1, 1]
    assert utility[[0, 1], chosen].mean() == curve.utility[-1]


def test_choosing_at_a_weight_whose_product_overflows_takes_the_cheapest():
    assert choose(np.array([[0.3, 0.5]]), np.array([[10.0, 20.0]]), 1e308).tolist() == [0]
