"""One column: curves, references, the chosen operating point, seeds, slices, incomplete instances."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from mmr_core.errors import DataError
from mmr_core.numerics.sweep import choose, lambda_sweep
from mmr_core.registry import Registry
from mmr_core.runner.evaluate import evaluate
from mmr_core.runner.fit import middle_of_interval
from mmr_core.runner.options import Entrant, Options
from mmr_core.specs import DatasetSpec
from mmr_core.splits import train_mask, validation_mask


def test_the_curve_of_a_router_is_the_sweep_of_its_predictions_on_the_test_split(table, run):
    own = table(models=3, instances=200, datasets=("alpha",))
    row = run(own, "mean").whole.row("mean")
    train = train_mask(own.dataset, own.instance_id)
    utility, cost = own.utility[~train], own.cost[~train]
    means = own.utility[train].mean(axis=0), own.cost[train].mean(axis=0)
    n = len(utility)
    curve = lambda_sweep(np.tile(means[0], (n, 1)), np.tile(means[1], (n, 1)), utility, cost)
    assert set(np.round(row.curves[0].cost, 15)) <= set(np.round(curve.cost, 15))
    assert row.metrics["nauc"].value == pytest.approx(
        next(r for r in run(own, "mean").whole.rows if r.name == "constant").metrics["nauc"].value
    )
    assert row.metrics["skill"].value == pytest.approx(0, abs=1e-9)


def test_references_bound_the_routers(table, run):
    whole = run(table(models=4, instances=300, datasets=("alpha",)), "mean", "coin").whole
    nauc = {row.name: row.metrics["nauc"].value for row in whole.rows}
    assert nauc["oracle"] == max(nauc.values())
    assert whole.row("oracle").metrics["skill"].value == 1
    assert whole.row("constant").metrics["skill"].value == 0
    assert whole.row("oracle-cost-unaware").metrics["peak"].value == pytest.approx(
        whole.row("oracle").metrics["peak"].value
    )
    assert {f"model:m{j}" for j in range(4)} <= set(nauc) or sum(name.startswith("model:") for name in nauc) == 4


def test_the_best_single_model_reaches_itself_at_its_own_cost(table, run):
    whole = run(table(models=4, instances=300, datasets=("alpha",))).whole
    row = whole.row("best-single")
    assert row.metrics["peak"].value == pytest.approx(whole.within.best_utility)
    assert row.metrics["qnc"].value == 1


def test_the_chosen_operating_point_comes_from_validation(table, run):
    own = table(models=3, instances=400, datasets=("alpha",))
    row = run(own, "mean").whole.row("mean")
    train = train_mask(own.dataset, own.instance_id)
    held_out = validation_mask(own.dataset, own.instance_id)
    fit = train & ~held_out
    scale = own.cost[train].max()

    def predicted(rows, n):
        return np.tile(own.utility[rows].mean(axis=0), (n, 1)), np.tile(own.cost[rows].mean(axis=0) / scale, (n, 1))

    curve = lambda_sweep(*predicted(fit, held_out.sum()), own.utility[held_out], own.cost[held_out])
    best = min(range(len(curve.cost)), key=lambda i: (-round(curve.utility[i], 12), curve.cost[i]))
    ends = [*curve.trade_off[1:], None]
    left = curve.trade_off[best]
    weight = (left + ends[best]) / 2 if ends[best] is not None else (2 * left or 1.0)
    assert row.chosen["trade_off"].value == pytest.approx(weight)
    n = (~train).sum()
    chosen = choose(*predicted(train, n), weight)
    assert row.chosen["utility"].value == pytest.approx(own.utility[~train][np.arange(n), chosen].mean())
    assert row.chosen["cost"].value == pytest.approx(own.cost[~train][np.arange(n), chosen].mean())


def test_without_a_validation_instance_there_is_no_chosen_point_and_a_reason(table, run):
    own = table(models=3, instances=400, datasets=("alpha",))
    own = own.take(~validation_mask(own.dataset, own.instance_id))
    chosen = run(own, "mean").whole.row("mean").chosen
    assert chosen["utility"].value is None
    assert chosen["utility"].reason == "no complete validation instance"


def test_the_order_of_the_file_changes_no_number(table, run):
    own = table(models=3, instances=200, datasets=("alpha",))
    shuffled = own.take(np.random.default_rng(0).permutation(200))
    first, second = (run(t, "mean").whole.row("mean") for t in (own, shuffled))
    assert first.metrics == second.metrics


def test_seeds_are_averaged(table, run):
    own = table(models=3, instances=200, datasets=("alpha",))
    each = [run(own, "mean", seeds=(s,)).whole.row("mean").metrics["peak"].value for s in (0, 1)]
    both = run(own, "mean", seeds=(0, 1)).whole.row("mean")
    assert both.metrics["peak"].value == pytest.approx(np.mean(each))
    assert len(both.curves) == 2


def test_two_processes_give_the_numbers_of_one(table, source):
    own = table(models=3, instances=200, datasets=("alpha",))
    registry = Registry.discover()
    entrants = [Entrant(name="linear"), Entrant(name="kmeans", parameters={"clusters": 3})]
    results = [
        evaluate(
            own, own.spec_of("alpha"), entrants, source=source, registry=registry, options=Options(draws=10), jobs=j
        )
        for j in (1, 2)
    ]
    assert [row.metrics for row in results[0].whole.rows] == [row.metrics for row in results[1].whole.rows]


def test_a_mixture_is_fitted_once_and_its_slices_are_reported(table, registry, source, handed):
    own = table(models=3, instances=400, datasets=("alpha", "beta"))
    mixture = DatasetSpec(
        name="both", title="Both", scenario="mixture", modalities=("text",), members=("alpha", "beta")
    )
    column = evaluate(own, mixture, [Entrant(name="mean")], source=source, registry=registry, options=Options(draws=10))
    assert column.members == ("alpha", "beta")
    assert [part.name for part in column.slices] == ["alpha", "beta"]
    assert sum(part.instances for part in column.slices) == column.whole.instances
    assert len([thing for thing in handed if hasattr(thing, "validation")]) == 2


def test_categories_are_reported_where_the_table_has_them(table, run):
    own = table(models=3, instances=300, datasets=("alpha",))
    own = dataclasses.replace(own, category=np.array(["even", "odd"] * 150, dtype=object))
    column = run(own, "mean")
    assert [(part.name, part.kind) for part in column.slices] == [("even", "category"), ("odd", "category")]


def test_a_category_that_cannot_be_measured_is_skipped_with_its_reason(table, run):
    own = table(models=2, instances=300, datasets=("alpha",))
    names = np.array(["most"] * 300, dtype=object)
    lonely = np.flatnonzero(~train_mask(own.dataset, own.instance_id))[0]
    names[lonely] = "lonely"
    cost = own.cost.copy()
    cost[lonely] = 1e-6
    own = dataclasses.replace(own, category=names, cost=cost)
    assert "cost the same" in run(own, "mean").skipped["lonely"]


def test_incomplete_test_instances_are_left_out_and_counted(table, run):
    own = table(models=3, instances=400, datasets=("alpha",))
    utility = own.utility.copy()
    gone = np.flatnonzero(~train_mask(own.dataset, own.instance_id))[:4]
    utility[gone, 1] = np.nan
    column = run(dataclasses.replace(own, utility=utility), "mean")
    [gap] = column.left_out
    assert (gap.instances, gap.models) == (4, {own.models[1].name: 4})
    assert column.whole.instances == column.test - 4


def test_too_many_incomplete_test_instances_are_refused_unless_allowed(table, run):
    own = table(models=3, instances=400, datasets=("alpha",), missing=0.1)
    with pytest.raises(DataError, match=r"test instances \(\d+\.\d\d%\) lack an outcome.*--allow-incomplete"):
        run(own, "mean")
    assert run(own, "mean", allow_incomplete=True).whole.instances > 0


@pytest.mark.parametrize(
    ("trade_off", "point", "expected"),
    [
        ([0.0, 2.0, 6.0], 0, 1.0),
        ([0.0, 2.0, 6.0], 1, 4.0),
        ([0.0, 2.0, 6.0], 2, 12.0),
        ([0.0], 0, 1.0),
        ([0.0, 3.0, np.inf], 1, 6.0),
    ],
)
def test_a_chosen_weight_is_the_middle_of_its_interval_and_beyond_the_last_point_twice_its_left_end(
    trade_off, point, expected
):
    assert middle_of_interval(np.array(trade_off), point) == expected
