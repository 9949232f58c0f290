"""The authors' figures: the fast sweep against the plain loop over thresholds, bit for bit."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmr_core.authors import (
    AuthorsMetrics,
    authors_metrics,
    authors_oracle,
    authors_point_metrics,
    best_single,
    random_points,
)
from mmr_core.errors import UsageError

PREDICTIONS = ["ties", "continuous", "constant", "clusters", "negative costs", "far apart"]


def naive_mean(values: list[float], pairwise: bool) -> float:
    if pairwise:
        return float(np.mean(np.array(values)))
    total = 0.0
    for value in values:
        total += value
    return total / len(values)


def naive_figures(points: list[tuple[float, float]], utility: Any, cost: Any) -> AuthorsMetrics:
    front: list[tuple[float, float]] = []
    for point in sorted(points, key=lambda point: (point[0], -point[1])):
        if not front or point[1] > front[-1][1]:
            front.append(point)
    accuracies = [float(np.mean(utility[:, j].copy())) for j in range(utility.shape[1])]
    best = accuracies.index(max(accuracies))
    best_cost = float(np.mean(cost[:, best].copy()))
    area = sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in itertools.pairwise(front))
    width = front[-1][0] - front[0][0]
    reached = [c for c, u in front if u >= accuracies[best]]
    return AuthorsMetrics(
        nauc=area / width if width > 0 else math.nan,
        peak=front[-1][1],
        qnc=reached[0] / best_cost if reached and best_cost > 0 else math.inf,
    )


def naive_metrics(pred_utility: Any, pred_cost: Any, utility: Any, cost: Any, pairwise: bool = False) -> AuthorsMetrics:
    """DESIGN's words as a loop: for every threshold, for every instance, for every model."""
    points = []
    for threshold in sorted(set(pred_cost.ravel())):
        utilities, costs = [], []
        for i in range(len(utility)):
            choice, best = 0, -math.inf
            for j in range(utility.shape[1]):
                if pred_cost[i, j] <= threshold and pred_utility[i, j] > best:
                    choice, best = j, pred_utility[i, j]
            utilities.append(float(utility[i, choice]))
            costs.append(float(cost[i, choice]))
        points.append((naive_mean(costs, pairwise), naive_mean(utilities, pairwise)))
    return naive_figures(points, utility, cost)


def predictions(generator: np.random.Generator, flavour: str, n: int, models: int) -> tuple[np.ndarray, np.ndarray]:
    shape = (n, models)
    if flavour == "ties":
        return generator.integers(0, 3, shape) / 3, generator.integers(0, 4, shape) * 0.1
    if flavour == "constant":
        return np.full(shape, 0.5), np.full(shape, 1e-6)
    if flavour == "clusters":
        labels = generator.integers(0, 3, n)
        return generator.random((3, models))[labels], generator.random((3, models))[labels]
    if flavour == "negative costs":
        return generator.normal(size=shape), generator.normal(size=shape).round(1)
    if flavour == "far apart":
        return generator.random(shape), 10.0 ** generator.uniform(-7, -1, shape)
    return generator.random(shape), generator.random(shape)


def outcomes(generator: np.random.Generator, flavour: str, n: int, models: int) -> tuple[np.ndarray, np.ndarray]:
    shape = (n, models)
    utility = {
        "right or wrong": lambda: generator.integers(0, 2, shape).astype(float),
        "fractional": lambda: generator.choice([0.0, 0.1, 1 / 3, 0.7, 1.0], shape),
        "filled": lambda: np.where(generator.random(shape) < 0.2, 1 / 3, generator.integers(0, 2, shape)),
        "continuous": lambda: generator.random(shape),
    }[flavour]()
    cost = 10.0 ** generator.uniform(-7, -1, shape)
    if generator.random() < 0.3:
        cost = generator.choice([0.0, 1e-7, 3e-7, 0.1], shape)
    if generator.random() < 0.3:
        cost[:, 0] = 1e3  # the fallback is far dearer than all others
    return utility, cost


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, models = draw(st.integers(1, 12)), draw(st.integers(1, 5))
    pred_utility, pred_cost = predictions(generator, draw(st.sampled_from(PREDICTIONS)), n, models)
    utility, cost = outcomes(
        generator, draw(st.sampled_from(["right or wrong", "fractional", "filled", "continuous"])), n, models
    )
    if draw(st.booleans()):
        pred_utility, pred_cost = pred_utility.astype(np.float32), pred_cost.astype(np.float32)
    return pred_utility, pred_cost, utility, cost


def same(one: AuthorsMetrics, other: AuthorsMetrics) -> bool:
    """Peak and QNC to the last bit; the area is summed in another order."""
    close = (one.nauc == pytest.approx(other.nauc, rel=1e-12, abs=0, nan_ok=True)) is True
    return close and (one.peak, one.qnc) == (other.peak, other.qnc)


@settings(max_examples=600, deadline=None)
@given(cases())
def test_the_sweep_finds_what_the_loop_over_thresholds_finds(case: tuple[np.ndarray, ...]) -> None:
    assert same(authors_metrics(*case), naive_metrics(*case))


@settings(max_examples=200, deadline=None)
@given(cases())
def test_the_oracle_is_the_sweep_on_the_true_values(case: tuple[np.ndarray, ...]) -> None:
    _, _, utility, cost = case
    assert same(authors_oracle(utility, cost), naive_metrics(utility, cost, utility, cost, pairwise=True))


