"""Tables 2 and S4: every figure, mark and interval against a slow twin, and the finding on cost."""

from __future__ import annotations

import math

import pytest

from mmr_core.results import cell_key
from mmr_core.runner.references import BEST_SINGLE, CONSTANT
from mmr_core.specs import ORACLE
from mmr_core.studies import Cell, Results, Unavailable
from mmr_plugins.studies.overall import OverallResults, QualityNeutralCost


def report(study, setting, made_up, **how):
    return study.report(setting, made_up(study.cells(setting), **how))


def exhibit(given, name):
    return next(exhibit for exhibit in given.exhibits if exhibit.name == name)


def line(sheet, label):
    return next(line for line in sheet.lines if line.label == label and not line.published)


def findings(given):
    return given.findings[0]


def slow_mean_and_interval(results, cells, metric):
    records = [next(r for r in results if cell_key(r.cell) == cell_key(cell)) for cell in cells]
    value = sum(record.metrics[metric] for record in records) / len(records)
    draws = sorted(sum(float(record.draws[metric][b]) for record in records) / len(records) for b in range(40))
    return value, draws[math.ceil(0.025 * 40) - 1], draws[math.ceil(0.975 * 40) - 1]


def test_every_column_is_asked_with_every_router_and_seed_and_its_references(setting_of):
    setting = setting_of()
    cells = list(OverallResults().cells(setting))
    assert [cell.test for cell in cells if cell.router is None] == [spec.name for spec in setting.columns]
    assert {(cell.test, cell.router, cell.seed) for cell in cells if cell.router} == {
        (spec.name, router, seed) for spec in setting.columns for router in setting.routers for seed in (0, 1)
    }
    assert setting.columns[-1].name == "full"


def test_random_is_a_line_though_the_run_does_not_name_it(setting_of, made_up):
    given = report(OverallResults(), setting_of(routers=("knn",)), made_up)
    assert [line.label for line in exhibit(given, "table2").sheet.lines][:2] == ["random", "knn"]


def test_figures_are_means_over_seeds_with_the_interval_of_the_mean(setting_of, made_up):
    setting = setting_of()
    study = OverallResults()
    results = made_up(study.cells(setting))
    for name, metric in (("table2", "nauc"), ("table2-skill", "skill"), ("table2-peak", "peak")):
        sheet = exhibit(study.report(setting, results), name).sheet
        for router in setting.routers:
            for spec, entry in zip(setting.columns, line(sheet, router).entries, strict=True):
                cells = [Cell(test=spec.name, router=router, seed=seed) for seed in setting.seeds]
                value, low, high = slow_mean_and_interval(results, cells, metric)
                assert (entry.value, entry.low, entry.high) == pytest.approx((value, low, high))


def test_the_best_is_marked_and_the_second_and_no_yardstick(setting_of, made_up):
    setting = setting_of()
    for study, names in (
        (OverallResults(), ("table2", "table2-skill", "table2-peak")),
        (QualityNeutralCost(), ("s4",)),
    ):
        given = report(study, setting, made_up)
        for name in names:
            sheet = exhibit(given, name).sheet
            for column in range(len(setting.columns)):
                figures = sorted((line(sheet, router).entries[column].value, router) for router in setting.routers)
                best, second = figures[:2] if name == "s4" else figures[::-1][:2]
                marks = {(row.label, row.published): row.entries[column].mark for row in sheet.lines}
                assert {key: mark for key, mark in marks.items() if mark} == {
                    (best[1], False): "best",
                    (second[1], False): "second",
                }


def test_references_stand_in_every_table_and_constant_among_them(setting_of, made_up):
    given = report(OverallResults(), setting_of(), made_up)
    for shown in given.exhibits:
        references = [line.label for line in shown.sheet.lines if line.reference]
        assert references == [ORACLE, CONSTANT, BEST_SINGLE]


def test_the_published_area_of_the_best_single_model_is_shown_with_a_word_on_it(setting_of, made_up):
    sheet = exhibit(report(OverallResults(), setting_of(), made_up), "table2").sheet
    (published,) = [line for line in sheet.lines if line.published and line.label == BEST_SINGLE]
    assert [entry.value for entry in published.entries] == [1.0, 1.0, 1.0, None, 1.0]
    assert any("never reproduced" in note for note in sheet.notes)
    assert any("not comparable" in note for note in sheet.notes)


def test_scenarios_are_means_over_their_datasets(setting_of, made_up):
    setting = setting_of()
    study = OverallResults()
    results = made_up(study.cells(setting))
    sheet = exhibit(study.report(setting, results), "table2-scenarios").sheet
    assert sheet.header[1] == "ocr: nAUC"
    cells = [Cell(test=t, router="knn", seed=s) for t in ("ocrbench", "seedbench2plus") for s in (0, 1)]
    entry = line(sheet, "knn").entries[0]
    assert (entry.value, entry.low, entry.high) == pytest.approx(slow_mean_and_interval(results, cells, "nauc"))


def test_a_table_of_one_dataset_has_no_means_over_scenarios(setting_of, made_up):
    setting = setting_of(datasets=("mathvision",), seeds=(0,))
    given = report(OverallResults(), setting, made_up)
    assert [shown.name for shown in given.exhibits] == ["table2", "table2-skill", "table2-peak"]
    assert exhibit(given, "table2").sheet.header == ("router", "MathVision")
    assert "one seed" in exhibit(given, "table2").sheet.notes[0]


