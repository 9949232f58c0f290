"""Table 4: who learned where, the differences against a slow twin, and the finding on robustness."""

from __future__ import annotations

import math

import pytest

from mmr_core.results import cell_key
from mmr_core.runner.references import BEST_SINGLE
from mmr_core.studies import Cell, Unavailable
from mmr_plugins.studies.modalities import Figure2
from mmr_plugins.studies.overall import QualityNeutralCost
from mmr_plugins.studies.shift import ShiftWithinScenario

SETS = ("ocrbench", "seedbench2plus", "mathverse", "mathvista", "mathvision", "mmstar")


def report(setting, made_up, **how):
    study = ShiftWithinScenario()
    return study.report(setting, made_up(study.cells(setting), **how))


def sheet(given, name):
    return next(exhibit.sheet for exhibit in given.exhibits if exhibit.name == name)


def test_each_dataset_is_held_out_of_its_scenario_for_every_router_and_seed(setting_of):
    setting = setting_of(datasets=SETS)
    cells = list(ShiftWithinScenario().cells(setting))
    math_sets = {"mathverse", "mathvista", "mathvision"}
    together = {(c.test, c.router, c.seed): set(c.learn_from) for c in cells if len(c.learn_from) == 2}
    assert together == {
        (test, router, seed): math_sets - {test}
        for test in math_sets
        for router in ("knn", "linear-mf")
        for seed in (0, 1)
    }
    alone = [(c.learn_from[0], c.test) for c in cells if len(c.learn_from) == 1 and c.router == "knn" and c.seed == 0]
    assert sorted(alone) == [("ocrbench", "seedbench2plus"), ("seedbench2plus", "ocrbench")]
    assert all(cell.test not in cell.learn_from for cell in cells)
    assert not any(cell.router == "random" or cell.test in ("mmstar", "full") for cell in cells)


def test_every_ordered_pair_of_a_scenario_is_run_with_the_main_router(setting_of):
    cells = ShiftWithinScenario().cells(setting_of(datasets=SETS, seeds=(0,)))
    pairs = {(c.learn_from[0], c.test) for c in cells if len(c.learn_from) == 1 and c.router == "linear-mf"}
    groups = (SETS[:2], SETS[2:5])
    assert pairs == {(a, b) for group in groups for a in group for b in group if a != b}


def test_the_main_router_is_the_first_scoring_one_where_linear_mf_is_not_in_the_run(setting_of, made_up):
    given = report(setting_of(datasets=SETS, routers=("random", "linear", "knn")), made_up)
    (pairs,) = [exhibit for exhibit in given.exhibits if exhibit.name == "table4-pairs"]
    assert pairs.title.endswith(": linear")
    assert "the peak of linear minus" in given.findings[0].words


def test_differences_to_the_best_single_model_are_paired_on_each_dataset(setting_of, made_up):
    setting = setting_of(datasets=SETS)
    study = ShiftWithinScenario()
    results = made_up(study.cells(setting))
    shown = sheet(study.report(setting, results), "table4-datasets")
    by_key = {cell_key(record.cell): record for record in results if record.cell.router}
    for line in [line for line in shown.lines if not line.reference and line.group.startswith("MathVerse")]:
        sources = ("mathvista", "mathvision")
        shifted = [
            by_key[cell_key(Cell(test="mathverse", router=line.label, learn_from=sources, seed=s))] for s in (0, 1)
        ]
        best = results.reference("mathverse", BEST_SINGLE)
        gaps = sorted(
            sum(float(r.draws["peak"][b]) for r in shifted) / 2 - float(best.draws["peak"][b]) for b in range(40)
        )
        entry = line.entries[2]
        assert (entry.value, entry.low, entry.high) == pytest.approx(
            (
                sum(r.metrics["peak"] for r in shifted) / 2 - best.metrics["peak"],
                gaps[math.ceil(0.025 * 40) - 1],
                gaps[math.ceil(0.975 * 40) - 1],
            )
        )
        assert entry.signed


def test_scenarios_average_over_held_out_datasets_and_the_last_column_over_all(setting_of, made_up):
    setting = setting_of(datasets=SETS, seeds=(0,))

    def figure(cell, name, metric):
        levels = dict(zip(SETS, (0.1, 0.2, 0.3, 0.4, 0.8, 0.9), strict=True))
        return levels[cell.test] + (0.05 if cell.learn_from else 0.0)

    shown = sheet(report(setting, made_up, figure=figure, spread=0.0), "table4")
    assert shown.header == ("router", "ocr", "math", "all held-out datasets")
    shifted = next(line for line in shown.lines if line.group.startswith("learned"))
    assert [entry.value for entry in shifted.entries] == pytest.approx([0.2, 0.55, 0.41])
    own = next(line for line in shown.lines if line.group == "in-domain")
    assert [entry.value for entry in own.entries] == pytest.approx([0.15, 0.5, 0.36])
    assert own.reference


