"""The curve over training size: its cells, its places, its differences, and itself for real."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mmr_core.features import EncodedFeatures
from mmr_core.results import Results, cell_key
from mmr_core.runner.options import Options
from mmr_core.splits import train_mask
from mmr_core.studies import Unavailable, run_cells
from mmr_plugins.encoders.lite import LiteEncoder
from mmr_plugins.studies.overall import OverallResults
from mmr_plugins.studies.training_size import SHARES, TrainingSize


@pytest.fixture(scope="module")
def setting(setting_of):
    return setting_of(each=60, routers=("random", "knn", "linear"), seeds=(3, 4))


@pytest.fixture
def sized(setting, made_up):
    """Made-up results whose records have learned from 200 instances times their share."""

    def build(**options) -> Results:
        results = made_up(TrainingSize().cells(setting), **options)
        records = tuple(replace(record, learned_from=round(200 * record.cell.train_share)) for record in results)
        return replace(results, records=records)

    return build


def test_every_router_that_learns_meets_every_share_with_the_first_seed(setting):
    references, *fits = TrainingSize().cells(setting)
    assert references.router is None
    assert [(cell.router, cell.train_share) for cell in fits] == [
        (router, share) for router in ("knn", "linear") for share in SHARES
    ]
    assert {(cell.test, cell.seed) for cell in fits} == {("full", 3)}


def test_the_whole_split_is_shared_with_table_2(setting):
    shared = {cell_key(cell) for cell in OverallResults().cells(setting)}
    assert [cell.train_share for cell in TrainingSize().cells(setting) if cell_key(cell) in shared] == [1, 1, 1]


def test_curves_stand_over_training_instances_with_the_constant_policy_beside(setting, sized):
    results = sized()
    (shown,) = TrainingSize().report(setting, results).exhibits
    constant = results.reference("full", "constant")
    for panel, metric in zip(shown.drawing.panels, ("nauc", "skill"), strict=True):
        assert panel.x.scale == "log"
        curves = {one.name: one for one in panel.series}
        assert list(curves) == ["knn", "linear", "constant"]
        assert curves["knn"].x == (10.0, 20.0, 50.0, 100.0, 200.0)
        own = {r.cell.train_share: r for r in results.where(router="knn")}
        assert curves["knn"].y == tuple(own[share].metrics[metric] for share in SHARES)
        assert curves["knn"].low[0] < curves["knn"].y[0] < curves["knn"].high[0]
        assert curves["constant"].y == (constant.metrics[metric],) * 2
        assert curves["constant"].reference


def test_the_sheet_has_both_figures_marked_and_paired_differences_to_the_whole_split(setting, sized):
    results = sized()
    (shown,) = TrainingSize().report(setting, results).exhibits
    assert shown.sheet.header == ("router", "5% (10)", "10% (20)", "25% (50)", "50% (100)", "100% (200)")
    by_group = {(line.group, line.label): line.entries for line in shown.sheet.lines}
    for column, share in enumerate(SHARES):
        records = {router: results.where(router=router, train_share=share)[0] for router in ("knn", "linear")}
        for metric, title in (("nauc", "nAUC"), ("skill", "skill")):
            best = max(records, key=lambda router: round(records[router].metrics[metric], 3))
            assert by_group[title, best][column].mark == "best"
        for router, record in records.items():
            entry = by_group["nAUC minus that of the whole training split", router][column]
            if share == 1:
                assert entry.value is None
                continue
            (whole,) = results.where(router=router, train_share=1.0)
            gaps = sorted(record.draws["nauc"] - whole.draws["nauc"])
            assert (entry.value, entry.low, entry.high) == pytest.approx(
                (record.metrics["nauc"] - whole.metrics["nauc"], gaps[0], gaps[38])
            )


def test_a_share_that_failed_for_one_router_is_a_dash_and_a_gap(setting, sized):
    results = sized(failed=lambda cell: cell.router == "knn" and cell.train_share == 0.05)
    report = TrainingSize().report(setting, results)
    (shown,) = report.exhibits
    first = {line.label: line.entries[0].value for line in shown.sheet.lines if line.group == "nAUC"}
    assert first["knn"] is None
    assert first["linear"] is not None
    assert [(gap.what, gap.reason) for gap in report.gaps] == [("knn on full", "it was made to fail")]
    (curve,) = [one for one in shown.drawing.panels[0].series if one.name == "knn"]
    assert curve.x == (20.0, 50.0, 100.0, 200.0)


def test_without_references_there_is_no_constant_and_without_routers_nothing(setting, setting_of, sized):
    report = TrainingSize().report(setting, sized(failed=lambda cell: cell.router is None))
    assert [one.name for one in report.exhibits[0].drawing.panels[0].series] == ["knn", "linear"]
    with pytest.raises(Unavailable, match="made to fail"):
        TrainingSize().report(setting, sized(failed=lambda cell: cell.router is not None))
    with pytest.raises(Unavailable, match="no router of the run learns"):
        TrainingSize().cells(setting_of(routers=("random",)))


def test_measured_for_real_each_share_learns_from_its_part(setting):
    own = replace(setting, seeds=(0,))
    encoder = LiteEncoder()
    results = run_cells(
        TrainingSize().cells(own),
        own,
        source_for=lambda pair: EncodedFeatures(text_encoder=encoder, image_encoder=None),
        options=Options(draws=20),
    )
    assert not results.failures
    table = own.table
    members = [name in own.widest.members for name in table.dataset]
    whole = int((train_mask(table.dataset, table.instance_id) & members).sum())
    sizes = [results.where(router="knn", train_share=share)[0].learned_from for share in SHARES]
    assert sizes[-1] == whole
    assert all(share * whole <= size + 1e-6 <= share * whole + 2 * 3 for share, size in zip(SHARES, sizes, strict=True))
    (shown,) = TrainingSize().report(own, results).exhibits
    assert shown.drawing.panels[0].series[0].x == tuple(sorted({float(size) for size in sizes}))
