"""Routers, a fusion and an encoder that keep what they are handed, and a registry of them."""

from __future__ import annotations

import importlib
import os
import sys
import types
from typing import Any

import numpy as np
import pytest

from mmr_core.contracts import Decisions, Prediction
from mmr_core.features import EncodedFeatures
from mmr_core.plugins import Contribution, Discovery, Provider
from mmr_core.registry import Registry
from mmr_core.runner import provenance
from mmr_core.runner.evaluate import evaluate
from mmr_core.runner.options import Entrant, Options
from mmr_core.specs import ComponentSpec

HANDED: list[Any] = []


class WordCounts:
    """An encoder of both modalities without dependencies."""

    modalities = ("text", "image")
    fingerprint = "word-counts"

    def encode_text(self, texts):
        HANDED.append(texts)
        return np.array([[len(text), text.count("proof"), text.count("sum"), 1.0] for text in texts], dtype=np.float32)

    def encode_image(self, paths):
        HANDED.append(paths)
        return np.array([[path.stat().st_size, 1.0, 0.0, 2.0] for path in paths], dtype=np.float32)


class Side:
    """A fusion that puts embeddings side by side."""

    def fit(self, embeddings):
        HANDED.append(embeddings)
        return self

    def transform(self, embeddings):
        HANDED.append(embeddings)
        parts = [part for part in (embeddings.text, embeddings.image) if part is not None]
        return np.concatenate(parts, axis=1)


class Mean:
    """Predicts training means, shifted a little by the length of the question."""

    default_fusion = "side"

    def __init__(self, *, seed: int = 0, tilt: float = 0.0) -> None:
        self.seed = seed
        self.tilt = tilt

    def fit(self, training):
        HANDED.append(training)
        self.utility = np.nanmean(training.utility, axis=0)
        self.cost = np.nanmean(training.cost, axis=0)
        return self

    def predict(self, queries):
        HANDED.append(queries)
        n = len(queries)
        tilt = self.tilt * queries.z[:, :1] * np.arange(len(self.utility))
        return Prediction(
            utility=np.tile(self.utility, (n, 1)) + tilt + self.seed * 1e-3, cost=np.tile(self.cost, (n, 1))
        )


class Coin:
    """A policy router: the last model up to weight 1, any model beyond."""

    default_fusion = None

    def __init__(self, *, seed: int = 0) -> None:
        self.seed = seed

    def fit(self, training):
        self.models = training.utility.shape[1]
        return self

    def decide(self, queries, trade_off):
        n = len(queries)
        if trade_off <= 1:
            return Decisions(choice=np.full(n, self.models - 1))
        return Decisions(probabilities=np.full((n, self.models), 1 / self.models))


class Raises(Mean):
    def predict(self, queries):
        raise SystemExit("giving up")


class Breaks(Mean):
    """Answers with whatever `answer` makes of a good prediction."""

    answer = staticmethod(lambda good: good)

    def predict(self, queries):
        return type(self).answer(super().predict(queries))


class BreaksDecision(Coin):
    answer = staticmethod(lambda n, models: None)

    def decide(self, queries, trade_off):
        return type(self).answer(len(queries), self.models)


@pytest.fixture
def plugin(monkeypatch) -> types.ModuleType:
    """The module of the watching plugin, whose classes a test may change."""
    module = types.ModuleType("watching_plugin")
    module.__dict__.update({c.__name__: c for c in (Mean, Coin, Raises, Breaks, BreaksDecision, Side, WordCounts)})
    monkeypatch.setitem(sys.modules, "watching_plugin", module)
    HANDED.clear()
    return module


@pytest.fixture
def registry(plugin) -> Registry:
    """A registry of the watching plugin and nothing else."""
    provider = Provider(plugin="watch", distribution="mmr-watch", version="0.1")
    kinds = {
        "mean": "Mean",
        "coin": "Coin",
        "raises": "Raises",
        "breaks": "Breaks",
        "breaks-decision": "BreaksDecision",
    }
    specs = [
        ComponentSpec(kind="router", name=name, target=f"watching_plugin:{target}", summary="")
        for name, target in kinds.items()
    ]
    specs.append(ComponentSpec(kind="fusion", name="side", target="watching_plugin:Side", summary=""))
    contributions = tuple(Contribution(word=spec.kind, spec=spec, provider=provider) for spec in specs)
    return Registry(Discovery(providers=(provider,), contributions=contributions, failures=()))


@pytest.fixture
def source() -> EncodedFeatures:
    encoder = WordCounts()
    return EncodedFeatures(text_encoder=encoder, image_encoder=encoder)


@pytest.fixture
def handed() -> list[Any]:
    """Everything that the watching plugins have been handed so far."""
    return HANDED


@pytest.fixture
def run(registry, source):
    """A function that evaluates routers, by name, on one dataset of a table."""

    def evaluated(table, *names, dataset="alpha", **options):
        return evaluate(
            table,
            table.spec_of(dataset),
            [Entrant(name=name) for name in names],
            source=source,
            registry=registry,
            options=Options(**{"draws": 20, **options}),
        )

    return evaluated


@pytest.fixture
def plugin_module(tmp_path, monkeypatch):
    """A function that writes a plugin's module to a file, which other processes can import, and gives its registry."""

    def made(name, source, **kinds):
        folder = tmp_path / "plugins"
        folder.mkdir()
        (folder / f"{name}.py").write_text(source)
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
        monkeypatch.delitem(sys.modules, name, raising=False)
        provenance.code_digest.cache_clear()
        provider = Provider(plugin=name, distribution=f"mmr-{name}", version="0.1")
        specs = [
            ComponentSpec(kind=kind.removesuffix("s"), name=short, target=f"{name}:{target}", summary="")
            for kind, targets in kinds.items()
            for short, target in targets.items()
        ]
        contributions = tuple(Contribution(word=spec.kind, spec=spec, provider=provider) for spec in specs)
        found = Registry(Discovery(providers=(provider,), contributions=contributions, failures=()))
        return importlib.import_module(name), found

    return made
