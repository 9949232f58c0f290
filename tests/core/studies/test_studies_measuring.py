"""What a record of a cell says: the figures of `mmr run`, pooled frontiers, and policies along the grid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmr_core.numerics.bootstrap import metric_draws
from mmr_core.numerics.envelope import concave_envelope
from mmr_core.numerics.metrics import frontier, measure
from mmr_core.numerics.sweep import choose
from mmr_core.runner.evaluate import evaluate
from mmr_core.runner.grid import along_grid
from mmr_core.runner.options import Entrant, Options
from mmr_core.runner.policies import GRID, Decided, Pooled, Scored
from mmr_core.studies import Cell

FEW = st.integers(0, 3).map(lambda k: k / 4)
"""Few values, so that ties are common."""


def grids(n, models):
    return st.lists(FEW, min_size=n * models, max_size=n * models).map(lambda v: np.array(v).reshape(n, models))


@st.composite
def outcomes(draw, parts=1):
    n, models = draw(st.integers(1, 6)), draw(st.integers(2, 4))
    return [draw(grids(n, models)) for _ in range(2 + 2 * parts)]


def test_a_cell_gives_the_figures_draws_and_references_of_an_evaluation(setting, run, source_for):
    results = run([Cell(test="both"), Cell(test="both", router="tilted", seed=3), Cell(test="both", router="coin")])
    column = evaluate(
        setting.table,
        setting.columns[-1],
        [Entrant(name="tilted"), Entrant(name="coin")],
        source=source_for(None),
        registry=setting.registry,
        options=Options(draws=20, seeds=(3,)),
    )
    assert len(column.whole.rows) == len(results.records)
    for row in column.whole.rows:
        (record,) = results.where(name=row.name)
        assert record.kind == row.kind
        for metric, estimate in row.metrics.items():
            assert record.metrics[metric] == estimate.value
            np.testing.assert_array_equal(record.draws[metric], row.draws[metric])
            assert record.estimate(metric).low == estimate.low
        np.testing.assert_array_equal(record.frontier_cost, row.curves[0].cost)
        np.testing.assert_array_equal(record.frontier_utility, row.curves[0].utility)
        np.testing.assert_array_equal(record.frontier_trade_off, row.curves[0].trade_off)
        assert record.within == column.whole.within
        assert record.best_single == column.whole.best
        assert record.instances == column.whole.instances
        assert record.learned_from == column.train


def test_skill_has_one_scale_on_a_test_split_wherever_a_router_learned(run):
    cells = [Cell(test="alpha"), Cell(test="alpha", router="tilted", learn_from=("gamma",))]
    results = run(cells)
    constant, oracle = results.reference("alpha", "constant"), results.reference("alpha", "oracle")
    (moved,) = results.where(router="tilted")
    room = oracle.metrics["nauc"] - constant.metrics["nauc"]
    assert moved.metrics["skill"] == pytest.approx((moved.metrics["nauc"] - constant.metrics["nauc"]) / room)


def test_the_references_of_a_transfer_have_the_constant_of_what_is_learned_from(run, setting):
    results = run([Cell(test="alpha"), Cell(test="alpha", learn_from=("gamma",))])
    home = results.reference("alpha", "constant")
    away = next(r for r in results.where(name="constant") if r.cell.learn_from)
    assert home.cell.learn_from == ()
    assert away.learned_from != home.learned_from
    assert away.along.share.tolist() != home.along.share.tolist() or away.metrics != home.metrics
    assert home.metrics["skill"] == 0


@settings(deadline=None, max_examples=60)
@given(made=outcomes(parts=3), weights=st.data())
def test_a_pooled_frontier_is_that_of_the_points_of_all_parts(made, weights):
    utility, cost, *predicted = made
    parts = [Scored(predicted[2 * i], predicted[2 * i + 1]) for i in range(3)]
    pooled = Pooled(tuple(parts))
    n = len(utility)
    weight = np.array(weights.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n).filter(any)), dtype=float)
    together = pooled.operating(utility, cost)
    slow = set()
    for part in parts:
        for trade_off in [0.0, *np.unique(part.curve(utility, cost).trade_off)]:
            u, c = part.outcome(trade_off, utility, cost)
            slow.add((round(float(c @ weight / weight.sum()), 9), round(float(u @ weight / weight.sum()), 9)))
    points = together.points(weight)
    assert slow <= {(round(c, 9), round(u, 9)) for c, u in zip(*points, strict=True)}
    assert len(points[0]) == sum(len(part.operating(utility, cost).points()[0]) for part in parts)
    drawn = together.corners(weight[None], (np.array([2.0]), np.array([-1.0])))
    best = concave_envelope(*points)
    np.testing.assert_allclose(np.interp(best[0], drawn.cost, drawn.utility), best[1], atol=1e-12)
    np.testing.assert_allclose(np.interp(drawn.cost, *best), drawn.utility, atol=1e-12)
    curve = pooled.curve(utility, cost)
    assert (np.diff(curve.trade_off) >= 0).all()
    assert sorted(zip(curve.cost, curve.utility, strict=True)) == sorted(zip(*together.points(), strict=True))


def test_a_pooled_cell_has_the_best_frontier_of_its_parts_united_with_draws_of_the_union(run, setting, source_for):
    tilts = (-0.05, 0.02, 0.2)
    cells = [Cell(test="both", router="tilted", pooled={"tilt": tilts})]
    cells += [Cell(test="both", router="tilted", parameters={"tilt": tilt}) for tilt in tilts]
    pooled, *parts = run(cells).records
    united = frontier(
        np.concatenate([part.frontier_cost for part in parts]),
        np.concatenate([part.frontier_utility for part in parts]),
        pooled.within,
    )
    assert pooled.metrics["nauc"] == pytest.approx(measure(united, pooled.within)["nauc"])
    assert pooled.metrics["nauc"] >= max(part.metrics["nauc"] for part in parts)
    assert (pooled.draws["nauc"] >= np.max([part.draws["nauc"] for part in parts], axis=0) - 1e-12).all()
    assert (pooled.draws["nauc"] > np.min([part.draws["nauc"] for part in parts], axis=0)).any()
    assert pooled.along is None


def test_the_draws_of_a_union_are_those_of_one_frontier_and_not_a_mean(setting):
    rng = np.random.default_rng(1)
    utility, cost = rng.random((30, 3)), rng.random((30, 3)) * [1, 2, 3]
    from mmr_core.numerics.bootstrap import draw
    from mmr_core.numerics.metrics import CostRange, SingleModels

    sample = draw(utility, cost, ["a"] * 30, SingleModels.of(utility, cost), draws=10)
    parts = [Scored(rng.random((30, 3)), rng.random((30, 3))) for _ in range(2)]
    drawn = metric_draws([Pooled(tuple(parts)).operating(utility, cost)], sample)
    for b in range(10):
        within = CostRange(**{name: float(values[b]) for name, values in vars(sample.ranges).items()})
        weights = sample.weights[b].astype(float)
        points = [part.operating(utility, cost).points(weights) for part in parts]
        line = frontier(*(np.concatenate(axis) for axis in zip(*points, strict=True)), within)
        assert drawn["nauc"][b] == pytest.approx(measure(line, within)["nauc"])


@settings(deadline=None, max_examples=80)
@given(made=outcomes())
def test_the_choices_along_the_grid_are_those_of_the_sweep(made):
    utility, cost, pred_utility, pred_cost = made
    policy = Scored(pred_utility, pred_cost)
    fast = [decisions.choice for decisions in policy.decisions_along(GRID)]
    for g, weight in enumerate(GRID):
        assert fast[g].tolist() == choose(pred_utility, pred_cost, float(weight)).tolist()
    along = along_grid(policy, utility, cost, keep_choices=True)
    for g, weight in enumerate(GRID):
        u, c = policy.outcome(float(weight), utility, cost)
        assert along.utility[g] == pytest.approx(u.mean())
        assert along.cost[g] == pytest.approx(c.mean())
    np.testing.assert_allclose(along.share.sum(axis=1), 1)
    np.testing.assert_array_equal(along.choices, fast)


def test_a_policy_router_is_followed_along_the_grid_and_lots_are_no_choices(run):
    (coin,) = run([Cell(test="alpha", router="coin", keep_choices=True)]).records
    assert coin.along.choices is None
    low = GRID <= 1
    np.testing.assert_array_equal(coin.along.share[low], np.tile([0, 0, 0, 1.0], (low.sum(), 1)))
    np.testing.assert_allclose(coin.along.share[~low], 0.25)


def test_a_certain_policy_has_choices():
    policy = Decided(np.array([0.0, 1.0]), (np.eye(2)[[0, 1]], np.eye(2)[[0, 0]]))
    along = along_grid(policy, np.ones((2, 2)), np.ones((2, 2)), keep_choices=True)
    assert along.choices.dtype == np.int16
    assert along.choices[0].tolist() == [0, 1]
    assert along.choices[-1].tolist() == [0, 0]
    assert along_grid(policy, np.ones((2, 2)), np.ones((2, 2)), keep_choices=False).choices is None


def test_choices_stand_in_the_order_of_the_complete_test_instances(run, setting):
    (record,) = run([Cell(test="alpha", router="tilted", keep_choices=True)]).records
    from mmr_core.runner.prepare import parted

    column = parted(setting.table, setting.columns[0], Options())
    cost = column.table.cost[column.test]
    for g in range(len(GRID)):
        chosen = record.along.choices[g]
        assert cost[np.arange(len(cost)), chosen].mean() == pytest.approx(record.along.cost[g])
    assert record.along.choices.shape == (len(GRID), record.instances)
