"""Figure 2 and the ablation over clusters, on records whose making is known."""

from __future__ import annotations

import numpy as np
import pytest

from mmr_core.results import averaged, difference
from mmr_core.runner.policies import GRID
from mmr_core.splits import part_of
from mmr_core.studies import Unavailable
from mmr_plugins.studies.clusters import GAIN, WEIGHTS, ClusterAblation
from mmr_plugins.studies.modalities import CLUSTERING, CLUSTERS, Figure2, numbers_of_clusters

QUIET, LOUD = 0.1, 3.0


def multimodal_wins(cell):
    return {"multimodal": QUIET, "text": LOUD, "image": LOUD / 2}[cell.modality]


def text_wins(cell):
    return {"multimodal": LOUD, "text": QUIET, "image": LOUD}[cell.modality]


def fits(results, modality, router="kmeans"):
    return [record for record in results if record.cell.router == router and record.cell.modality == modality]


def test_all_numbers_of_clusters_are_pooled_and_the_modalities_differ_in_nothing_else(setting):
    run = setting(seeds=(0, 1))
    cells = [cell for cell in Figure2().cells(run) if cell.router == "kmeans"]
    assert len(cells) == 6
    assert {cell.modality for cell in cells} == {"text", "image", "multimodal"}
    assert {tuple(cell.pooled["clusters"]) for cell in cells} == {numbers_of_clusters(run, run.widest)}
    assert {str(cell.parameters) for cell in cells} == {"{'means_on': 'validation'}"}
    assert {cell.test for cell in cells} == {"both"}


def test_there_are_as_many_clusters_as_give_each_a_validation_instance_on_average(setting):
    run = setting(instances=400)
    table = run.table
    parts = [part_of(d, i) for d, i in zip(table.dataset, table.instance_id, strict=True)]
    most = parts.count("validation")
    ks = numbers_of_clusters(run, run.widest)
    assert ks == tuple(k for k in CLUSTERS if k <= most)
    assert 1 < ks[-1] <= most < 2 * ks[-1]


def test_a_column_without_validation_instances_says_so(setting, with_table):
    run = setting()
    table = run.table
    parts = np.array([part_of(d, i) for d, i in zip(table.dataset, table.instance_id, strict=True)])
    run = with_table(run, table.take(parts != "validation"))
    for study in (Figure2(), ClusterAblation()):
        with pytest.raises(Unavailable, match="0 validation"):
            study.cells(run)


def test_one_validation_instance_gives_one_cluster_and_nothing_to_vary(setting, with_table):
    run = setting()
    table = run.table
    parts = [part_of(d, i) for d, i in zip(table.dataset, table.instance_id, strict=True)]
    first = parts.index("validation")
    keep = [i for i, part in enumerate(parts) if part != "validation" or i == first]
    run = with_table(run, table.take(np.array(keep)))
    assert numbers_of_clusters(run, run.widest) == (1,)
    with pytest.raises(Unavailable, match="one cluster only"):
        ClusterAblation().cells(run)


@pytest.mark.parametrize("study", [Figure2(), ClusterAblation()])
def test_a_table_of_one_modality_has_nothing_to_compare(study, setting):
    run = setting(images=False)
    with pytest.raises(Unavailable, match="both texts and images"):
        study.cells(run)


def test_multimodal_signals_matter_where_the_interval_above_the_better_single_modality_lies_above_zero(
    setting, pretend
):
    run = setting(seeds=(0, 1))
    results = pretend(run, Figure2().cells(run), multimodal_wins)
    finding, _ = Figure2().report(run, results).findings
    naucs = {modality: averaged(fits(results, modality), "nauc").value for modality in ("text", "image")}
    better = max(naucs, key=naucs.get)
    expected = difference(fits(results, "multimodal"), fits(results, better), "nauc")
    assert finding.holds is True
    assert finding.estimate == expected
    assert expected.low > 0
    assert f"the better single modality is {better}" in finding.words
    assert f"{expected.value:+.3f}" in finding.words


def test_multimodal_signals_do_not_matter_where_text_alone_does_better(setting, pretend):
    run = setting()
    finding, _ = Figure2().report(run, pretend(run, Figure2().cells(run), text_wins)).findings
    assert finding.holds is False
    assert "the better single modality is text" in finding.words
    assert finding.estimate.value < 0


def test_the_finding_is_open_where_a_modality_was_not_measured(setting, pretend):
    run = setting()
    results = pretend(run, Figure2().cells(run), multimodal_wins, lambda cell: cell.modality == "image")
    report = Figure2().report(run, results)
    assert [finding.holds for finding in report.findings] == [None, None]
    assert "image only" in report.findings[0].words
    assert [(gap.what, gap.reason) for gap in report.gaps] == [("kmeans, knn on both", "it was told to fail")]
    names = [series.name for series in report.exhibits[0].drawing.panels[0].series]
    assert names == ["text only", "multimodal", "oracle", "constant", "single models"]


def test_figure_2_shows_frontiers_and_the_paired_differences(setting, pretend):
    run = setting(seeds=(0, 1))
    results = pretend(run, Figure2().cells(run), multimodal_wins)
    exhibit = Figure2().report(run, results).exhibits[0]
    assert [panel.title for panel in exhibit.drawing.panels] == [CLUSTERING, "knn"]
    lines = {line.label: line for line in exhibit.sheet.lines if line.group.startswith(CLUSTERING)}
    assert lines["multimodal"].entries[0].mark == "best"
    for modality in ("text", "image"):
        shown = lines[f"multimodal - {modality} only"].entries
        expected = difference(fits(results, "multimodal"), fits(results, modality), "nauc")
        assert (shown[0].value, shown[0].low, shown[0].high) == (expected.value, expected.low, expected.high)
        assert shown[0].signed
        assert shown[0].mark is None


