"""Routers of known behaviour, and what a page on savings is made of."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mmr_core.contracts import Prediction
from mmr_core.features import EncodedFeatures
from mmr_core.outcomes import OutcomeTable
from mmr_core.plugins import Contribution, Discovery, Provider
from mmr_core.registry import Registry
from mmr_core.runner.options import Entrant, Options
from mmr_core.savings import Savings, measure_savings
from mmr_core.savings.pool import pooled
from mmr_core.specs import ComponentSpec


class Topics:
    """An encoder of the four topics that questions of the shared table have."""

    modalities = ("text",)
    fingerprint = "topics"

    def encode_text(self, texts):
        words = ("sum", "chart", "receipt", "proof")
        return np.array([[word in text for word in words] for text in texts], dtype=np.float32)


class Plain:
    def fit(self, embeddings):
        return self

    def transform(self, embeddings):
        return embeddings.text


class PerTopic:
    """Predicts the training means of a query's topic: it knows all that can be known."""

    default_fusion = "plain"

    def __init__(self, *, seed: int = 0) -> None:
        self.seed = seed

    def fit(self, training):
        topic = training.queries.z.argmax(axis=1)
        self.utility, self.cost = (
            np.stack([np.nanmean(outcomes[topic == t], axis=0) for t in range(4)])
            for outcomes in (training.utility, training.cost)
        )
        return self

    def predict(self, queries):
        topic = queries.z.argmax(axis=1)
        return Prediction(utility=self.utility[topic], cost=self.cost[topic])


class Contrary(PerTopic):
    """Predicts the opposite of what it learned, so that nothing it chooses pays."""

    def predict(self, queries):
        good = super().predict(queries)
        return Prediction(utility=1 - good.utility, cost=good.cost.max() - good.cost)


class Noisy(PerTopic):
    """Answers differently for each seed."""

    def predict(self, queries):
        good = super().predict(queries)
        rng = np.random.default_rng(self.seed)
        return Prediction(utility=good.utility + rng.normal(0, 0.3, good.utility.shape), cost=good.cost)


class Breaks(PerTopic):
    def predict(self, queries):
        raise ValueError("no idea")


@pytest.fixture
def registry(monkeypatch) -> Registry:
    module: Any = types.ModuleType("savings_plugin")
    module.__dict__.update({c.__name__: c for c in (Plain, PerTopic, Contrary, Noisy, Breaks)})
    monkeypatch.setitem(sys.modules, "savings_plugin", module)
    provider = Provider(plugin="toy", distribution="mmr-toy", version="0.1")
    kinds = {"per-topic": "PerTopic", "contrary": "Contrary", "noisy": "Noisy", "breaks": "Breaks"}
    specs = [
        ComponentSpec(kind="router", name=name, target=f"savings_plugin:{target}", summary="")
        for name, target in kinds.items()
    ]
    specs.append(ComponentSpec(kind="fusion", name="plain", target="savings_plugin:Plain", summary=""))
    contributions = tuple(Contribution(word=spec.kind, spec=spec, provider=provider) for spec in specs)
    return Registry(Discovery(providers=(provider,), contributions=contributions, failures=()))


@pytest.fixture
def worthwhile(table) -> Callable[..., OutcomeTable]:
    """A function that makes a table on which routing pays: two of the topics are easy for every model."""

    def build(models: int = 4, instances: int = 800) -> OutcomeTable:
        made = table(models=models, instances=instances)
        rng = np.random.default_rng(1)
        easy = np.isin(made.category.astype(str), ("a sum", "a chart"))[:, None]  # [n, 1]
        dearest = np.arange(models)[None, :] == models - 1
        chance = np.where(easy | dearest, 0.9, 0.1)  # [n, K]
        return replace(made, utility=(rng.random(made.utility.shape) < chance).astype(float))

    return build


@pytest.fixture
def source() -> EncodedFeatures:
    return EncodedFeatures(text_encoder=Topics(), image_encoder=None)


@pytest.fixture
def page(registry, source) -> Callable[..., Savings]:
    """A function that measures a table, all datasets pooled unless told which columns."""

    def measure(
        table: OutcomeTable, *names: str, datasets=None, seeds=(0,), draws: int = 40, **choices: Any
    ) -> Savings:
        return measure_savings(
            table,
            datasets or [pooled(table)],
            [Entrant(name=name) for name in names or ("per-topic",)],
            source=source,
            registry=registry,
            options=Options(seeds=seeds, draws=draws),
            **choices,
        )

    return measure
