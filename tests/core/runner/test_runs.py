"""Whole runs: columns, averages over scenarios, pairs, and what a run states about itself."""

from __future__ import annotations

import dataclasses
import sys
import types

import numpy as np
import pytest

from mmr_core.errors import DegenerateError
from mmr_core.plugins import Contribution, Discovery
from mmr_core.registry import Registry
from mmr_core.runner.evaluate import run_paper
from mmr_core.runner.lineup import all_entrants
from mmr_core.runner.options import Entrant, Options
from mmr_core.runner.prepare import columns_of
from mmr_core.specs import ComponentSpec, DatasetSpec


def test_a_mixture_is_a_column_where_two_of_its_members_are_present(table):
    own = table(datasets=("alpha", "beta"))
    mixture = DatasetSpec(name="both", title="", scenario="mixture", modalities=("text",), members=("alpha", "beta"))
    lonely = DatasetSpec(name="one", title="", scenario="mixture", modalities=("text",), members=("alpha", "gamma"))
    assert [spec.name for spec in columns_of(own, [mixture, lonely])] == ["alpha", "beta", "both"]


@pytest.fixture
def whole_run(registry, source):
    """A function that evaluates two routers on each of some datasets."""

    def evaluated(table, datasets):
        entrants = [Entrant(name="mean"), Entrant(name="coin")]
        return run_paper(table, datasets, entrants, source=source, registry=registry, options=Options(draws=30))

    return evaluated


def test_a_run_averages_scenarios_first_over_datasets_and_then_over_scenarios(table, whole_run):
    own = table(models=3, instances=600, datasets=("alpha", "beta", "gamma"))
    specs = tuple(
        dataclasses.replace(spec, scenario="ocr" if spec.name == "gamma" else "math") for spec in own.datasets
    )
    own = dataclasses.replace(own, datasets=specs)
    result = whole_run(own, [own.spec_of(name) for name in own.dataset_names])
    nauc = {column.dataset: column.whole.row("mean").metrics["nauc"].value for column in result.columns}
    macros = {
        macro.name: next(row for row in macro.rows if row.name == "mean").metrics["nauc"] for macro in result.macros
    }
    assert macros["math"].value == pytest.approx((nauc["alpha"] + nauc["beta"]) / 2)
    assert macros["all"].value == pytest.approx((macros["math"].value + nauc["gamma"]) / 2)
    assert macros["all"].low <= macros["all"].value <= macros["all"].high


def test_an_average_with_an_infinite_part_is_infinite(table, whole_run):
    own = table(models=3, instances=400, datasets=("alpha", "beta"))
    result = whole_run(own, [own.spec_of(name) for name in own.dataset_names])
    parts = [column.whole.row("coin").metrics["qnc"].value for column in result.columns]
    average = next(row for row in result.macros[-1].rows if row.name == "coin").metrics["qnc"].value
    assert average == np.mean(parts)


def test_pairs_are_compared_on_the_same_draws(table, whole_run):
    own = table(models=3, instances=400, datasets=("alpha",))
    result = whole_run(own, [own.spec_of("alpha")])
    [pair] = [d for d in result.differences if d.metric == "nauc"]
    rows = {row.name: row for row in result.columns[0].whole.rows}
    gap = rows[pair.first].draws["nauc"] - rows[pair.second].draws["nauc"]
    assert pair.value == pytest.approx(rows[pair.first].metrics["nauc"].value - rows[pair.second].metrics["nauc"].value)
    assert (pair.low, pair.high) == tuple(np.quantile(gap, [0.025, 0.975], method="inverted_cdf"))
    assert pair.decided == (pair.low > 0 or pair.high < 0)


def test_a_column_without_anything_to_measure_is_skipped_unless_it_is_the_only_one(table, whole_run):
    own = table(models=3, instances=400, datasets=("alpha", "beta"))
    flat = own.cost.copy()
    flat[own.dataset == "beta"] = 1e-6
    own = dataclasses.replace(own, cost=flat)
    specs = [own.spec_of(name) for name in own.dataset_names]
    assert "cost the same" in whole_run(own, specs).skipped_columns["beta"]
    with pytest.raises(DegenerateError, match="cost the same"):
        whole_run(own, specs[1:])


def test_a_run_states_what_is_needed_to_run_it_again(table, whole_run):
    own = table(models=3, instances=200, datasets=("alpha",))
    result = whole_run(own, [own.spec_of("alpha")])
    entry = result.lineup[0]
    assert (entry.canonical_id, entry.version) == ("mmr-watch/mean", "0.1")
    assert (entry.fusion.canonical_id, entry.fusion.version, entry.fusion.parameters) == ("mmr-watch/side", "0.1", {})
    assert entry.parameters == {"tilt": 0.0}
    assert result.data.digest == own.digest()
    assert {"python", "numpy", "scikit-learn", "mmr-bench", "mmr-watch"} <= set(result.versions)


def test_routers_whose_extra_is_missing_are_left_out_of_all_with_the_way_to_get_them(registry):
    spec = ComponentSpec(
        kind="router", name="heavy", target="heavy_impl:Router", summary="", extra="torch", needs="PyTorch"
    )
    provider = registry.discovery.providers[0]
    module = types.ModuleType("heavy_impl")
    module.__getattr__ = lambda name: (_ for _ in ()).throw(ModuleNotFoundError("no torch", name="torch"))
    sys.modules["heavy_impl"] = module
    found = Registry(
        Discovery(
            providers=(provider,),
            contributions=(
                *registry.discovery.contributions,
                Contribution(word="router", spec=spec, provider=provider),
            ),
            failures=(),
        )
    )
    entrants, skipped = all_entrants(found.routers)
    del sys.modules["heavy_impl"]
    assert "heavy" not in [entrant.name for entrant in entrants]
    assert "pip install 'mmr-watch[torch]'" in skipped["heavy"]