@pytest.mark.parametrize("flavour", PREDICTIONS)
@pytest.mark.parametrize("kind", ["right or wrong", "filled"])
def test_the_sweep_agrees_with_the_loop_over_many_instances(flavour: str, kind: str) -> None:
    generator = np.random.default_rng(7)
    pred_utility, pred_cost = predictions(generator, flavour, 300, 6)
    utility, cost = outcomes(generator, kind, 300, 6)
    rows = np.arange(300)
    points = []
    for threshold in np.unique(pred_cost):
        choice = np.where(pred_cost <= threshold, pred_utility, -np.inf).argmax(axis=1)
        points.append((naive_mean(list(cost[rows, choice]), False), naive_mean(list(utility[rows, choice]), False)))
    assert same(authors_metrics(pred_utility, pred_cost, utility, cost), naive_figures(points, utility, cost))


def test_a_model_that_nobody_can_afford_gives_way_to_model_0() -> None:
    pred_utility = np.array([[0.1, 0.9], [0.2, 0.8]])
    pred_cost = np.array([[5.0, 1.0], [9.0, 8.0]])
    utility = np.array([[0.0, 1.0], [0.5, 0.25]])
    cost = np.array([[10.0, 1.0], [20.0, 2.0]])
    # C = 1 and 5: model 1, and model 0 as fallback, (10.5, 0.75); from C = 8 on: model 1 twice, (1.5, 0.625).
    found = authors_metrics(pred_utility, pred_cost, utility, cost)
    assert found == AuthorsMetrics(nauc=(0.625 + 0.75) / 2, peak=0.75, qnc=1.0)


def test_predictions_tie_in_the_dtype_they_come_in() -> None:
    pred_utility = np.array([[0.5, 0.5 + 1e-9]])
    pred_cost = np.array([[1.0, 1.0]])
    utility, cost = np.array([[0.0, 1.0]]), np.array([[1.0, 2.0]])
    assert authors_metrics(pred_utility, pred_cost, utility, cost).peak == 1.0
    assert authors_metrics(pred_utility.astype(np.float32), pred_cost, utility, cost).peak == 0.0


def test_a_single_point_has_no_area() -> None:
    found = authors_point_metrics([0.3], [0.6], 0.5, 0.1)
    assert math.isnan(found.nauc)
    assert (found.peak, found.qnc) == (0.6, pytest.approx(3.0))


def test_points_may_come_in_any_order_and_dominated_ones_do_not_count() -> None:
    found = authors_point_metrics([3.0, 1.0, 2.0, 1.0], [0.8, 0.4, 0.2, 0.3], 0.9, 1.0)
    assert found == AuthorsMetrics(nauc=pytest.approx(0.6), peak=0.8, qnc=math.inf)


def test_quality_of_a_best_model_that_costs_nothing_is_never_neutral() -> None:
    assert authors_point_metrics([0.0, 1.0], [0.5, 0.7], 0.5, 0.0).qnc == math.inf


def test_the_first_of_equally_accurate_models_is_the_best() -> None:
    assert best_single([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 1.0, 0.0]], np.ones((3, 3))) == (0, 2 / 3, 1.0)


def test_random_points_are_fifty_successive_draws_of_one_generator() -> None:
    generator = np.random.default_rng(3)
    utility, cost = generator.random((20, 4)), generator.random((20, 4))
    costs, utilities = random_points(utility, cost, seed=11)
    draws = np.random.default_rng(11)
    for k in range(50):
        choice = draws.integers(0, 4, 20)
        assert costs[k] == naive_mean([cost[i, j] for i, j in enumerate(choice)], False)
        assert utilities[k] == naive_mean([utility[i, j] for i, j in enumerate(choice)], False)
    assert len(costs) == 50


@pytest.mark.parametrize("position", range(4))
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_number_that_is_none_is_refused_by_name_and_place(position: int, value: float) -> None:
    arrays = [np.ones((3, 2)) for _ in range(4)]
    arrays[position][2, 1] = value
    name = ["pred_utility", "pred_cost", "utility", "cost"][position]
    with pytest.raises(UsageError, match=f"{name} is {value} in row 2, model 1"):
        authors_metrics(*arrays)


@pytest.mark.parametrize("shape", [(3,), (3, 1), (0, 2), (2, 3)])
def test_arrays_of_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="arrays of one shape"):
        authors_metrics(np.ones((3, 2)), np.ones((3, 2)), np.ones((3, 2)), np.ones(shape))


def test_an_empty_table_is_refused() -> None:
    with pytest.raises(UsageError, match="arrays of one shape"):
        authors_oracle(np.ones((0, 2)), np.ones((0, 2)))


def test_words_are_no_predictions() -> None:
    with pytest.raises(UsageError, match="dtype"):
        authors_metrics([["a"]], [[1.0]], [[1.0]], [[1.0]])


@pytest.mark.parametrize(("costs", "utilities"), [([], []), ([1.0], [1.0, 2.0]), ([np.nan], [1.0])])
def test_points_that_are_none_are_refused(costs: list[float], utilities: list[float]) -> None:
    with pytest.raises(UsageError, match="point"):
        authors_point_metrics(costs, utilities, 0.5, 1.0)
