"""Training splits and queries by their meaning, for the tests of the built-in routers."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from mmr_core.contracts import Embeddings, LightFeatures, Queries, TrainingData
from mmr_core.specs import ModelSpec


def _unit(rows):
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norm > 0, norm, 1)


def make_embeddings(text, image, mask=None):
    n = len(text if text is not None else image)
    mask = np.ones((n, 2), dtype=bool) if mask is None else np.asarray(mask)
    rows = [None if x is None else np.where(mask[:, i, None], x, 0) for i, x in enumerate((text, image))]
    norms = [np.zeros(n) if x is None else np.linalg.norm(x, axis=1) for x in rows]
    return Embeddings(
        text=None if text is None else rows[0].astype(np.float32),
        image=None if image is None else rows[1].astype(np.float32),
        norms=np.stack(norms, axis=1).astype(np.float32),
        mask=mask,
    )


def make_queries(embeddings, models, z=None):
    n = len(embeddings)
    if z is None:
        z = np.concatenate([_unit(x) for x in (embeddings.text, embeddings.image) if x is not None], axis=1)
    return Queries(
        ids=tuple(f"q{i}" for i in range(n)),
        questions=tuple(f"question {i}" for i in range(n)),
        images=(None,) * n,
        mask=embeddings.mask,
        z=np.asarray(z, dtype=np.float32),
        embeddings=embeddings,
        light=LightFeatures(text_length=np.full(n, 10), image_size=np.full((n, 2), 64), scenario=("math",) * n),
        pool=tuple(ModelSpec(name=f"m{j}", title=f"M{j}") for j in range(models)),
    )


def make_split(n, *, models=3, missing=0.0, text=6, image=5, mask=None, seed=0, z=None, usd=1e-6):
    """Utilities and costs that lean on the embeddings; costs of about `usd`; a share of outcomes missing."""
    rng = np.random.default_rng(seed)
    embeddings = make_embeddings(rng.normal(size=(n, text)), rng.normal(size=(n, image)), mask)
    world = np.random.default_rng(12345)
    lean = _unit(embeddings.text) @ world.normal(size=(text, models))
    lean += _unit(embeddings.image) @ world.normal(size=(image, models))
    utility = (rng.random((n, models)) < 1 / (1 + np.exp(-2 * lean))).astype(float)
    cost = usd * np.geomspace(1, 100, models) * np.exp(0.3 * lean)
    absent = rng.random((n, models)) < missing
    utility[absent] = cost[absent] = np.nan
    return TrainingData(
        queries=make_queries(embeddings, models, z),
        utility=utility,
        cost=cost,
        validation=np.zeros(n, dtype=bool),
        cost_scale=float(np.nanmax(cost, initial=usd)),
    )


def take(queries, rows):
    """The same queries, some rows of them in another order, under new names."""
    rows = np.asarray(rows, dtype=np.intp)
    pick = lambda values: tuple(values[i] for i in rows)  # noqa: E731
    kept = queries.embeddings
    return replace(
        queries,
        ids=tuple(f"renamed {i}" for i in range(len(rows))),
        questions=pick(queries.questions),
        images=pick(queries.images),
        mask=queries.mask[rows],
        z=queries.z[rows],
        embeddings=Embeddings(
            text=None if kept.text is None else kept.text[rows],
            image=None if kept.image is None else kept.image[rows],
            norms=kept.norms[rows],
            mask=kept.mask[rows],
        ),
        light=LightFeatures(
            text_length=queries.light.text_length[rows],
            image_size=queries.light.image_size[rows],
            scenario=pick(queries.light.scenario),
        ),
    )


@pytest.fixture(scope="session")
def make():
    """`make.split`, `make.embeddings`, `make.queries` and `make.take`."""
    return SimpleNamespace(split=make_split, embeddings=make_embeddings, queries=make_queries, take=take)
