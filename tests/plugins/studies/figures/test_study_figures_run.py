"""The studies of figures on a small table, with routers that really learn, through the machinery that runs cells."""

from __future__ import annotations

import numpy as np
import pytest

from mmr_core.features import FeatureCache
from mmr_core.features.selection import FeatureChoice, feature_source
from mmr_core.runner.grid import run_cells
from mmr_core.runner.options import Options
from mmr_core.studies.plan import plan, report_studies
from mmr_plugins.studies.cases import test_instances as asked_of

NAMES = ("figure2", "clusters", "figure3", "figure4", "s-figure1", "shares", "s-figure2")


@pytest.fixture(scope="module")
def ran(setting, registry, tmp_path_factory):
    """The setting, the results of all cells, and what came of the studies."""
    run = setting(routers=("random", "knn", "linear-mf"), seeds=(0, 1), instances=300, models=4, missing=0.004)
    cache = FeatureCache(tmp_path_factory.mktemp("features"))
    made = plan(NAMES, registry, run)
    results = run_cells(
        made.cells,
        run,
        source_for=lambda pair: feature_source(FeatureChoice(), registry, cache=cache),
        options=Options(draws=40),
    )
    return run, results, report_studies(made, run, results)


def test_every_study_of_a_figure_is_registered_and_gives_what_it_promises(ran):
    _, results, done = ran
    assert results.failures == ()
    assert (dict(done.unavailable), done.failures) == ({}, ())
    names = [exhibit.name for _, report in done.reports for exhibit in report.exhibits]
    assert names == [*NAMES[:2], "clusters-lambda", *NAMES[2:]]
    for _, report in done.reports:
        for exhibit in report.exhibits:
            assert exhibit.sheet.lines
            assert exhibit.caption
            assert exhibit.drawing is not None or exhibit.name == "clusters-lambda"


def test_choices_lie_on_the_test_rows_at_every_weight(ran):
    run, results, _ = ran
    (record,) = [record for record in results if record.cell.keep_choices]
    asked = asked_of(run.table, run.widest)
    everyone = np.arange(len(asked))
    assert record.name == "linear-mf"
    assert record.along.choices.shape[1] == len(asked) == record.instances
    for place, chosen in enumerate(record.along.choices):
        assert asked.cost[everyone, chosen].mean() == pytest.approx(record.along.cost[place], rel=1e-12)
        assert asked.utility[everyone, chosen].mean() == pytest.approx(record.along.utility[place], rel=1e-12)
    distinct = np.unique(record.along.choices)
    assert len(distinct) > 1


def test_all_numbers_of_clusters_together_reach_what_each_reaches(ran):
    _, results, _ = ran
    pooled = [record for record in results if record.cell.pooled]
    assert len(pooled) == 6
    for together in pooled:
        alone = [
            record
            for record in results
            if record.name == "kmeans"
            and "clusters" in record.cell.parameters
            and (record.cell.modality, record.cell.seed) == (together.cell.modality, together.cell.seed)
        ]
        assert len(alone) == len(together.cell.pooled["clusters"]) - 1  # one cluster is not fitted by itself
        assert together.metrics["nauc"] >= max(record.metrics["nauc"] for record in alone) - 1e-12
        assert (together.draws["nauc"] >= np.max([record.draws["nauc"] for record in alone], axis=0) - 1e-12).all()
