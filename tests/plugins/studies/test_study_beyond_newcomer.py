"""A model added after training: who the newcomers are, what is compared with what, and the finding's verdicts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mmr_core.features import EncodedFeatures
from mmr_core.results import cell_key
from mmr_core.runner.options import Options
from mmr_core.specs import DatasetSpec
from mmr_core.splits import train_mask
from mmr_core.studies import Unavailable, run_cells
from mmr_plugins.encoders.lite import LiteEncoder
from mmr_plugins.studies.newcomer import CALIBRATIONS, ENOUGH, HeldOutModel, newcomers


@pytest.fixture(scope="module")
def setting(setting_of):
    return setting_of(each=100, models=4, routers=("random", "knn", "linear-mf", "mlp"), seeds=(3, 4))


def slow_newcomers(setting):
    """By loops: the most useful model of the training split and the cheapest."""
    table, members = setting.table, setting.widest.members
    train = train_mask(table.dataset, table.instance_id)
    means = []
    for j in range(len(table.models)):
        rows = [i for i in range(len(table)) if train[i] and table.dataset[i] in members]
        means.append((sum(table.utility[i, j] for i in rows), sum(table.cost[i, j] for i in rows)))
    best = max(range(len(means)), key=lambda j: means[j][0])
    cheapest = min(range(len(means)), key=lambda j: means[j][1])
    return [table.models[j].name for j in (best, cheapest)], len(rows)


def test_newcomers_are_the_most_useful_and_the_cheapest_model_of_the_training_split(setting):
    names, rows = slow_newcomers(setting)
    assert newcomers(setting) == dict.fromkeys(names, rows)


def test_test_outcomes_have_no_say_in_who_the_newcomers_are(setting):
    table = setting.table
    test = ~train_mask(table.dataset, table.instance_id)
    utility, cost = table.utility.copy(), table.cost.copy()
    utility[test], cost[test] = 1 - utility[test], cost[test][:, ::-1]
    other = replace(setting, table=replace(table, utility=utility, cost=cost))
    assert newcomers(other) == newcomers(setting)


def test_one_model_that_is_both_is_one_newcomer(setting):
    table = setting.table
    free = replace(setting, table=replace(table, cost=np.ascontiguousarray(table.cost[:, ::-1])))
    assert list(newcomers(free)) == ["model-3"]


def test_light_routers_meet_every_newcomer_with_growing_calibration_and_fully_known(setting):
    cells = list(HeldOutModel().cells(setting))
    _, rows = slow_newcomers(setting)
    numbers = [n for n in CALIBRATIONS if n < rows]
    assert {cell.router for cell in cells} == {"knn", "linear-mf"}
    assert {cell.seed for cell in cells} == {3}
    for newcomer in newcomers(setting):
        for router in ("knn", "linear-mf"):
            mine = [c.calibration for c in cells if (c.newcomer, c.router) == (newcomer, router)]
            assert mine == numbers
    assert {cell.router for cell in cells if cell.is_in_domain} == {"knn", "linear-mf"}


def test_networks_alone_take_part_where_there_is_nothing_lighter(setting):
    cells = HeldOutModel().cells(replace(setting, routers=("random", "mlp")))
    assert {cell.router for cell in cells} == {"mlp"}


def test_gains_are_paired_with_no_calibration_and_with_full_knowledge(setting, made_up):
    study = HeldOutModel()
    results = made_up(study.cells(setting))
    (shown,) = study.report(setting, results).exhibits
    by_key = {cell_key(record.cell): record for record in results}
    cells = {
        (c.newcomer, c.router, str(c.calibration)): by_key[cell_key(c)] for c in study.cells(setting) if c.newcomer
    }
    whole = {c.router: by_key[cell_key(c)] for c in study.cells(setting) if not c.newcomer}
    compared = 0
    titles = {f"newcomer {model.title}": model.name for model in setting.table.models}
    for line in shown.sheet.lines:
        text = line.entries[0].text
        if text.startswith("all"):
            continue
        own, without = (cells[titles[line.group], line.label, n] for n in (text, "0"))
        assert line.entries[1].value == own.metrics["nauc"]
        if text != "0":
            _agrees(line.entries[4], own, without)
        _agrees(line.entries[5], own, whole[line.label])
        compared += 1
    assert compared == len(cells)


def _agrees(entry, own, other):
    assert entry.value == pytest.approx(own.metrics["nauc"] - other.metrics["nauc"])
    gaps = sorted(own.draws["nauc"] - other.draws["nauc"])
    assert (entry.low, entry.high) == pytest.approx((gaps[0], gaps[38]))  # of 40 draws
    assert entry.signed


def test_lines_start_at_the_first_calibration_and_end_at_full_knowledge(setting, made_up):
    (shown,) = HeldOutModel().report(setting, made_up(HeldOutModel().cells(setting))).exhibits
    _, rows = slow_newcomers(setting)
    places = (*(float(n) for n in CALIBRATIONS if 0 < n < rows), float(rows))
    assert len(shown.drawing.panels) == 4
    for panel in shown.drawing.panels:
        assert [one.name for one in panel.series] == ["knn", "linear-mf", "the pool without it"]
        assert {one.x for one in panel.series if not one.reference} == {places}
        assert panel.series[-1].y == (0.0, 0.0)


@pytest.mark.parametrize(("gained", "verdict"), [(0.2, True), (0.0, False), (-0.2, False)])
def test_the_finding_looks_at_the_gain_from_enough_instances_of_the_most_useful_newcomer(
    setting, made_up, gained, verdict
):
    best, cheapest = newcomers(setting)

    def figure(cell, name, metric):
        others = cell.router != "linear-mf" or cell.newcomer == cheapest
        return 0.5 + (gained if cell.calibration == ENOUGH and cell.newcomer == best else 0.3 if others else 0.0)

    report = HeldOutModel().report(setting, made_up(HeldOutModel().cells(setting), figure))
    (finding,) = report.findings
    assert finding.holds is verdict
    assert finding.estimate.value == pytest.approx(gained)
    assert f"by {gained:+.3f} [" in finding.words
    assert "linear-mf" in finding.words


def test_where_the_finding_cannot_be_tested_it_says_so(setting, made_up):
    cells = list(HeldOutModel().cells(setting))
    report = HeldOutModel().report(setting, made_up(cells, failed=lambda c: c.calibration == ENOUGH))
    (finding,) = report.findings
    assert finding.holds is None
    assert "could not be tested" in finding.words
    assert [gap.reason for gap in report.gaps] == ["it was made to fail"]


def test_it_is_unavailable_without_a_router_that_learns_or_with_hardly_any_training_outcome(setting_of):
    with pytest.raises(Unavailable, match="no router of the run learns"):
        HeldOutModel().cells(setting_of(each=100, routers=("random",)))
    with pytest.raises(Unavailable, match="training outcomes"):
        HeldOutModel().cells(setting_of(datasets=("gsm8k",), each=20))


def test_nothing_measured_is_unavailable_with_the_reason(setting, made_up):
    with pytest.raises(Unavailable, match="made to fail"):
        HeldOutModel().report(setting, made_up(HeldOutModel().cells(setting), failed=lambda cell: True))


def test_measured_for_real_an_unknown_newcomer_is_left_alone(setting):
    real = replace(setting, routers=("kmeans", "knn", "linear", "linear-mf"), seeds=(0,))
    cells = list(HeldOutModel().cells(real))
    encoder = LiteEncoder()
    results = run_cells(
        cells,
        real,
        source_for=lambda pair: EncodedFeatures(text_encoder=encoder, image_encoder=None),
        options=Options(draws=20),
    )
    assert not results.failures
    (shown,) = HeldOutModel().report(real, results).exhibits
    sent = {(line.label, line.entries[0].text): line.entries[6].value for line in shown.sheet.lines[: len(cells) // 2]}
    for router in real.routers:
        assert sent[router, "0"] == 0
        assert sent[router, "30"] > 0


def test_without_a_mixture_it_is_made_on_the_first_dataset(setting_of):
    setting = setting_of(datasets=("gsm8k",), each=200)
    assert isinstance(setting.widest, DatasetSpec)
    assert {cell.test for cell in HeldOutModel().cells(setting)} == {"gsm8k"}
