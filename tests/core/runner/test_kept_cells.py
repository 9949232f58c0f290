"""What a second run finds of the first: every row, to the bit; only what is new is fitted and measured."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from mmr_core.features import EncodedFeatures
from mmr_core.numerics.sweep import OperatingCurve
from mmr_core.results import Estimate, Timing
from mmr_core.runner.cell_cache import CellCache, packed, unpacked
from mmr_core.runner.evaluate import run_paper
from mmr_core.runner.measure import Yardstick
from mmr_core.runner.options import Entrant, Options
from mmr_core.specs import DatasetSpec

SOURCE = """
import numpy as np
from mmr_core.contracts import Prediction

FITS = []


class Letters:
    modalities = ("text",)
    fingerprint = "letters"

    def encode_text(self, texts):
        return np.array([[len(text), text.count("a"), text.count("e")] for text in texts], dtype=np.float32)


class Side:
    def fit(self, embeddings):
        return self

    def transform(self, embeddings):
        return embeddings.text


class Mean:
    default_fusion = "side"

    def __init__(self, *, seed=0, tilt=0.01):
        self.seed, self.tilt = seed, tilt

    def fit(self, training):
        FITS.append((self.tilt, self.seed, len(training)))
        self.utility, self.cost = np.nanmean(training.utility, axis=0), np.nanmean(training.cost, axis=0)
        return self

    def predict(self, queries):
        tilt = self.tilt * queries.z[:, :1] * np.arange(len(self.utility))
        return Prediction(utility=self.utility + tilt + self.seed / 7, cost=np.tile(self.cost, (len(queries), 1)))


class Gives(Mean):
    def predict(self, queries):
        raise RuntimeError("not today")
