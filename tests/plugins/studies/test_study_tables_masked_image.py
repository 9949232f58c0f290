"""Table 5: what is seen when, and what the comparisons are with."""

from __future__ import annotations

import math

import pytest

from mmr_core.results import cell_key
from mmr_core.runner.references import BEST_SINGLE
from mmr_core.studies import Cell, Unavailable
from mmr_plugins.studies.masked_image import IN_DOMAIN, MASKED, TEXT_TRAINED, MaskedImage

SETS = ("ocrbench", "mathvision", "gsm8k", "arc")


def report(setting, made_up, **how):
    study = MaskedImage()
    return study.report(setting, made_up(study.cells(setting), **how))


def sheet(given, name):
    return next(exhibit.sheet for exhibit in given.exhibits if exhibit.name == name)


def test_routers_learn_from_the_mixture_with_images_and_are_asked_by_text(setting_of):
    cells = list(MaskedImage().cells(setting_of(datasets=SETS, routers=("random", "knn"), seeds=(0,))))
    assert {cell.test for cell in cells} == {"gsm8k", "arc"}
    seen = {(c.learn_from, c.seen_in_training, c.modality) for c in cells if c.router}
    assert seen == {
        (("full",), "multimodal", "text"),
        (("full",), "text", "text"),
        ((), "multimodal", "multimodal"),
    }
    assert {cell.router for cell in cells} == {None, "knn"}


def test_without_a_mixture_they_learn_from_all_datasets_with_images(setting_of):
    cells = MaskedImage().cells(setting_of(datasets=("mathvision", "gsm8k")))
    assert {cell.learn_from for cell in cells if cell.learn_from} == {("mathvision",)}


def test_it_needs_a_text_only_dataset_and_one_with_images(setting_of):
    with pytest.raises(Unavailable, match="no text-only dataset"):
        MaskedImage().cells(setting_of(datasets=("mathvision", "ocrbench")))
    with pytest.raises(Unavailable, match="both texts and images"):
        MaskedImage().cells(setting_of(datasets=("gsm8k", "arc")))


def test_scores_are_shown_for_each_way_of_learning_with_their_mean_over_datasets(setting_of, made_up):
    def figure(cell, name, metric):
        way = 0.0 if not cell.learn_from else 0.1 if cell.train_modality else 0.2
        return 0.5 + way + (0.06 if cell.test == "arc" else 0.0)

    shown = sheet(report(setting_of(datasets=SETS), made_up, figure=figure, spread=0.0), "table5")
    assert shown.header == ("router", "GSM8K", "ARC", "mean")
    by_way = {line.group: [entry.value for entry in line.entries] for line in shown.lines if line.label == "knn"}
    assert by_way[MASKED] == pytest.approx([0.6, 0.66, 0.63])
    assert by_way[TEXT_TRAINED] == pytest.approx([0.7, 0.76, 0.73])
    assert by_way[IN_DOMAIN] == pytest.approx([0.5, 0.56, 0.53])


def test_only_routers_that_learned_with_images_compete(setting_of, made_up):
    given = report(setting_of(datasets=SETS), made_up)
    for name in ("table5", "table5-skill"):
        marked = [(line.group, entry.mark) for line in sheet(given, name).lines for entry in line.entries if entry.mark]
        assert {group for group, _ in marked} == {MASKED}
        assert len(marked) == 6


def test_published_percentages_are_shares_and_stand_beside_peaks_alone(setting_of, made_up):
    given = report(setting_of(datasets=SETS), made_up)
    published = {
        line.label: [entry.value for entry in line.entries] for line in sheet(given, "table5").lines if line.published
    }
    assert published["best single model"] == [pytest.approx(0.945), pytest.approx(0.657), None]
    assert published[MASKED] == [pytest.approx(0.967), pytest.approx(0.667), None]
    assert not any(line.published for line in sheet(given, "table5-skill").lines)


def test_differences_are_paired_with_each_comparison(setting_of, made_up):
    setting = setting_of(datasets=SETS)
    study = MaskedImage()
    results = made_up(study.cells(setting))
    shown = sheet(study.report(setting, results), "table5-differences")
    by_key = {cell_key(record.cell): record for record in results if record.cell.router}

    def fits(test, **how):
        return [by_key[cell_key(Cell(test=test, router="knn", seed=seed, **how))] for seed in (0, 1)]

    masked = {"learn_from": ("full",), "modality": "text", "train_modality": "multimodal"}
    others = {
        f"minus {BEST_SINGLE}": lambda test: [results.reference(test, BEST_SINGLE)],
        f"minus {TEXT_TRAINED}": lambda test: fits(test, learn_from=("full",), modality="text"),
        f"minus {IN_DOMAIN}": lambda test: fits(test),
    }
    for line in [line for line in shown.lines if line.label == "knn"]:
        for test, entry in zip(("gsm8k", "arc"), line.entries, strict=False):
            own, other = fits(test, **masked), others[line.group](test)
            gaps = sorted(
                sum(float(r.draws["peak"][b]) for r in own) / len(own)
                - sum(float(r.draws["peak"][b]) for r in other) / len(other)
                for b in range(40)
            )
            assert (entry.low, entry.high) == pytest.approx(
                (gaps[math.ceil(0.025 * 40) - 1], gaps[math.ceil(0.975 * 40) - 1])
            )


def test_one_text_only_dataset_has_no_mean(setting_of, made_up):
    shown = sheet(report(setting_of(datasets=("mathvision", "gsm8k")), made_up), "table5")
    assert shown.header == ("router", "GSM8K")


def test_a_mean_with_a_part_that_failed_is_a_dash(setting_of, made_up):
    given = report(setting_of(datasets=SETS), made_up, failed=lambda c: c.test == "arc" and c.router == "knn")
    line = next(line for line in sheet(given, "table5").lines if line.label == "knn" and line.group == MASKED)
    assert [entry.value is None for entry in line.entries] == [False, True, True]
    assert [gap.what for gap in given.gaps] == ["knn on arc"]


def test_a_run_of_nothing_but_random_gives_no_table(setting_of):
    with pytest.raises(Unavailable, match="no router that learns"):
        MaskedImage().cells(setting_of(datasets=SETS, routers=("random",)))
