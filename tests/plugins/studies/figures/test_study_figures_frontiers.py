"""Figures 4 and S1 and the shares of models, on records whose making is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmr_core.numerics.metrics import Frontier, nauc
from mmr_core.results import averaged, cell_key
from mmr_core.splits import train_mask
from mmr_core.studies import Unavailable
from mmr_plugins.studies.frontiers import SINGLE_MODELS, Figure4, FigureS1, frontier_points, in_domain, standing
from mmr_plugins.studies.measured import Measured
from mmr_plugins.studies.model_shares import ModelShares, at_budget, mixing, pareto_front


def noise(cell):
    return {"knn": 0.1, "linear": 2.0}.get(cell.router, 0.6)


def by_name(panel):
    return {series.name: series for series in panel.series}


def slow_frontier(records, relative_cost):
    """The best mixture of two points (the cheapest single model among them) of at most a cost, averaged over seeds."""
    found = []
    for record in records:
        limit = relative_cost * record.within.high * (1 + 1e-12)
        points = [*zip(record.frontier_cost, record.frontier_utility, strict=True)]
        points.append((record.within.low, record.within.floor))
        best = max(u for c, u in points if c <= limit)
        for c, u in points:
            for dear, more in points:
                if c <= limit < dear:
                    best = max(best, u + (more - u) * (limit - c) / (dear - c))
        found.append(best)
    return np.mean(found)


def test_the_line_of_a_router_is_its_frontier_averaged_over_seeds(setting, pretend):
    run = setting(seeds=(0, 1, 2))
    results = pretend(run, Figure4().cells(run), noise)
    place = standing(Measured(run, results), run.widest)
    assert len(place.routers["linear"]) == 3
    for records in place.routers.values():
        cost, utility = frontier_points(records)
        assert cost[0] == records[0].within.low / records[0].within.high
        assert cost[-1] == 1.0
        assert (np.diff(cost) > 0).all()
        for at in range(0, len(cost), 7):
            assert utility[at] == pytest.approx(slow_frontier(records, cost[at]))


def test_the_area_under_the_drawn_line_is_the_nauc_of_the_sheet(setting, pretend):
    run = setting(seeds=(0, 1))
    report = Figure4().report(run, pretend(run, Figure4().cells(run), noise))
    exhibit = report.exhibits[0]
    entries = {line.label: line.entries for line in exhibit.sheet.lines}
    (panel,) = exhibit.drawing.panels
    for name in ("random", "knn", "linear", "oracle", "constant"):
        series = by_name(panel)[name]
        cost, utility = np.array(series.x), np.array(series.y)
        area = np.diff(cost) @ (utility[1:] + utility[:-1]) / 2 / (cost[-1] - cost[0])
        assert entries[name][0].value == pytest.approx(area)
        assert entries[name][1].value == pytest.approx(max(series.y))
        assert series.reference == (name in ("oracle", "constant"))


def test_the_less_noisy_router_stands_higher_and_is_marked_the_best(setting, pretend):
    run = setting()
    exhibit = Figure4().report(run, pretend(run, Figure4().cells(run), noise)).exhibits[0]
    lines = {line.label: line for line in exhibit.sheet.lines}
    assert lines["knn"].entries[0].mark == "best"
    assert lines["linear"].entries[0].mark is None
    assert lines["oracle"].entries[0].mark is None
    assert lines["oracle"].entries[0].value > lines["knn"].entries[0].value
    assert lines["constant"].entries[3].value == pytest.approx(0.0)
    assert lines["knn"].entries[3].low < lines["knn"].entries[3].value < lines["knn"].entries[3].high


def test_single_models_are_labelled_points_with_their_own_means(setting, pretend):
    run = setting()
    exhibit = Figure4().report(run, pretend(run, Figure4().cells(run), noise)).exhibits[0]
    points = by_name(exhibit.drawing.panels[0])[SINGLE_MODELS]
    own = run.table
    test = ~train_mask(own.dataset, own.instance_id)
    cost, utility = own.cost[test].mean(axis=0), own.utility[test].mean(axis=0)
    assert points.kind == "points"
    assert sorted(points.labels) == ["Model 0", "Model 1", "Model 2", "Model 3"]
    for label, x, y in zip(points.labels, points.x, points.y, strict=True):
        j = int(label.removeprefix("Model "))
        assert (x, y) == pytest.approx((cost[j] / cost.max(), utility[j]))
    assert exhibit.drawing.panels[0].x.scale == "log"
    assert "Model 3" in exhibit.drawing.panels[0].x.label


def test_free_models_have_no_place_on_a_logarithmic_axis(setting, pretend, with_table):
    run = setting()
    cost = run.table.cost.copy()
    cost[:, 0] = 0.0
    run = with_table(run, replace(run.table, cost=cost))
    exhibit = Figure4().report(run, pretend(run, Figure4().cells(run), noise)).exhibits[0]
    assert exhibit.drawing.panels[0].x.scale == "linear"
    assert min(by_name(exhibit.drawing.panels[0])["knn"].x) == 0.0


def test_a_router_of_which_a_seed_failed_is_left_out_and_named(setting, pretend):
    run = setting(seeds=(0, 1))
    results = pretend(run, Figure4().cells(run), noise, lambda cell: cell.router == "knn" and cell.seed == 1)
    report = Figure4().report(run, results)
    assert "knn" not in by_name(report.exhibits[0].drawing.panels[0])
    assert "linear" in by_name(report.exhibits[0].drawing.panels[0])
    assert [(gap.what, gap.reason) for gap in report.gaps] == [("knn on both", "it was told to fail")]


@pytest.mark.parametrize("study", [Figure4(), FigureS1(), ModelShares()])
def test_without_the_references_of_any_column_there_is_nothing_to_show(study, setting, pretend):
    run = setting()
    results = pretend(run, study.cells(run), noise, lambda cell: cell.router is None)
    with pytest.raises(Unavailable, match="it was told to fail"):
        study.report(run, results)


def test_figure_s1_has_a_panel_for_each_dataset_and_names_landmarks_only(setting, pretend):
    run = setting(datasets=("alpha", "beta", "gamma"))
    report = FigureS1().report(run, pretend(run, FigureS1().cells(run), noise, lambda cell: cell.test == "beta"))
    exhibit = report.exhibits[0]
    assert [panel.title for panel in exhibit.drawing.panels] == ["Alpha", "Gamma"]
    assert [gap.what for gap in report.gaps] == ["the panel of Beta"]
    labels = by_name(exhibit.drawing.panels[0])[SINGLE_MODELS].labels
    assert labels[0] == "Model 0"
    assert labels[-1] == "Model 3"
    groups = dict.fromkeys(line.group for line in exhibit.sheet.lines)
    assert list(groups) == ["Alpha", f"Alpha: {SINGLE_MODELS}", "Gamma", f"Gamma: {SINGLE_MODELS}"]
    best = [line.label for line in exhibit.sheet.lines if line.entries[0].mark == "best"]
    assert best == ["knn", "knn"]


def test_the_figures_share_their_cells(setting):
    run = setting()
    keys = [{cell_key(cell) for cell in study.cells(run)} for study in (Figure4(), ModelShares())]
    assert keys[0] == keys[1] == {cell_key(cell) for cell in in_domain(run, run.widest)}
    assert {cell.test for cell in FigureS1().cells(run)} == {"alpha", "beta"}


def test_shares_are_stacked_from_cheap_to_dear_and_add_up_to_one(setting, pretend):
    run = setting(seeds=(0, 1))
    exhibit = ModelShares().report(run, pretend(run, ModelShares().cells(run), noise)).exhibits[0]
    titles = [panel.title for panel in exhibit.drawing.panels]
    assert titles == ["random", "knn", "linear", "oracle"]
    for panel in exhibit.drawing.panels:
        assert [series.name for series in panel.series] == ["Model 0", "Model 1", "Model 2", "Model 3"]
        assert {series.kind for series in panel.series} == {"stack"}
        assert len({series.x for series in panel.series}) == 1
        assert (np.diff(panel.series[0].x) > 0).all()
        np.testing.assert_allclose(np.sum([series.y for series in panel.series], axis=0), 1.0)


def test_more_is_sent_to_dear_models_as_more_may_be_spent(setting, pretend):
    run = setting(mixture=False, datasets=("alpha",))
    cells = ModelShares().cells(run)
    results = pretend(run, cells, noise)
    records = [record for record in results if record.name == "knn"]
    policy = mixing(records)
    assert policy.share[0, 0] > policy.share[-1, 0]
    assert policy.share[-1, 1:].sum() > policy.share[0, 1:].sum()
    place = at_budget(policy, 1.0)
    assert policy.utility[place] == policy.utility.max()
    assert at_budget(policy, policy.cost[0] / 2) is None
    assert at_budget(policy, policy.cost[0]) == 0


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=12))
def test_the_front_holds_the_points_that_no_other_equals_for_less_or_beats_for_as_much(points):
    cost, utility = np.array(points, dtype=np.float64).T
    expected = sorted(
        {(c, u) for c, u in points if not any((d <= c and v > u) or (d < c and v >= u) for d, v in points)}
    )
    front = pareto_front(cost, utility)
    assert [(cost[i], utility[i]) for i in front] == expected


def test_shares_are_shown_along_the_pareto_front_alone(setting, pretend):
    run = setting(seeds=(0,))
    results = pretend(run, ModelShares().cells(run), noise)

    def spiked(record):
        """Halfway along, one weight costs as much as the dearest point and brings nothing."""
        if record.name != "knn":
            return record
        along = record.along
        cost, utility = along.cost.copy(), along.utility.copy()
        share = along.share.copy()
        half = len(cost) // 2
        cost[half], utility[half], share[half] = cost.max() * 0.999, 0.0, [0, 0, 0, 1]
        return replace(record, along=replace(along, cost=cost, utility=utility, share=share))

    record = next(spiked(record) for record in results if record.name == "knn")
    policy = mixing([record])
    assert (np.diff(policy.cost) > 0).all()
    assert (np.diff(policy.utility) > 0).all()
    assert policy.utility[0] > 0
    assert not (policy.share == [0, 0, 0, 1]).all(axis=1).any()
    panels = {
        panel.title: panel
        for panel in ModelShares()
        .report(run, replace(results, records=tuple(map(spiked, results))))
        .exhibits[0]
        .drawing.panels
    }
    assert panels["knn"].series[0].x == tuple(policy.cost.tolist())


def test_a_router_that_does_the_same_at_every_weight_has_no_panel(setting, pretend):
    run = setting(seeds=(0,))
    results = pretend(run, ModelShares().cells(run), noise)

    def stuck(record):
        if record.name != "random":
            return record
        along = record.along
        same = replace(
            along,
            cost=0 * along.cost + along.cost[0],
            utility=0 * along.utility,
            share=0 * along.share + along.share[0],
        )
        return replace(record, along=same)

    report = ModelShares().report(run, replace(results, records=tuple(map(stuck, results))))
    assert "random" not in [panel.title for panel in report.exhibits[0].drawing.panels]
    with pytest.raises(Unavailable, match="no router"):
        ModelShares().report(
            run, replace(results, records=tuple(r for r in results if r.name not in ("knn", "linear", "random")))
        )


def test_the_share_sheet_keeps_within_its_budgets(setting, pretend):
    run = setting()
    exhibit = ModelShares().report(run, pretend(run, ModelShares().cells(run), noise)).exhibits[0]
    known = [line for line in exhibit.sheet.lines if line.entries[0].value is not None]
    assert known
    for line in known:
        assert sum(entry.value for entry in line.entries[2:]) == pytest.approx(100)
    limits = {"at most 5%": 0.05, "at most 33%": 1 / 3, "at most 100%": 1.0}
    for line in known:
        share = next(limit for label, limit in limits.items() if line.label.startswith(label))
        assert line.entries[1].value <= share * 1.0 + 1e-9
        assert "Model" in line.label


def test_averages_over_seeds_agree_with_the_metric(setting, pretend):
    run = setting(seeds=(0, 1, 2))
    results = pretend(run, Figure4().cells(run), noise)
    records = standing(Measured(run, results), run.widest).routers["linear"]
    cost, utility = frontier_points(records)
    assert nauc(Frontier(cost=cost, utility=utility)) == pytest.approx(averaged(records, "nauc").value)


def test_the_panels_of_shares_have_one_cost_axis(setting, pretend):
    run = setting()
    exhibit = ModelShares().report(run, pretend(run, ModelShares().cells(run), noise)).exhibits[0]
    axes = {(panel.x.low, panel.x.high, panel.x.scale) for panel in exhibit.drawing.panels}
    least = min(panel.series[0].x[0] for panel in exhibit.drawing.panels)
    assert axes == {(least, 1.0, "log")}
