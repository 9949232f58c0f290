"""The paper's tables on a small table that is really measured: every router fitted, every interval drawn."""

from __future__ import annotations

import pytest

from mmr_core.features import EncodedFeatures
from mmr_core.runner.evaluate import evaluate
from mmr_core.runner.grid import run_cells
from mmr_core.runner.options import Entrant, Options
from mmr_plugins.studies.fusion_gain import FusionGain
from mmr_plugins.studies.masked_image import MASKED, MaskedImage
from mmr_plugins.studies.overall import OverallResults, QualityNeutralCost
from mmr_plugins.studies.shift import ShiftWithinScenario

STUDIES = (OverallResults(), QualityNeutralCost(), FusionGain(), ShiftWithinScenario(), MaskedImage())
ROUTERS = ("random", "knn", "linear-mf")
OPTIONS = Options(seeds=(0, 1), draws=20)


@pytest.fixture(scope="module")
def setting(setting_of):
    return setting_of(each=60, routers=ROUTERS, images=True)


@pytest.fixture(scope="module")
def source(installed):
    encoder = installed.encoders.create("lite")
    return EncodedFeatures(text_encoder=encoder, image_encoder=encoder)


@pytest.fixture(scope="module")
def results(setting, source):
    cells = [cell for study in STUDIES for cell in study.cells(setting)]
    return run_cells(cells, setting, source_for=lambda pair: source, options=OPTIONS)


def exhibit(given, name):
    return next(exhibit for exhibit in given.exhibits if exhibit.name == name)


def test_every_table_is_whole(setting, results):
    assert results.failures == ()
    for study in STUDIES:
        given = study.report(setting, results)
        assert [gap for gap in given.gaps if "only dataset" not in gap.reason] == []
        for shown in given.exhibits:
            for line in shown.sheet.lines:
                if not (line.published or line.reference):
                    assert all(entry.value is not None for entry in line.entries), (shown.name, line.label)


def test_table_2_has_the_figures_of_an_evaluation(setting, source, results):
    entrants = [Entrant(name=name) for name in ROUTERS]
    columns = [
        evaluate(setting.table, spec, entrants, source=source, registry=setting.registry, options=OPTIONS)
        for spec in setting.columns
    ]
    given = OverallResults().report(setting, results)
    cost = QualityNeutralCost().report(setting, results)
    sheets = {
        "nauc": exhibit(given, "table2").sheet,
        "skill": exhibit(given, "table2-skill").sheet,
        "peak": exhibit(given, "table2-peak").sheet,
        "qnc": exhibit(cost, "s4").sheet,
    }
    for metric, sheet in sheets.items():
        for line in [line for line in sheet.lines if not line.published]:
            for column, entry in zip(columns, line.entries, strict=True):
                wanted = column.whole.row(line.label).metrics[metric]
                assert entry.value == pytest.approx(wanted.value, abs=1e-12)
                assert (entry.low, entry.high) == pytest.approx((wanted.low, wanted.high), abs=1e-12)


def test_findings_come_to_a_verdict(setting, results):
    for study in (QualityNeutralCost(), ShiftWithinScenario()):
        (finding,) = study.report(setting, results).findings
        assert finding.holds in (True, False)
        assert finding.estimate.low <= finding.estimate.value <= finding.estimate.high


def test_a_masked_router_learned_from_the_instances_with_images(setting, results):
    masked = results.where(test="gsm8k", router="knn", train_modality="multimodal", modality="text")
    trained = {record.learned_from for record in masked}
    whole = {record.learned_from for record in results.where(test="full", router="knn", fusion="adaptive")}
    assert len(masked) == 2
    assert trained == whole
    shown = exhibit(MaskedImage().report(setting, results), "table5").sheet
    assert [line.label for line in shown.lines if line.group == MASKED] == ["knn", "linear-mf"]