def test_a_seed_that_failed_leaves_a_dash_and_a_gap_not_the_mean_of_the_others(setting_of, made_up):
    setting = setting_of()
    given = report(
        OverallResults(),
        setting,
        made_up,
        failed=lambda cell: cell.router == "knn" and cell.test == "mathverse" and cell.seed == 1,
    )
    position = [spec.name for spec in setting.columns].index("mathverse")
    entries = line(exhibit(given, "table2").sheet, "knn").entries
    assert entries[position].value is None
    assert all(entry.value is not None for i, entry in enumerate(entries) if i != position)
    assert [(gap.what, gap.reason) for gap in given.gaps] == [("knn on mathverse", "it was made to fail")]


def test_a_column_that_cannot_be_measured_is_one_gap(setting_of, made_up):
    given = report(OverallResults(), setting_of(), made_up, failed=lambda cell: cell.test == "gsm8k")
    assert [gap.what for gap in given.gaps] == ["references, random, knn, linear-mf on gsm8k"]


def test_nothing_measured_is_unavailable_with_the_reason(setting_of, made_up):
    for study in (OverallResults(), QualityNeutralCost()):
        with pytest.raises(Unavailable, match="made to fail"):
            report(study, setting_of(), made_up, failed=lambda cell: True)
        with pytest.raises(Unavailable, match="nothing"):
            study.report(setting_of(), Results(records=()))


def cost_figures(qnc, best="linear-mf"):
    """Figures in which one router has the greatest nAUC on the widest column, and that QNC."""

    def figure(cell, name, metric):
        if metric == "qnc":
            return qnc if name == best else 0.01
        return 0.9 if name in (best, "random") and cell.test == "full" else 0.8

    return figure


def test_the_finding_on_cost_holds_where_the_whole_interval_is_below_one(setting_of, made_up):
    holds = findings(report(QualityNeutralCost(), setting_of(), made_up, figure=cost_figures(0.6)))
    assert holds.holds is True
    assert holds.estimate.high < 1
    assert "linear-mf reaches the accuracy of model-2 on Full Dataset at 60.0% of its cost" in holds.words
    assert "beside 0.33" in holds.words
    assert "flattered" in holds.words
    assert "0.970 (linear-mf)" in holds.published


def test_the_finding_on_cost_does_not_hold_where_the_interval_reaches_one(setting_of, made_up):
    fails = findings(report(QualityNeutralCost(), setting_of(), made_up, figure=cost_figures(0.99), spread=0.1))
    assert fails.holds is False
    assert fails.estimate.value < 1 < fails.estimate.high
    assert "reaches 1 or beyond" in fails.words


def test_a_third_is_said_to_be_reached_only_where_the_interval_is_below_it(setting_of, made_up):
    below = findings(report(QualityNeutralCost(), setting_of(), made_up, figure=cost_figures(0.2)))
    assert "lies below the paper's share" in below.words
    above = findings(report(QualityNeutralCost(), setting_of(), made_up, figure=cost_figures(0.6)))
    assert "though not below the paper's share" in above.words


def test_a_mark_that_is_never_reached_is_said_so(setting_of, made_up):
    never = findings(report(QualityNeutralCost(), setting_of(), made_up, figure=cost_figures(math.inf)))
    assert never.holds is False
    assert never.estimate.value == math.inf
    assert "does not reach the accuracy of model-2 on Full Dataset with every seed at any cost, so it has no QNC" in (
        never.words
    )
    assert "nor does it in 97.5 % of the bootstrap draws or more" in never.words
    assert "inf" not in never.words


def test_a_mark_that_some_draws_reach_or_miss_is_said_so_without_an_infinite_figure(setting_of, made_up):
    setting, study = setting_of(), QualityNeutralCost()
    for value, half, said in (
        (math.inf, 0.7, "though in more than one draw in forty it does (the interval begins at 0.700)"),
        (0.4, math.inf, "(QNC 0.400 [0.400 to never], beside 0.33 in the paper), but in more than one draw in forty"),
    ):
        results = made_up(study.cells(setting), figure=cost_figures(value), spread=0)
        for record in results:
            record.draws["qnc"][: len(record.draws["qnc"]) // 2] = half
        (finding,) = study.report(setting, results).findings
        assert said in finding.words
        assert "inf" not in finding.words
        assert finding.holds is False


def test_published_lines_stand_in_the_order_of_ours(setting_of, made_up):
    sheet = exhibit(
        report(OverallResults(), setting_of(routers=("knn", "kmeans", "linear-mf")), made_up), "table2"
    ).sheet
    assert [line.label for line in sheet.lines if line.published][:4] == ["random", "knn", "kmeans", "linear-mf"]
    assert [line.label for line in sheet.lines if line.published][4:6] == [ORACLE, BEST_SINGLE]


def test_the_finding_on_cost_passes_over_random_and_routers_that_failed(setting_of, made_up):
    given = report(
        QualityNeutralCost(),
        setting_of(),
        made_up,
        figure=cost_figures(0.6),
        failed=lambda cell: cell.router == "linear-mf" and cell.seed == 1,
    )
    assert findings(given).words.startswith("knn ")
    nobody = report(
        QualityNeutralCost(), setting_of(), made_up, failed=lambda cell: cell.router in ("knn", "linear-mf")
    )
    assert findings(nobody).holds is None


def test_a_run_of_nothing_but_random_still_has_its_line_and_no_verdict(setting_of, made_up):
    setting = setting_of(routers=())
    sheet = exhibit(report(OverallResults(), setting, made_up), "table2").sheet
    assert [line.label for line in sheet.lines if not line.published] == ["random", ORACLE, CONSTANT, BEST_SINGLE]
    assert findings(report(QualityNeutralCost(), setting, made_up)).holds is None
