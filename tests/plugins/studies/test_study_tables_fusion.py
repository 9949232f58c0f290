"""Table 3: paired differences between fusions against a slow twin."""

from __future__ import annotations

import math

import pytest

from mmr_core.results import cell_key
from mmr_core.studies import Cell, Unavailable
from mmr_plugins.published import rows
from mmr_plugins.studies.fusion_gain import FusionGain
from mmr_plugins.studies.overall import OverallResults


def test_each_router_runs_with_both_fusions_and_its_own_is_shared_with_table_2(setting_of):
    setting = setting_of(routers=("random", "linear", "knn"), seeds=(0,))
    cells = list(FusionGain().cells(setting))
    assert [(cell.router, cell.fusion) for cell in cells] == [
        (None, None),
        ("linear", None),
        ("linear", "adaptive"),
        ("knn", "average"),
        ("knn", None),
    ]
    assert {cell.test for cell in cells} == {"full"}
    shared = {cell_key(cell) for cell in OverallResults().cells(setting)}
    assert [cell.fusion for cell in cells if cell_key(cell) not in shared] == ["adaptive", "average"]


def test_differences_are_adaptive_minus_equal_weight_draw_by_draw(setting_of, made_up):
    setting = setting_of(routers=("linear", "knn"))
    study = FusionGain()
    results = made_up(study.cells(setting))
    (shown,) = study.report(setting, results).exhibits
    by_key = {cell_key(record.cell): record for record in results}
    sides = {"linear": (None, "adaptive"), "knn": ("average", None)}
    for line in [line for line in shown.sheet.lines if not line.published]:
        equal, adaptive = (
            [by_key[cell_key(Cell(test="full", router=line.label, fusion=fusion, seed=s))] for s in (0, 1)]
            for fusion in sides[line.label]
        )
        for metric, entry in zip(("nauc", "skill", "peak"), line.entries, strict=False):
            gaps = sorted(
                sum(float(a.draws[metric][b]) - float(e.draws[metric][b]) for a, e in zip(adaptive, equal, strict=True))
                / 2
                for b in range(40)
            )
            value = sum(a.metrics[metric] - e.metrics[metric] for a, e in zip(adaptive, equal, strict=True)) / 2
            assert (entry.value, entry.low, entry.high) == pytest.approx(
                (value, gaps[math.ceil(0.025 * 40) - 1], gaps[math.ceil(0.975 * 40) - 1])
            )
            assert entry.signed
        assert line.entries[3].value == pytest.approx(sum(e.metrics["qnc"] for e in equal) / 2)
        assert line.entries[4].value == pytest.approx(sum(a.metrics["qnc"] for a in adaptive) / 2)


def test_published_differences_stand_below_with_their_infinities(setting_of, made_up):
    setting = setting_of(routers=("knn",))
    (shown,) = FusionGain().report(setting, made_up(FusionGain().cells(setting))).exhibits
    published = {line.label: line.entries for line in shown.sheet.lines if line.published}
    assert published["kmeans"][0].value == 0.3403
    assert published["knn"][3].value == published["knn"][4].value == math.inf


def test_the_papers_adaptive_qnc_is_that_of_the_factorising_routers_of_table_s4():
    adaptive = {row["router"]: row["qnc_adaptive"] for row in rows("table3")}
    overall = {row["router"]: row["all"] for row in rows("table_s4")}
    for router, same in (("kmeans", "kmeans"), ("mlp", "mlp-mf"), ("linear", "linear-mf")):
        digits = len(overall[same].partition(".")[2])
        assert abs(float(adaptive[router]) - float(overall[same])) <= 0.5001 * 10**-digits


def test_it_is_made_on_the_widest_column_that_has_images(setting_of):
    setting = setting_of(datasets=("gsm8k", "mathvision"), routers=("knn",))
    assert {cell.test for cell in FusionGain().cells(setting)} == {"mathvision"}


def test_without_images_or_without_a_fusion_it_is_unavailable(setting_of):
    with pytest.raises(Unavailable, match="both texts and images"):
        FusionGain().cells(setting_of(datasets=("gsm8k", "arc")))
    with pytest.raises(Unavailable, match="fused features"):
        FusionGain().cells(setting_of(routers=("random",)))


def test_references_alone_are_not_a_table(setting_of, made_up):
    setting = setting_of()
    cells = list(FusionGain().cells(setting))
    with pytest.raises(Unavailable, match="made to fail"):
        FusionGain().report(setting, made_up(cells, failed=lambda cell: cell.router is not None))


def test_a_side_that_failed_is_a_dash_and_a_gap(setting_of, made_up):
    setting = setting_of(routers=("linear", "knn"))
    cells = list(FusionGain().cells(setting))
    given = FusionGain().report(setting, made_up(cells, failed=lambda cell: cell.fusion == "adaptive"))
    linear, knn = [line for line in given.exhibits[0].sheet.lines if not line.published]
    assert [entry.value is None for entry in linear.entries] == [True, True, True, False, True]
    assert all(entry.value is not None for entry in knn.entries)
    assert [gap.what for gap in given.gaps] == ["linear on full"]