"""


@pytest.fixture
def plugin(plugin_module):
    """A plugin in a file, since a digest of its code is part of every fingerprint."""
    return plugin_module("kept_toys", SOURCE, routers={"mean": "Mean", "gives": "Gives"}, fusions={"side": "Side"})


@pytest.fixture
def run(plugin, table, tmp_path, monkeypatch):
    """A function that runs `mean` with some tilts on two datasets and their mixture, and counts fits and draws."""
    module, registry = plugin
    own = table(models=3, instances=240, datasets=("alpha", "beta"))
    own = dataclasses.replace(own, category=np.array(["low", "low", "high", "high"] * 60, dtype=object))
    both = DatasetSpec(name="both", title="", scenario="mixed", modalities=("text",), members=("alpha", "beta"))
    drawn = []
    sample = Yardstick.__dict__["sample"]
    original = sample.func
    monkeypatch.setattr(sample, "func", lambda yardstick: drawn.append(yardstick.tested.name) or original(yardstick))

    def ran(*tilts, on=None, router="mean", **more):
        module.FITS.clear()
        drawn.clear()
        result = run_paper(
            on or own,
            [*own.datasets, both],
            [Entrant(name=router, parameters={"tilt": tilt}) for tilt in tilts],
            source=EncodedFeatures(text_encoder=module.Letters(), image_encoder=None),
            registry=registry,
            options=Options(draws=10, seeds=(0, 1), **more.pop("options", {})),
            cache=tmp_path / "cells",
            **more,
        )
        return result, list(module.FITS), list(drawn)

    ran.table = own
    ran.folder = tmp_path / "cells"
    return ran


def bits(value):
    """Everything in a result but seconds, with arrays as bytes."""
    if dataclasses.is_dataclass(value):
        own = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        if isinstance(value, Timing):
            own = {"router": value.router}
        return {name: bits(one) for name, one in own.items()}
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, tuple | list):
        return [bits(one) for one in value]
    if hasattr(value, "items"):
        return {name: bits(one) for name, one in value.items()}
    return repr(value)


def test_a_second_run_fits_and_draws_nothing_and_says_the_same_to_the_bit(run):
    first, fits, drawn = run(0.01)
    again, more_fits, more_drawn = run(0.01)
    assert (len(fits), len(set(drawn))) == (12, 5)
    assert (more_fits, more_drawn) == ([], [])
    assert bits(first) == bits(again)
    assert [c.timings for c in again.columns] == [c.timings for c in first.columns]
    assert [part.name for part in again.columns[0].slices] == ["high", "low"]


def test_rows_from_the_cache_are_those_that_a_run_without_it_measures(run):
    run(0.01)
    kept, _, _ = run(0.01)
    assert bits(kept) == bits(run(0.01, fresh=True)[0])


def test_fresh_computes_everything_and_keeps_it(run):
    run(0.01)
    assert len(run(0.01, fresh=True)[1]) == 12
    assert run(0.01)[1] == []


def test_a_new_router_beside_known_ones_is_the_only_one_that_is_fitted(run):
    run(0.01)
    (result, fits, _) = run(0.5)
    assert {tilt for tilt, _, _ in fits} == {0.5}
    assert len(fits) == 12
    assert [row.name for row in result.columns[0].whole.rows][:2] == ["mean", "oracle"]


@pytest.mark.parametrize(
    ("change", "refits"),
    [
        ({"options": {"draw_seed": 1}}, 12),
        ({"options": {"modality": "text"}}, 0),
        ({"options": {"fusion": "side"}}, 0),
    ],
)
def test_what_went_in_decides_what_is_measured_again(run, change, refits):
    run(0.01)
    assert len(run(0.01, **change)[1]) == refits


def test_an_outcome_that_changed_measures_its_dataset_and_mixture_again_and_not_the_others(run):
    run(0.01)
    utility = run.table.utility.copy()
    row = np.flatnonzero(run.table.dataset == "beta")[0]
    utility[row] = 1 - utility[row]
    _, fits, _ = run(0.01, on=dataclasses.replace(run.table, utility=utility))
    assert len(fits) == 8


def test_a_router_that_failed_is_tried_again(run):
    for _ in range(2):
        result, fits, _ = run(0.01, router="gives")
        assert {failure.reason for failure in result.failures} == {"RuntimeError: not today"}
        assert len(fits) == 3


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b[:20], lambda b: b[:-1], lambda b: b[:-1] + b"\xff\xff"])
def test_a_damaged_cell_is_as_good_as_none(run, damage):
    first, _, _ = run(0.01)
    for path in run.folder.rglob("*.cell"):
        path.write_bytes(damage(path.read_bytes()))
    again, fits, _ = run(0.01)
    assert len(fits) == 12
    assert bits(first) == bits(again)


def test_two_processes_keep_what_one_finds(run):
    first, _, _ = run(0.01, jobs=2)
    again, fits, _ = run(0.01)
    assert fits == []
    assert bits(first) == bits(again)


@pytest.mark.slow
def test_a_cluster_measures_what_one_process_measures(run):
    distributed = pytest.importorskip("distributed")
    alone, _, _ = run(0.01)
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        shared, fits, _ = run(0.01, cluster=cluster.scheduler_address, fresh=True)
    assert fits == []
    assert bits(alone) == bits(shared)


VALUE = (
    Estimate(value=float("inf"), low=0.1 + 0.2, high=float("inf")),
    OperatingCurve(trade_off=np.array([0.0, np.inf]), cost=np.array([np.nan, -0.0]), utility=np.empty(0)),
    {"flags": np.array([[True], [False]]), "counts": np.arange(3, dtype=np.int16), "list": [1, None, (2.5, "x")]},
    np.float64(1e-300),
)


def test_what_is_kept_comes_back_bit_for_bit():
    back = unpacked(packed(VALUE))
    assert bits(back) == bits((*VALUE[:-1], 1e-300))
    assert isinstance(back[2]["list"], list)
    assert back[1].cost.flags.writeable


@pytest.mark.parametrize("value", [object(), np.array(["text"]), {1, 2}, type("Own", (), {})()])
def test_what_is_no_plain_data_is_not_kept(value):
    with pytest.raises(TypeError, match="cannot keep"):
        packed((value,))


def test_a_file_cannot_name_a_class_that_is_no_dataclass_of_the_engine():
    harmless = packed(Estimate(value=1.0))
    for name in (b'["os", "system"', b'["mmr_core.runner.lineup", "version"'):
        content = harmless[8:].replace(b'["mmr_core.results.estimates", "Estimate"', name)
        with pytest.raises((TypeError, AttributeError)):
            unpacked(len(content).to_bytes(8, "little") + content)


def test_nothing_kept_is_nothing_found(tmp_path):
    assert CellCache(tmp_path / "absent").load("00" * 20) is None