def test_scenarios_show_what_each_router_has_over_the_best_single_model(setting_of, made_up):
    def figure(cell, name, metric):
        return 0.7 if cell.learn_from else 0.6 if cell.router else 0.5

    given = report(setting_of(datasets=SETS), made_up, figure=figure, spread=0.0)
    for name in ("table4", "table4-skill"):
        gains = [line for line in sheet(given, name).lines if "minus" in line.group]
        assert [line.label for line in gains] == ["knn", "linear-mf"]
        for line in gains:
            assert [entry.value for entry in line.entries] == pytest.approx([0.2, 0.2, 0.2])
            assert all(entry.mark is None for entry in line.entries)
    assert not any(line.published for line in sheet(given, "table4-skill").lines)


def test_the_papers_columns_stand_under_their_scenarios(setting_of, made_up):
    shown = sheet(report(setting_of(datasets=SETS), made_up), "table4")
    best, shift = [line for line in shown.lines if line.published]
    assert [entry.value for entry in best.entries] == [0.7062, 0.7592, None]
    assert [entry.value for entry in shift.entries] == [0.7234, 0.7914, None]


def ahead_by(margin):
    """Figures in which a shifted router peaks so much above the best single model."""

    def figure(cell, name, metric):
        return 0.6 + margin if cell.learn_from else 0.6

    return figure


def test_the_finding_holds_where_the_interval_of_the_difference_lies_above_zero(setting_of, made_up):
    given = report(setting_of(datasets=SETS), made_up, figure=ahead_by(0.1))
    (finding,) = given.findings
    assert finding.holds is True
    assert finding.estimate.value == pytest.approx(0.1)
    assert "By scenario: ocr +0.100" in finding.words
    assert "ocr +0.0172" in finding.published


def test_the_finding_does_not_hold_where_the_interval_reaches_zero(setting_of, made_up):
    for margin in (-0.1, 0.0005):
        (finding,) = report(setting_of(datasets=SETS), made_up, figure=ahead_by(margin)).findings
        assert finding.holds is False
        assert finding.estimate.low <= 0


def test_the_finding_needs_every_held_out_dataset(setting_of, made_up):
    given = report(setting_of(datasets=SETS), made_up, failed=lambda c: c.test == "mathvista" and bool(c.learn_from))
    (finding,) = given.findings
    assert finding.holds is None
    assert finding.estimate is None
    assert {gap.what for gap in given.gaps} >= {"knn, linear-mf on mathvista"}


def test_a_scenario_of_one_dataset_is_a_gap_with_its_reason(setting_of, made_up):
    given = report(setting_of(datasets=SETS), made_up)
    assert [(gap.what, gap.reason) for gap in given.gaps] == [
        ("table 4, scenario general-vqa", "MMStar is its only dataset in the table, so there is no other to learn from")
    ]


def test_without_two_datasets_of_a_scenario_it_is_unavailable(setting_of):
    for datasets in (("mathvision",), ("mathvision", "mmstar", "gsm8k")):
        with pytest.raises(Unavailable, match="no scenario"):
            ShiftWithinScenario().cells(setting_of(datasets=datasets))


@pytest.mark.parametrize(
    ("study", "name"),
    [
        (ShiftWithinScenario(), "robust under shift"),
        (QualityNeutralCost(), "a third of the cost"),
        (Figure2(), "multimodal signals matter"),
    ],
)
def test_the_three_findings_of_the_paper_are_claimed_by_their_studies(study, name):
    (claim,) = study.claims
    assert (claim.name, claim.holds, claim.estimate, claim.words) == (name, None, None, "")
    assert claim.rule
    assert claim.published


def test_in_domain_fits_alone_are_no_table(setting_of, made_up):
    with pytest.raises(Unavailable, match="made to fail"):
        report(setting_of(datasets=SETS), made_up, failed=lambda cell: bool(cell.learn_from))


def test_a_run_of_nothing_but_random_gives_no_table(setting_of):
    with pytest.raises(Unavailable, match="no router that learns"):
        ShiftWithinScenario().cells(setting_of(datasets=SETS, routers=("random",)))


def test_policy_routers_alone_have_a_table_but_no_pairs_and_no_verdict(setting_of, made_up, monkeypatch):
    setting = setting_of(datasets=SETS, routers=("knn",))
    monkeypatch.delattr(setting.registry.routers.load("knn"), "predict")
    given = report(setting, made_up)
    assert [exhibit.name for exhibit in given.exhibits] == ["table4", "table4-skill", "table4-datasets"]
    assert "table 4, pairs of datasets" in [gap.what for gap in given.gaps]
    assert given.findings[0].holds is None