def test_a_learned_router_has_a_finding_of_its_own(setting, pretend):
    run = setting(routers=("random", "linear", "linear-mf"))

    def only_learned(cell):
        return multimodal_wins(cell) if cell.router == "linear-mf" else text_wins(cell)

    results = pretend(run, Figure2().cells(run), only_learned)
    clusters, learned = Figure2().report(run, results).findings
    assert (clusters.holds, learned.holds) == (False, True)
    assert learned.name == "multimodal signals matter to linear-mf"
    better = "image"  # half as noisy as text
    expected = difference(fits(results, "multimodal", "linear-mf"), fits(results, better, "linear-mf"), "nauc")
    assert learned.estimate == expected


def test_without_a_learned_router_clusters_stand_alone(setting, pretend):
    run = setting(routers=("random",))
    report = Figure2().report(run, pretend(run, Figure2().cells(run), multimodal_wins))
    assert [panel.title for panel in report.exhibits[0].drawing.panels] == [CLUSTERING]
    assert len(report.findings) == 1


def by_clusters(results, k, modality):
    return [r for r in fits(results, modality) if r.cell.parameters["clusters"] == k]


def test_the_ablation_draws_each_metric_over_k_with_its_band(setting, pretend):
    run = setting(seeds=(0, 1))
    results = pretend(run, ClusterAblation().cells(run), multimodal_wins)
    exhibit = ClusterAblation().report(run, results).exhibits[0]
    ks = numbers_of_clusters(run, run.widest)[1:]
    panels = {panel.title: panel for panel in exhibit.drawing.panels}
    for title, metric in (("nAUC", "nauc"), ("skill", "skill")):
        for series, modality in zip(panels[title].series, ("text", "image", "multimodal"), strict=True):
            assert series.x == ks
            for i, k in enumerate(ks):
                expected = averaged(by_clusters(results, k, modality), metric)
                assert (series.low[i], series.y[i], series.high[i]) == (expected.low, expected.value, expected.high)
    gain, zero = panels["advantage"].series
    assert gain.name == GAIN
    assert set(zero.y) == {0.0}
    for i, k in enumerate(ks):
        text, image = (averaged(by_clusters(results, k, m), "nauc").value for m in ("text", "image"))
        better = "image" if image > text else "text"
        expected = difference(by_clusters(results, k, "multimodal"), by_clusters(results, k, better), "nauc")
        assert gain.y[i] == expected.value


def test_the_advantage_is_stable_where_it_is_above_zero_at_every_k(setting, pretend):
    run = setting()
    cells = list(ClusterAblation().cells(run))
    finding = ClusterAblation().report(run, pretend(run, cells, multimodal_wins)).findings[0]
    assert finding.holds is True

    def but_for_four(cell):
        return text_wins(cell) if cell.parameters["clusters"] == 4 else multimodal_wins(cell)

    finding = ClusterAblation().report(run, pretend(run, cells, but_for_four)).findings[0]
    assert finding.holds is False
    assert "reaches lowest at k = 4: multimodal minus text" in finding.words


def test_the_table_over_lambda_shows_what_the_policies_do_at_the_nearest_weights_of_the_grid(setting, pretend):
    run = setting(seeds=(0, 1))
    results = pretend(run, ClusterAblation().cells(run), multimodal_wins)
    sheet = ClusterAblation().report(run, results).exhibits[1].sheet
    assert len(sheet.lines) == 3 * len(numbers_of_clusters(run, run.widest)[1:])
    at = next(line for line in sheet.lines if (line.group, line.label) == ("k = 2", "image only"))
    for entry, weight, title in zip(at.entries, WEIGHTS, sheet.header[1:], strict=True):
        place = min(range(len(GRID)), key=lambda g: abs(GRID[g] - weight))
        records = by_clusters(results, 2, "image")
        utility = sum(record.along.utility[place] for record in records) / 2
        cost = sum(record.along.cost[place] / record.within.high for record in records) / 2
        assert entry.text == f"{utility:.3f} ({cost:.2g})"
        assert title == f"lambda {GRID[place]:.2g}"


def test_the_ablation_goes_on_without_the_fits_that_failed(setting, pretend):
    run = setting()
    cells = list(ClusterAblation().cells(run))
    results = pretend(
        run, cells, multimodal_wins, lambda cell: cell.modality == "text" and cell.parameters["clusters"] == 2
    )
    report = ClusterAblation().report(run, results)
    text = report.exhibits[0].drawing.panels[0].series[0]
    assert 2 not in text.x
    assert text.x == numbers_of_clusters(run, run.widest)[2:]
    assert [gap.reason for gap in report.gaps] == ["it was told to fail"]
    line = next(line for line in report.exhibits[0].sheet.lines if line.label == "2")
    assert line.entries[0].value is None
    assert line.entries[1].value is not None


@pytest.mark.parametrize("study", [Figure2(), ClusterAblation()])
def test_where_every_fit_failed_the_reason_is_given(study, setting, pretend):
    run = setting()
    results = pretend(run, study.cells(run), multimodal_wins, lambda cell: cell.router is not None)
    with pytest.raises(Unavailable, match="it was told to fail"):
        study.report(run, results)
