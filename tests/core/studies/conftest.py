"""A small table in three datasets and a mixture, toy routers, and a function that runs cells of studies on them."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from mmr_core.features import EncodedFeatures
from mmr_core.plugins import Contribution, Discovery, Provider
from mmr_core.registry import Registry
from mmr_core.runner.options import Options
from mmr_core.specs import ComponentSpec, DatasetSpec
from mmr_core.studies import Setting, run_cells

TOYS = '''
import os

import numpy as np
from mmr_core.contracts import Decisions, Prediction

HANDED = []


class Lengths:
    """An encoder of both modalities that wants nothing but the standard library."""

    modalities = ("text", "image")
    fingerprint = "lengths"

    def encode_text(self, texts):
        return np.array([[len(t), t.count("proof"), t.count("sum"), 1.0] for t in texts], dtype=np.float32)

    def encode_image(self, paths):
        return np.array([[path.stat().st_size, 1.0, 0.0, 2.0] for path in paths], dtype=np.float32)


class Side:
    """A fusion that puts embeddings side by side."""

    def fit(self, embeddings):
        return self

    def transform(self, embeddings):
        parts = [part for part in (embeddings.text, embeddings.image) if part is not None]
        return np.concatenate(parts, axis=1)


class Tilted:
    """Predicts training means, tilted by what it sees.

    Appends a line to the file `log` at each fit; waits for ever in the fit that TOY_HANGS_AT names.
    """

    default_fusion = "side"

    def __init__(self, *, seed=0, tilt=0.01, log=""):
        self.seed, self.tilt, self.log = seed, tilt, log

    def fit(self, training):
        HANDED.append(training)
        if self.log:
            with open(self.log, "a") as file:
                file.write(f"{self.tilt}\\n")
        if os.environ.get("TOY_HANGS_AT") == str(self.tilt):
            print("hanging", flush=True)
            os.read(0, 1)
        outcomes = training.utility, training.cost
        self.utility, self.cost = (np.nansum(a, axis=0) / np.maximum(1, (~np.isnan(a)).sum(axis=0)) for a in outcomes)
        return self

    def predict(self, queries):
        models = np.arange(len(self.utility))
        tilt = self.tilt * np.log1p(queries.z.sum(axis=1))[:, None] * models
        noise = np.random.default_rng(self.seed).random(len(models)) * 1e-3
        return Prediction(utility=self.utility + tilt + noise, cost=np.tile(self.cost, (len(queries), 1)))


class Coin:
    """A policy router: the last model up to weight 1, any model beyond."""

    default_fusion = None

    def __init__(self, *, seed=0):
        pass

    def fit(self, training):
        self.models = training.utility.shape[1]
        return self

    def decide(self, queries, trade_off):
        n = len(queries)
        if trade_off <= 1:
            return Decisions(choice=np.full(n, self.models - 1))
        return Decisions(probabilities=np.full((n, self.models), 1 / self.models))


class Raises(Tilted):
    def predict(self, queries):
        raise SystemExit("giving up")
'''

MIXTURE = DatasetSpec(
    name="both", title="Both", scenario="mixed", modalities=("text",), members=("alpha", "beta", "gamma")
)


def toy_registry() -> Registry:
    """A registry of the toys and nothing else."""
    provider = Provider(plugin="toys", distribution="mmr-toys", version="0.1")
    kinds = {"router": {"tilted": "Tilted", "coin": "Coin", "raises": "Raises"}, "fusion": {"side": "Side"}}
    specs = [
        ComponentSpec(kind=kind, name=name, target=f"study_toys:{target}", summary="")  # type: ignore[arg-type]
        for kind, targets in kinds.items()
        for name, target in targets.items()
    ]
    contributions = tuple(Contribution(word=spec.kind, spec=spec, provider=provider) for spec in specs)
    return Registry(Discovery(providers=(provider,), contributions=contributions, failures=()))


@pytest.fixture
def toys(tmp_path, monkeypatch) -> ModuleType:
    """The module of the toys, a file of its own that other processes can import."""
    from mmr_core.runner.provenance import code_digest

    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "study_toys.py").write_text(TOYS)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "study_toys", raising=False)
    code_digest.cache_clear()
    import study_toys

    yield study_toys
    sys.modules.pop("study_toys", None)
    code_digest.cache_clear()


@pytest.fixture
def setting(toys, table) -> Setting:
    """240 instances of three datasets, one of a scenario of its own, and their mixture."""
    made = table(models=4, instances=240, datasets=("alpha", "beta", "gamma"))
    return Setting(table=made, columns=(*made.datasets, MIXTURE), registry=toy_registry(), routers=("tilted", "coin"))


@pytest.fixture
def source_for(toys) -> Any:
    """Features of the toy encoder, whatever pair of encoders is asked for."""
    encoder = toys.Lengths()
    return lambda pair: EncodedFeatures(text_encoder=encoder, image_encoder=encoder)


@pytest.fixture
def run(setting, source_for) -> Any:
    """A function that runs cells on the small table, with few draws."""

    def ran(cells, *, on=None, draws=20, **more):
        features = more.pop("source_for", source_for)
        return run_cells(cells, on or setting, source_for=features, options=Options(draws=draws), **more)

    return ran


@pytest.fixture
def assert_equal_records() -> Any:
    """A function that demands that two results say the same in everything but seconds."""

    def same(one: Any, other: Any) -> None:
        if isinstance(one, np.ndarray):
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)
        elif isinstance(one, dict):
            assert one.keys() == other.keys()
            for key in one:
                same(one[key], other[key])
        elif hasattr(one, "__dataclass_fields__"):
            assert type(one) is type(other)
            for name in one.__dataclass_fields__:
                if name != "seconds":
                    same(getattr(one, name), getattr(other, name))
        elif isinstance(one, tuple):
            assert len(one) == len(other)
            for a, b in zip(one, other, strict=True):
                same(a, b)
        else:
            assert one == other

    return same


@pytest.fixture
def plugin_folder(toys) -> Path:
    """Where the toys' module is."""
    return Path(toys.__file__).parent
