"""What routing saves: checked against the metrics, against plain enumeration, and against peeking at test outcomes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmr_core.errors import DataError, DegenerateError, UsageError
from mmr_core.outcomes import Status
from mmr_core.runner.evaluate import evaluate
from mmr_core.runner.measure import Yardstick
from mmr_core.runner.options import Entrant, Options
from mmr_core.runner.policies import Decided, Scored
from mmr_core.runner.references import TestSet as Evaluated
from mmr_core.savings.marks import Marks, measure_router
from mmr_core.savings.operating import Asked, cheapest_trade_off
from mmr_core.savings.pool import pooled
from mmr_core.specs import ModelSpec
from mmr_core.splits import train_mask

NOTHING_CHOSEN = {"cost": None, "quality": None}


def instances(utility, cost):
    return Evaluated(
        name="t",
        kind="dataset",
        utility=utility,
        cost=cost,
        datasets=("t",) * len(utility),
        training_means=(utility.mean(axis=0), cost.mean(axis=0)),
        cost_scale=float(cost.max()),
        models=tuple(ModelSpec(name=f"m{j}", title="") for j in range(utility.shape[1])),
    )


def by_enumeration(points, utility, budget):
    """Least cost at a utility and greatest utility at a cost, over all mixtures of two (cost, utility) points."""
    least, greatest = np.inf, -np.inf
    for c, u in points:
        for d, v in points:
            shares = {0.0, 1.0}
            if u != v:
                shares.add((utility - v) / (u - v))
            if c != d:
                shares.add((budget - d) / (c - d))
            for share in shares:
                if 0 <= share <= 1:
                    cost, reached = share * c + (1 - share) * d, share * u + (1 - share) * v
                    if reached >= utility - 1e-9:
                        least = min(least, cost)
                    if cost <= budget + 1e-15:
                        greatest = max(greatest, reached)
    return least, greatest


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), models=st.integers(2, 4), n=st.integers(4, 12))
def test_cost_at_equal_utility_and_utility_at_equal_cost_are_those_of_all_mixtures(seed, models, n):
    rng = np.random.default_rng(seed)
    utility, cost = rng.integers(0, 3, (n, models)) / 2, rng.uniform(0.1, 1, (n, models)) * np.arange(1, models + 1)
    yardstick = Yardstick.of(instances(utility, cost), draws=8, draw_seed=0)
    marks = Marks(yardstick=yardstick, shown=tuple(range(models)))
    policy = Scored(rng.random((n, models)), rng.random((n, models)))
    router = measure_router("r", [Asked(policy=policy, points=NOTHING_CHOSEN)], marks)
    within = yardstick.within
    points = [*zip(*policy.operating(utility, cost).points(), strict=True), (within.low, within.floor)]
    for j, against in enumerate(router.against):
        least, greatest = by_enumeration(points, utility[:, j].mean(), cost[:, j].mean())
        # A frontier is shown from the cheapest to the dearest single model; a router may be cheaper, or only be dearer.
        if least > within.high:
            least = np.inf
        assert against.cost.value == pytest.approx(max(least, within.low), rel=1e-6)
        assert against.utility.value == pytest.approx(greatest, abs=1e-9)
        assert against.ratio.value == pytest.approx(against.cost.value / cost[:, j].mean())
        assert against.gain.value == pytest.approx(against.utility.value - utility[:, j].mean())


def test_the_figures_at_the_best_model_are_those_of_the_metrics(table, registry, source, page):
    made = table(models=4, instances=600, datasets=("alpha",))
    names = ("per-topic", "noisy", "contrary")
    (column,) = page(made, *names, seeds=(0, 1), draws=60).columns
    options = Options(seeds=(0, 1), draws=60)
    known = evaluate(
        made, made.datasets[0], [Entrant(name=n) for n in names], source=source, registry=registry, options=options
    )
    for name in names:
        row, router = known.whole.row(name), column.router(name)
        qnc, ratio = row.metrics["qnc"], router.against[0].ratio
        assert [ratio.value, ratio.low, ratio.high] == pytest.approx([qnc.value, qnc.low, qnc.high])
        for what in ("utility", "cost"):
            chosen, own = row.chosen[what], getattr(router.chosen["quality"], what)
            assert [own.value, own.low, own.high] == pytest.approx([chosen.value, chosen.low, chosen.high])
    assert column.best == known.whole.best


def test_what_is_chosen_and_recommended_does_not_depend_on_test_outcomes(worthwhile, page):
    made = worthwhile()
    test = ~train_mask(made.dataset, made.instance_id)
    rng = np.random.default_rng(1)
    utility, cost = made.utility.copy(), made.cost.copy()
    utility[test] = rng.integers(0, 2, utility[test].shape)
    cost[test] = rng.permutation(cost[test], axis=1)
    before, after = (page(t, "per-topic", "noisy") for t in (made, replace(made, utility=utility, cost=cost)))
    one, other = before.columns[0], after.columns[0]
    assert one.recommended == other.recommended is not None
    assert one.mark == other.mark
    for a, b in zip(one.routers, other.routers, strict=True):
        for aim in ("cost", "quality"):
            assert a.chosen[aim].trade_off == b.chosen[aim].trade_off
            assert a.chosen[aim].validation_cost == b.chosen[aim].validation_cost
        assert a.chosen["quality"].utility != b.chosen["quality"].utility


def test_the_recommended_router_is_the_cheapest_on_validation_that_reaches_the_mark(worthwhile, page):
    (column,) = page(worthwhile(), "contrary", "per-topic").columns
    assert column.recommended == "per-topic"
    point = column.router("per-topic").chosen["cost"]
    assert point.validation_utility >= column.mark.utility - 1e-9
    assert point.validation_cost < column.mark.cost


def test_where_no_router_pays_none_is_recommended(table, page):
    (column,) = page(table(models=3, instances=600), "contrary").columns
    assert column.recommended is None


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), mark=st.floats(0, 1))
def test_the_cheapest_weight_gives_the_cheapest_point_that_reaches_the_mark(seed, mark):
    rng = np.random.default_rng(seed)
    utility, cost = rng.random((9, 3)), rng.random((9, 3))
    policy = Scored(rng.random((9, 3)), rng.random((9, 3)))
    weight = cheapest_trade_off(policy, utility, cost, mark)
    curve = policy.curve(utility, cost)
    reaching = [c for c, u in zip(curve.cost, curve.utility, strict=True) if u >= mark - 1e-12]
    if weight is None:
        assert reaching == []
    else:
        reached = policy.outcome(weight, utility, cost)
        assert reached[1].mean() == pytest.approx(min(reaching))
        assert reached[0].mean() >= mark - 1e-9


def test_a_router_with_one_point_of_the_best_model_saves_nothing_and_loses_nothing():
    rng = np.random.default_rng(0)
    utility, cost = rng.random((50, 3)) + np.array([0, 0, 1]), rng.random((50, 3)) * [1, 2, 9]
    yardstick = Yardstick.of(instances(np.clip(utility, 0, 1), cost), draws=20, draw_seed=0)
    best = yardstick.singles.best
    policy = Decided(np.zeros(1), (np.eye(3)[np.full(50, best)],))
    router = measure_router(
        "r", [Asked(policy=policy, points=NOTHING_CHOSEN)], Marks(yardstick=yardstick, shown=(best,))
    )
    (against,) = router.against
    assert (against.ratio.value, against.ratio.low, against.ratio.high) == pytest.approx((1, 1, 1))
    assert (against.gain.low, against.gain.high) == pytest.approx((0, 0))


def test_every_model_is_a_mark_on_request_and_the_best_comes_first(table, page):
    made = table(models=4, instances=400)
    (column,) = page(made, every_model=True).columns
    assert [len(router.against) for router in (*column.routers, *column.references)] == [4, 4, 4]
    assert column.routers[0].against[0].model == column.best
    (short,) = page(made).columns
    assert short.routers[0].against == column.routers[0].against[:1]


def test_a_model_without_any_cost_is_left_out_by_name(table, page):
    made = table(models=3, instances=400)
    cost = made.cost.copy()
    cost[:, 1] = np.nan
    (column,) = page(replace(made, cost=cost, status=np.full_like(made.status, Status.OK))).columns
    assert column.models_left_out == {"model-1": "no cost of it is known on alpha, beta"}
    assert {single.name for single in column.singles} == {"model-0", "model-2"}


def test_instances_without_all_costs_are_left_out_and_counted_however_many(table, page):
    made = table(models=3, instances=400)
    cost = made.cost.copy()
    cost[::3, 1] = np.nan
    (column,) = page(replace(made, cost=cost)).columns
    assert sum(gap.instances for gap in column.left_out) == column.test - column.evaluated > 0.2 * column.test
    assert {model for gap in column.left_out for model in gap.models} == {"model-1"}


def test_without_costs_there_is_one_line_that_says_what_to_do(table, page):
    made = table(models=3, instances=100)
    with pytest.raises(DataError, match=r"no cost of any model is known.*--prices FILE.*mmr data reprice"):
        page(replace(made, cost=np.full_like(made.cost, np.nan)))
    cost = np.full_like(made.cost, np.nan)
    cost[:, 0] = 1.0
    with pytest.raises(DataError, match=r"1 of 3 models can be compared.*reprice"):
        page(replace(made, cost=cost))


def test_a_router_that_breaks_is_told_and_the_others_go_on(table, page):
    result = page(table(models=3, instances=300), "breaks", "per-topic")
    (failure,) = result.failures
    assert (failure.router, failure.reason) == ("breaks", "ValueError: no idea")
    assert [router.name for router in result.columns[0].routers] == ["per-topic"]


def test_a_column_that_cannot_be_measured_is_skipped_unless_it_is_the_only_one(table, page):
    made = table(models=3, instances=400)
    cost = made.cost.copy()
    cost[made.dataset == "beta"] = 1.0
    same = replace(made, cost=cost)
    result = page(same, datasets=list(same.datasets))
    assert [column.dataset for column in result.columns] == ["alpha"]
    assert "cost the same" in result.skipped_columns["beta"]
    with pytest.raises(DegenerateError, match="cost the same"):
        page(same, datasets=[same.spec_of("beta")])


def test_all_datasets_are_pooled_under_a_name_that_none_of_them_has(table):
    assert pooled(table(datasets=("pooled", "beta"))).name == "pooled-0"
    assert pooled(table(datasets=("alpha",))).name == "alpha"
    assert pooled(table()).members == ("alpha", "beta")


def test_the_name_of_a_reference_is_refused(table, page):
    with pytest.raises(UsageError, match="'oracle' is the name of a reference row"):
        page(table(), "oracle")
