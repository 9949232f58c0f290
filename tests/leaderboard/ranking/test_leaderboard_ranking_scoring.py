"""The figures of a row are the engine's own, on the whole column, on each dataset, and averaged per scenario."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmr_core.errors import DegenerateError
from mmr_core.numerics.metrics import CostRange, frontier
from mmr_core.numerics.sweep import OperatingCurve
from mmr_core.registry import Registry
from mmr_core.runner.evaluate import evaluate
from mmr_core.runner.options import Entrant, Options
from mmr_core.runner.policies import Decided
from mmr_leaderboard.board import headline
from mmr_leaderboard.ranking.scoring import POINTS, UNIFORM, BoardReading, BoardScorer, corners, uniform_policy

DRAWS = 25


@pytest.fixture(scope="module")
def scorer(opened):
    return BoardScorer(opened.column, draws=DRAWS, draw_seed=0)


@pytest.fixture(scope="module")
def evaluated(opened, registry: Registry):
    """The mixture, and each dataset, as the engine evaluates the built-in routers on them."""
    entrants = [Entrant(name="random"), Entrant(name="kmeans")]
    options = Options(draws=DRAWS, draw_seed=0)
    spec = headline(opened.table, registry)
    return evaluate(opened.table, spec, entrants, source=opened.source, registry=registry, options=options)


def row_of(part, name):
    return next(row for row in part.rows if row.name == name)


@pytest.mark.parametrize(
    "name", ["oracle", "oracle-cost-unaware", "constant", "best-single", "random", "model:model-2"]
)
def test_every_reference_has_the_figures_that_the_engine_gives_it(scorer, evaluated, name):
    figures = scorer.reference(name)
    theirs = row_of(evaluated.whole, name)
    assert figures.metrics == theirs.metrics
    assert figures.chosen is None
    np.testing.assert_array_equal(np.array(figures.draws, dtype=float), np.asarray(theirs.draws["nauc"], dtype=float))
    for part in evaluated.slices:
        if name in {row.name for row in part.rows}:
            assert figures.datasets[part.name] == row_of(part, name).metrics


def test_reference_rows_that_are_known_are_those_that_are_measured(scorer, opened, tmp_path, monkeypatch):
    measured = {name: scorer.reference(name) for name in scorer.references}
    assert scorer.known_references(opened.registry, tmp_path) == measured

    def refuse(*_, **__):
        raise AssertionError("a reference row was measured again")

    monkeypatch.setattr(BoardReading, "of_references", refuse)
    again = scorer.known_references(opened.registry, tmp_path)
    assert again == measured
    assert list(again) == list(scorer.references)
    with pytest.raises(RuntimeError, match="measured again"):
        scorer.known_references(opened.registry, tmp_path, fresh=True)


def test_the_uniform_reference_is_the_built_in_random_router(scorer, evaluated):
    figures = scorer.reference(UNIFORM)
    assert figures.metrics["nauc"].value == row_of(evaluated.whole, "random").metrics["nauc"].value


def test_uniform_rows_are_scored_by_exact_expectation():
    utility, cost = np.random.default_rng(0).random((2, 30, 4))
    operating = uniform_policy(30, 4).operating(utility, cost)
    costs, utilities = operating.points()
    assert costs == pytest.approx([cost.mean()])
    assert utilities == pytest.approx([utility.mean()])


def choices(n, models, seed, points=3):
    rng = np.random.default_rng(seed)
    return Decided(np.arange(float(points)), tuple(np.eye(models)[rng.integers(0, models, n)] for _ in range(points)))


@pytest.mark.parametrize("shared", [True, False])
def test_a_macro_average_is_the_mean_over_the_datasets_of_a_scenario(opened, shared):
    table = opened.column.table
    names = ("math", "math" if shared else "ocr")
    specs = tuple(replace(spec, scenario=name) for spec, name in zip(table.datasets, names, strict=True))
    scorer = BoardScorer(replace(opened.column, table=replace(table, datasets=specs)), draws=DRAWS, draw_seed=0)
    figures = scorer.entry("mine", choices(*scorer.tested.utility.shape, seed=0), None, validated=False)
    assert figures.scenarios.keys() == set(names)
    for scenario in set(names):
        parts = [figures.datasets[spec.name] for spec in specs if spec.scenario == scenario]
        for metric in ("nauc", "peak", "skill"):
            mean = np.mean([part[metric].value for part in parts])
            assert figures.scenarios[scenario][metric].value == pytest.approx(mean)


def area(line, within):
    """The trapezoid rule, term by term."""
    total = 0.0
    for (c0, u0), (c1, u1) in pairwise(line):
        total += (c1 - c0) * (u0 + u1) / 2
    return total / (within.high - within.low)


@pytest.mark.parametrize("seed", range(3))
def test_the_area_under_the_published_corners_is_the_published_nauc(scorer, seed):
    n, models = scorer.tested.utility.shape
    figures = scorer.entry("mine", choices(n, models, seed), None, validated=False)
    within = scorer.whole.within
    assert len(figures.frontier) < POINTS
    assert figures.frontier[0][0] == within.low
    assert figures.frontier[-1][0] == within.high
    assert area(figures.frontier, within) == pytest.approx(figures.metrics["nauc"].value, abs=1e-12)
    assert max(u for _, u in figures.frontier) == pytest.approx(figures.metrics["peak"].value, abs=1e-12)


@given(m=st.integers(1, 700), seed=st.integers(0, 100))
@settings(max_examples=40, deadline=None)
def test_no_curve_has_more_than_the_points_that_are_published(m, seed):
    rng = np.random.default_rng(seed)
    cost = np.sort(rng.random(m))
    utility = np.sqrt(cost)  # strictly concave: every point is a corner
    within = CostRange(low=0.0, high=1.0, floor=0.0, best_cost=1.0, best_utility=1.0)
    line = frontier(cost, utility, within)
    shown = corners(OperatingCurve(trade_off=np.zeros(len(cost)), cost=cost, utility=utility), within)
    assert len(shown) == min(POINTS, len(line.cost))
    assert shown[0] == (line.cost[0], line.utility[0])
    assert shown[-1] == (line.cost[-1], line.utility[-1])


def test_operating_points_that_are_published_rise_in_cost_and_utility(scorer):
    n, models = scorer.tested.utility.shape
    points = scorer.entry("mine", choices(n, models, 0, points=9), None, validated=False).points
    assert all(c0 < c1 and u0 < u1 for (c0, u0), (c1, u1) in pairwise(points))


def test_a_dataset_on_which_nothing_can_be_measured_is_left_out(opened):
    table = opened.column.table
    flat = np.where((table.dataset == "mmstar")[:, None], 1e-3, table.cost)  # all models cost the same there
    scorer = BoardScorer(replace(opened.column, table=replace(table, cost=flat)), draws=DRAWS, draw_seed=0)
    assert scorer.datasets == ("mathvista",)
    figures = scorer.reference("oracle")
    assert figures.datasets.keys() == figures.dataset_frontiers.keys() == {"mathvista"}
    assert figures.scenarios.keys() == {"math"}
    assert len(scorer.models_of("mmstar")) == 4


def test_a_column_on_which_nothing_can_be_measured_is_told(opened):
    table = opened.column.table
    column = replace(opened.column, table=replace(table, cost=np.full(table.cost.shape, 1e-3)))
    with pytest.raises(DegenerateError):
        BoardScorer(column, draws=DRAWS, draw_seed=0)


def test_the_point_chosen_on_validation_is_given_for_those_that_could_choose(scorer):
    n, models = scorer.tested.utility.shape
    policy = choices(n, models, 0)
    chosen = scorer.entry("mine", policy, 1.0, validated=True).chosen
    utility, cost = policy.outcome(1.0, scorer.tested.utility, scorer.tested.cost)
    assert chosen["utility"].value == pytest.approx(utility.mean())
    assert chosen["cost"].value == pytest.approx(cost.mean())
    assert scorer.entry("mine", policy, 1.0, validated=False).chosen is None
    nothing = scorer.entry("mine", policy, None, validated=True).chosen
    assert nothing["utility"].value is None
    assert nothing["utility"].reason
